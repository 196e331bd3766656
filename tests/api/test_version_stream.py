"""The stream of a version's validation: what it tells, and what ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import pytest

from access.errors import KeyInvalid
from api.http.errors import TooManyWaiting
from api.reading import version_stream
from api.schemas import DatasetVersion
from api.service.fair_limiter import Slot
from api.service.tailer import Tailer
from catalog.datasets.errors import VersionNotFound
from models import DatabaseUnavailable, VersionStatus


class FakeSlot:
    @asynccontextmanager
    async def another(self) -> AsyncIterator[None]:
        yield


class FakeTailer:
    """Counts who waits, up to one."""

    def __init__(self, *, waiting: int = 0) -> None:
        self.is_closed, self.waiting = False, waiting

    @contextmanager
    def counting(self, key_id: str | None) -> Iterator[None]:
        if self.waiting:
            raise TooManyWaiting(1)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1


def version(done: int, status: VersionStatus = VersionStatus.VALIDATING) -> DatasetVersion:
    is_over = status is not VersionStatus.VALIDATING
    return DatasetVersion.model_validate(
        {
            "name": "pets",
            "version": 1,
            "status": status,
            "source": "upload",
            "created_at": "2026-01-01T00:00:00Z",
            "storage_bytes": 0,
            "other_numbers": [],
            "links": {"self": "/v1/datasets/pets/versions/1", "dataset": "/v1/datasets/pets"},
            "progress": None if is_over else {"stage": "decoding", "done": done, "total": 9},
        }
        | dict.fromkeys(
            ("parent", "identity", "train_images", "test_images", "finished_at", "classes", "channels", "image_size")
        )
        | dict.fromkeys(("report", "error")),
        from_attributes=False,
    )


def streamed(*looks: DatasetVersion | Exception, tailer: FakeTailer | None = None) -> list[tuple[str, str]]:
    """Names and data of the events, where each look finds the next of these."""
    left = list(looks)

    def read() -> DatasetVersion:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def collect(read: Callable[[], DatasetVersion]) -> list[bytes]:
        used = cast("Tailer", tailer or FakeTailer())
        return [event async for event in version_stream.events(read, read(), cast("Slot", FakeSlot()), used, "key")]

    texts = [event.decode() for event in asyncio.run(collect(read))]
    fields = [dict(line.partition(": ")[::2] for line in text.splitlines() if line) for text in texts]
    return [(each.get("event", ""), each.get("data", "")) for each in fields]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_stream, "LOOK_SECONDS", 0.0)


def test_progress_is_told_when_it_changes_and_then_the_end() -> None:
    told = streamed(version(1), version(1), version(5), version(0, VersionStatus.READY))
    assert [name for name, _ in told] == ["progress", "progress", "ready", "end"]
    assert '"done":5' in told[1][1]
    assert told[-1][1] == '{"status":"ready"}'


def test_a_deleted_version_ends_it() -> None:
    assert streamed(version(1), VersionNotFound("pets", 1))[1:] == [("end", '{"status":"deleted"}')]


@pytest.mark.parametrize("error", [KeyInvalid(), DatabaseUnavailable("away")])
def test_it_breaks_off_without_an_end_where_the_client_should_ask_again(error: Exception) -> None:
    assert [name for name, _ in streamed(version(1), error)] == ["progress"]


def test_each_stream_counts_among_the_waiting_of_its_key() -> None:
    tailer = FakeTailer()
    told: list[Any] = streamed(version(1), version(0, VersionStatus.FAILED), tailer=tailer)
    assert ([name for name, _ in told], tailer.waiting) == (["progress", "failed", "end"], 0)
    assert streamed(version(1), tailer=FakeTailer(waiting=1)) == []
