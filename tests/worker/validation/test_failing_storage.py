"""A storage that does not answer for a while costs nothing; one that stays away is named."""

import errno
from pathlib import Path

import pytest

from storage import Storage, StoredFile
from tests.worker.validation.archives import order_of, tree, zipped
from worker.validation import patient_storage
from worker.validation.__main__ import carry_out
from worker.validation.messages import Found, Progress, Rejected


class FailingStorage(Storage):
    """Its next `failures` calls fail."""

    def __init__(self, url: str, error: OSError) -> None:
        super().__init__(url)
        self.error, self.failures = error, 0

    def put(self, name: str, content: bytes) -> StoredFile:
        self._fail()
        return super().put(name, content)

    def read_verified(self, file: StoredFile) -> bytes:
        self._fail()
        return super().read_verified(file)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_storage, "RETRY_SECONDS", 0.001)


class Listener:
    """Hears what is said, and lets the storage fail from when this stage begins."""

    def __init__(self, storage: FailingStorage, stage: str, failures: int) -> None:
        self._storage, self._stage, self._failures = storage, stage, failures
        self.stages: list[str] = []

    def __call__(self, progress: Progress) -> None:
        self.stages.append(progress.stage)
        if progress.stage == self._stage and self._failures:
            self._storage.failures, self._failures = self._failures, 0


@pytest.mark.parametrize("stage", ["receiving", "comparing"])
def test_a_storage_that_is_away_for_a_while_is_waited_for(tmp_path: Path, stage: str) -> None:
    """While it is read, and while it is written. Progress is said meanwhile, or the validation would seem to stall."""
    storage = FailingStorage(f"file://{tmp_path}/storage", PermissionError(errno.EPERM, "not now"))
    order = order_of(storage, tmp_path / "x", zipped(tree()))
    listener = Listener(storage, stage, 20)
    assert isinstance(carry_out(order, storage, listener), Found)
    assert listener.stages.count(stage) > 20


def test_a_storage_that_stays_away_is_named_and_another_try_may_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_storage, "GIVE_UP_SECONDS", 0.05)
    error = PermissionError(errno.EPERM, "not for user:secret@host")
    storage = FailingStorage(f"file://{tmp_path}/storage", error)
    order = order_of(storage, tmp_path / "x", zipped(tree()))
    rejected = carry_out(order, storage, Listener(storage, "comparing", 10**9))
    assert isinstance(rejected, Rejected)
    assert rejected.message == "The storage could not be written: Operation not permitted."
    assert (rejected.code, rejected.retryable) == ("internal", True)


def test_a_worker_whose_disk_fails_does_not_blame_the_storage(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/storage")
    order = order_of(storage, tmp_path / "x", zipped(tree()))
    (tmp_path / "x").rmdir()
    rejected = carry_out(order, storage, lambda _progress: None)
    assert isinstance(rejected, Rejected)
    assert rejected.message == "The worker's disk could not be used: No such file or directory."


def test_a_part_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/storage")
    order = order_of(storage, tmp_path / "x", zipped(tree()))
    storage.delete([order.upload[-1].name])
    rejected = carry_out(order, storage, lambda _progress: None)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.retryable) == ("dataset_invalid", False)
