"""One database and one storage belong together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import lifecycle, reconciler, recording
from jobs.deployment import bind_storage, server_connections
from jobs.fence import Claim
from jobs.verified_storage import STORAGE_ID_FILE, VerifiedStorage
from models import Database, DatabaseFull, Job
from tests.jobs.conftest import (
    checkpoint_of,
    checkpoints_of,
    ends_of,
    epoch_metrics,
    expire,
    job_of,
    publish,
    take,
    weights_of,
)
from tests.stage import FACTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "storage"


def settled(database: Database, folder: Path) -> VerifiedStorage:
    storage = VerifiedStorage(f"file://{folder}")
    bind_storage(database, storage)
    return storage


def test_the_first_to_come_marks_the_storage_and_the_next_finds_its_mark(database: Database, folder: Path) -> None:
    first, second = settled(database, folder), settled(database, folder)
    assert first.storage_id
    assert first.storage_id == second.storage_id == (folder / STORAGE_ID_FILE).read_text()


def test_a_storage_that_was_moved_away_is_away_and_not_made_anew(
    database: Database, folder: Path, running: Claim, tmp_path: Path
) -> None:
    storage = settled(database, folder)
    name = checkpoint_of(running, 1).file.name
    storage.put(name, b"abc")
    folder.rename(tmp_path / "elsewhere")
    for use in (
        lambda: storage.put(name, b"abc"),
        lambda: storage.read(name),
        lambda: storage.stream(name),
        lambda: storage.list_names(running.job_id),
        storage.folders,
        lambda: settled(database, folder),
    ):
        with pytest.raises(OSError, match="mount the one") as away:
            use()
        assert not isinstance(away.value, FileNotFoundError)  # which would say that the file is lost
    assert not folder.exists()
    (tmp_path / "elsewhere").rename(folder)
    assert storage.read(name) == b"abc"
    with pytest.raises(FileNotFoundError):
        storage.read(f"{name}x")


def test_an_empty_folder_in_the_storages_place_is_refused_too(
    database: Database, folder: Path, running: Claim, tmp_path: Path
) -> None:
    """As a mount point is without its mount: even to a database that remembers no mark yet."""
    publish(database, running, (1, 0))
    folder.mkdir()
    with pytest.raises(OSError, match="mount that one"):
        settled(database, folder)
    VerifiedStorage(f"file://{folder}").put(checkpoint_of(running, 1).file.name, b"abc")
    settled(database, folder)
    with pytest.raises(OSError, match="mount the one"):
        settled(database, tmp_path / "another")


def test_what_a_full_disk_kept_from_renewing_its_lease_is_told_so(
    database: Database, submitted: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = take(database, submitted().id)
    expire(database, claim.job_id)
    monkeypatch.setattr(database, "seconds_since", lambda kind: 0.5 if kind is DatabaseFull else float("inf"))
    reconciler.sweep(database)
    assert ends_of(database, claim.job_id) == ["storage_full"]
    again = take(database, claim.job_id)
    expire(database, claim.job_id)
    monkeypatch.undo()
    reconciler.sweep(database)
    assert ends_of(database, again.job_id)[-1] == "worker_lost"


def test_of_a_job_that_has_its_weights_the_best_checkpoint_stays_where_the_weights_are_not_the_best(
    database: Database, submitted: Callable[..., Job]
) -> None:
    for accuracies, kept in (((0.5, 0.9, 0.7), [(1, 2, 0)]), ((0.5, 0.7, 0.9), [])):
        claim = take(database, submitted().id)
        for epoch, accuracy in enumerate(accuracies):
            with database.session() as session:
                recording.record_epoch(session, claim, epoch_metrics(epoch, accuracy))
            if epoch < len(accuracies) - 1:
                publish(database, claim, (epoch + 1, 0))
        with database.session() as session:
            recording.record_start(session, claim, FACTS)
            lifecycle.settle_success(session, claim, weights_of(claim))
        assert checkpoints_of(database, claim.job_id) == kept
        assert job_of(database, claim.job_id).storage_bytes == 3 * (1 + len(kept))


def test_connections_of_a_server_are_counted(database: Database) -> None:
    with database.snapshot() as session:
        found = server_connections(session)
    assert (found is None) == (database.engine.dialect.name == "sqlite")
    assert found is None or 1 <= found["open"] < found["most"]
