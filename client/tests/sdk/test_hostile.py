"""The SDK against a server that misbehaves. Another number of plans: HOSTILE_SEEDS=300 pytest -k hostile."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import tarfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sdk.hostile import Hostile
from sdk.small_service import EPOCHS, WEIGHTS

SCALE = 0.005  # what is a second for the SDK takes so many here
SEEDS = range(int(os.environ.get("HOSTILE_SEEDS", "3")))
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nor does it have to read the certificates of the system
SPEC: Any = {"dataset": "digits"}


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    real, real_async = time.sleep, asyncio.sleep

    def sleep(count: float) -> None:
        seconds.append(count)
        real(SCALE * count)

    async def sleep_async(count: float) -> None:
        seconds.append(count)
        await real_async(SCALE * count)

    monkeypatch.setattr("epochal._sync.waiting.sleep", sleep)
    monkeypatch.setattr("epochal._async.waiting.sleep", sleep_async)
    return seconds


@pytest.fixture(params=SEEDS)
def hostile(request: pytest.FixtureRequest) -> Iterator[Hostile]:
    with Hostile(request.param) as server:
        yield server
        sys.stdout.write("\n".join(server.did))  # which pytest shows of a test that failed


class Network(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """The real network, for either client."""

    def __init__(self) -> None:
        self.transport = self
        self._waits = httpx2.HTTPTransport(verify=TRUSTS_NOBODY)
        self._awaited = httpx2.AsyncHTTPTransport(verify=TRUSTS_NOBODY)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._waits.handle_request(request)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._awaited.handle_async_request(request)

    def close(self) -> None:
        self._waits.close()

    async def aclose(self) -> None:
        await self._awaited.aclose()


@pytest.fixture
def client(hostile: Hostile, connect: Any) -> Any:
    """Patient enough for as many faults as come in a row, on a machine that is busy."""
    return connect(Network(), url=hostile.url, timeout=0.2, max_retries=12)


def test_what_is_submitted_is_one_job(client: Any, hostile: Hostile) -> None:
    jobs = [client.jobs.create(SPEC, name=f"job {number}") for number in range(4)]
    kept = [(job["id"], job["name"]) for job in hostile.service.jobs.values()]
    assert kept == [(job.id, job.name) for job in jobs]
    assert [job.name for job in jobs] == [f"job {number}" for number in range(4)]


def test_every_epoch_of_a_stream_comes_once_and_in_order(client: Any, hostile: Hostile) -> None:
    job = client.jobs.create(SPEC)
    events = list(job.stream())
    assert [event.epoch for event in events] == [None, *range(EPOCHS)]
    assert [event.id for event in events] == [event["id"] for event in hostile.service.events[job.id]]
    assert len(hostile.service.jobs) == 1


def test_who_waits_sees_the_end(client: Any, hostile: Hostile) -> None:
    first, second = client.jobs.create(SPEC), client.jobs.create(SPEC)
    assert first.wait().status == "succeeded"
    seen = [job.progress.epoch or 0 for job in client.jobs.poll(second.id)]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, EPOCHS)
    client.jobs.delete(first.id)
    assert list(hostile.service.jobs) == [second.id]


def test_weights_have_every_byte(client: Any, tmp_path: Path) -> None:
    job = client.jobs.create(SPEC)
    assert job is not None
    path = client.jobs.weights(job.id, tmp_path / "weights.safetensors")
    assert path.read_bytes() == WEIGHTS
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_uploaded_is_one_version(
    client: Any, hostile: Hostile, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, count in {"SMALLEST_PART": 1000, "FIRST_PART": 3000, "LARGEST_PART": 9000}.items():
        monkeypatch.setattr(f"epochal.uploading.{name}", count)
    version = client.datasets.upload("pets", pets)
    again = client.datasets.upload("pets", pets)
    assert (version.version, version.status, again.version) == (1, "ready", 1)
    service = hostile.service
    assert [(each["version"], each["status"]) for each in service.versions] == [(1, "ready")]
    [content] = [content for number, content in service.contents.items() if service.uploads[number]["version"]]
    with tarfile.open(fileobj=BytesIO(content)) as tar:
        sent = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # files
    assert sent == {path.relative_to(pets).as_posix(): path.read_bytes() for path in pets.rglob("*.png")}
