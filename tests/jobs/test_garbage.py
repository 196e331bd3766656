from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import garbage, lifecycle, recording, requests
from jobs.checkpoints import CheckpointFile
from jobs.fence import Claim
from models import Database, Job
from storage import Storage, StoredFile
from tests.jobs.conftest import checkpoint_of, drop, start, take, weights_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def storage(folder: Path) -> Storage:
    return Storage(f"file://{folder}")


def write(storage: Storage, claim: Claim, epoch: int) -> StoredFile:
    """A checkpoint's file, and nothing of it in the database."""
    return storage.put(checkpoint_of(claim, epoch).file.name, b"abc")


def publish(database: Database, storage: Storage, claim: Claim, epoch: int) -> str:
    file = write(storage, claim, epoch)
    with database.session() as session:
        recording.record_checkpoint(session, claim, CheckpointFile(file, epoch, 0))
    return file.name


def left(storage: Storage, claim: Claim) -> list[str]:
    return storage.list_names(claim.job_id)


def test_what_no_row_names_is_deleted_and_what_one_names_is_not(
    database: Database, storage: Storage, running: Claim
) -> None:
    named = publish(database, storage, running, 1)
    unnamed = write(storage, running, 2).name
    drop(database, running)
    assert garbage.collect(database, storage, running.job_id) == [unnamed]
    assert left(storage, running) == [named]
    assert garbage.collect(database, storage, running.job_id) == []


def test_weights_of_a_job_that_has_ended_are_named_by_it(database: Database, storage: Storage, running: Claim) -> None:
    weights = storage.put(weights_of(running).name, b"abc")
    publish(database, storage, running, 1)
    with database.session() as session:
        lifecycle.settle_success(session, running, weights)
    garbage.collect(database, storage, running.job_id)
    assert left(storage, running) == [weights.name]  # nobody goes on from its checkpoint any more


def test_nothing_of_a_cancelled_job_is_left(database: Database, storage: Storage, folder: Path, running: Claim) -> None:
    publish(database, storage, running, 1)
    storage.put(weights_of(running).name, b"abc")
    with database.session() as session:
        requests.request_cancel(session, running.job_id)
        lifecycle.release_job(session, running)
    garbage.collect_all(database, storage)
    assert list(folder.iterdir()) == []


def test_of_an_attempt_that_is_at_work_nothing_is_deleted_but_of_those_before_it(
    database: Database, storage: Storage, running: Claim
) -> None:
    old = write(storage, running, 1).name
    drop(database, running)
    second = take(database, running.job_id)
    for _ in ("starting", "running"):
        new = write(storage, second, 1).name
        garbage.collect(database, storage, running.job_id)
        assert left(storage, running) == [new]
        start(database, second)
    assert old not in left(storage, running)


def test_what_interrupted_writes_left_is_deleted_once_their_attempt_is_over(
    database: Database, storage: Storage, folder: Path, running: Claim
) -> None:
    named = publish(database, storage, running, 1)
    torn = (folder / named).with_name(".weights.safetensors.123.456")
    torn.write_bytes(b"a")
    assert garbage.collect(database, storage, running.job_id) == []
    drop(database, running)
    garbage.collect(database, storage, running.job_id)
    assert not torn.exists()
    assert left(storage, running) == [named]


def test_files_of_a_job_that_the_database_does_not_know_are_left_alone(
    database: Database, storage: Storage, running: Claim
) -> None:
    storage.put("job_unknown/attempt-0001/weights.safetensors", b"abc")
    garbage.collect_all(database, storage)
    assert storage.list_names("job_unknown") == ["job_unknown/attempt-0001/weights.safetensors"]
    assert garbage.collect(database, storage, running.job_id) == []  # it has none yet


@pytest.mark.parametrize("at_work", [True, False])
def test_a_file_that_is_no_attempt_s_is_left_alone(
    database: Database, storage: Storage, running: Claim, at_work: bool
) -> None:
    storage.put(f"{running.job_id}/notes.txt", b"abc")
    if not at_work:
        drop(database, running)
    garbage.collect(database, storage, running.job_id)
    assert left(storage, running) == [f"{running.job_id}/notes.txt"]


def test_a_checkpoint_that_is_published_after_the_files_were_listed_stays(
    database: Database, storage: Storage, running: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, list_names = write(storage, running, 1), storage.list_names

    def slowly(job_id: str) -> list[str]:
        names = list_names(job_id)
        with database.session() as session:
            recording.record_checkpoint(session, running, CheckpointFile(file, 1, 0))
            lifecycle.release_job(session, running)
        return names

    monkeypatch.setattr(storage, "list_names", slowly)
    assert garbage.collect(database, storage, running.job_id) == []
    assert list_names(running.job_id) == [file.name]


def test_and_so_does_what_the_next_attempt_writes_meanwhile(
    database: Database, storage: Storage, running: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, list_names = write(storage, running, 1).name, storage.list_names
    drop(database, running)
    written = list[str]()

    def slowly(job_id: str) -> list[str]:
        names = list_names(job_id)
        written.append(write(storage, take(database, job_id), 1).name)
        return names

    monkeypatch.setattr(storage, "list_names", slowly)
    assert garbage.collect(database, storage, running.job_id) == [old]
    assert list_names(running.job_id) == written


def test_every_job_that_has_files_is_looked_through(
    database: Database, storage: Storage, running: Claim, submitted: Callable[..., Job]
) -> None:
    other = take(database, submitted().id)
    for claim in (running, other):
        write(storage, claim, 1)
        drop(database, claim)
    garbage.collect_all(database, storage)
    assert storage.folders() == []
