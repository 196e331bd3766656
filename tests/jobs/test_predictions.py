"""The file of a job's predictions: named, counted, kept and deleted as its weights are."""

from pathlib import Path

import pytest

from jobs import changes, garbage, lifecycle, queries
from jobs.errors import AttemptFenced, PredictionsNotFound
from jobs.fence import Claim
from jobs.usage import storage_by_kind
from models import DEFAULT_PROJECT, Database
from storage import Storage, StoredFile
from tests.jobs.conftest import expire, job_of, stored, take, weights_of


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/storage")


def put(storage: Storage, claim: Claim) -> StoredFile:
    return storage.put(stored(claim, "predictions").name, b"12345")


def succeed(database: Database, claim: Claim, predictions: StoredFile) -> None:
    with database.session() as session:
        lifecycle.settle_success(session, claim, weights_of(claim), predictions=predictions)


def counted(database: Database) -> int:
    with database.snapshot() as session:
        return storage_by_kind(session, DEFAULT_PROJECT)["jobs"]


def test_they_are_published_with_the_success_and_counted(database: Database, storage: Storage, running: Claim) -> None:
    with database.snapshot() as session, pytest.raises(PredictionsNotFound, match="is running and has no predictions"):
        queries.predictions_file(session, running.job_id)
    file = put(storage, running)
    succeed(database, running, file)
    with database.snapshot() as session:
        assert queries.predictions_file(session, running.job_id) == file
    assert job_of(database, running.job_id).storage_bytes == counted(database) == 3 + 5


def test_an_attempt_that_has_lost_its_job_publishes_none(database: Database, storage: Storage, running: Claim) -> None:
    expire(database, running.job_id)
    with database.session() as session:
        lifecycle.expire_lease(session, running.job_id)
    with pytest.raises(AttemptFenced):
        succeed(database, running, put(storage, running))
    assert job_of(database, running.job_id).predictions is None
    take(database, running.job_id)
    assert garbage.collect(database, storage, running.job_id) == [stored(running, "predictions").name]


def test_they_are_kept_as_long_as_the_job_is_there(database: Database, storage: Storage, running: Claim) -> None:
    file = put(storage, running)
    succeed(database, running, file)
    assert garbage.collect(database, storage, running.job_id) == []
    with database.session() as session:
        changes.delete_job(session, running.job_id)
    changes.purge(database, storage)
    assert storage.list_names(running.job_id) == []
    assert counted(database) == 0


def test_a_job_that_did_not_ask_for_them_has_none(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.settle_success(session, running, weights_of(running))
    assert job_of(database, running.job_id).predictions is None
