from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import OperationalError

from models import Base, Database, Job, JobStatus, Request
from tests.chaos import history
from tests.chaos.history import Write

JOB = {"id": "job_1", "tags": [], "spec": {}, "status": JobStatus.QUEUED}
WORKER = {"id": "a-worker", "slots": 1, "devices": ["cpu"], "torch_version": "1"}
SOON = datetime.now(UTC) + timedelta(seconds=4)
EPOCH = {
    "job_id": "job_1",
    "epoch": 0,
    "attempt": 1,
    "train_loss": 1.0,
    "train_accuracy": 0.5,
    "learning_rate": 0.1,
    "seconds": 1.0,
    "images_per_second": 1.0,
}


@pytest.fixture
def write(database: Database) -> Callable[[Any], list[Write]]:
    """Executes a statement, and returns what the history has then."""
    history.install(database)

    def execute(statement: Any) -> list[Write]:
        with database.session() as session:
            session.execute(statement)
        with database.snapshot() as session:
            return history.read(session)

    execute(insert(Base.metadata.tables["workers"]).values(WORKER))
    execute(insert(Job).values(JOB))
    return execute


def test_a_claim_is_kept_with_what_was_before(write: Callable[[Any], list[Write]]) -> None:
    claim = update(Job).values(status=JobStatus.STARTING, attempt=1, owner="a-worker", lease_until=SOON)
    [signed_on, accepted, claimed] = write(claim)
    assert (signed_on.relation, signed_on.operation, signed_on.owner) == ("workers", "insert", "a-worker")
    assert (accepted.operation, accepted.status, accepted.attempt) == ("insert", "queued", 0)
    assert (claimed.operation, claimed.old_status, claimed.status) == ("update", "queued", "starting")
    assert (claimed.old_attempt, claimed.attempt, claimed.owner) == (0, 1, "a-worker")
    assert claimed.old_lease_until is None
    assert claimed.lease_until == pytest.approx(SOON.timestamp(), abs=0.01)
    assert claimed.at == pytest.approx(datetime.now(UTC).timestamp(), abs=60)


def test_an_epoch_is_kept_with_its_job_at_that_moment(write: Callable[[Any], list[Write]]) -> None:
    write(update(Job).values(status=JobStatus.RUNNING, attempt=2, requested=Request.CANCEL))
    epochs = Base.metadata.tables["epochs"]
    written = write(insert(epochs).values(EPOCH))[-1]
    assert (written.relation, written.operation, written.epoch, written.attempt) == ("epochs", "insert", 0, 1)
    assert (written.job_attempt, written.job_status, written.job_requested) == (2, "running", "cancel")
    assert write(update(epochs).values(attempt=2))[-1].operation == "update"
    deleted = write(delete(epochs))[-1]
    assert (deleted.operation, deleted.attempt, deleted.job_attempt) == ("delete", 2, 2)


@pytest.mark.parametrize("relation", ["attempts", "epochs", "steps", "checkpoints"])
def test_each_table_of_an_attempt_is_watched(write: Callable[[Any], list[Write]], relation: str) -> None:
    values = {
        "attempts": {"job_id": "job_1", "number": 1, "worker": "a-worker"},
        "epochs": EPOCH,
        "steps": {"job_id": "job_1", "epoch": 0, "step": 0, "attempt": 1, "loss": 1.0, "learning_rate": 0.1},
        "checkpoints": {
            "name": "job_1/attempt-0001/epoch-0001-step-000000.safetensors",
            "job_id": "job_1",
            "epoch": 1,
            "step": 0,
            "attempt": 1,
            "size_bytes": 1,
            "sha256": "a",
        },
    }
    kept = write(insert(Base.metadata.tables[relation]).values(values[relation]))[-1]
    assert (kept.relation, kept.job_id, kept.attempt) == (relation, "job_1", 1)


def test_what_is_rolled_back_leaves_no_trace(write: Callable[[Any], list[Write]], database: Database) -> None:
    before = write(update(Job).values(attempt=1))
    with database.engine.connect() as connection:
        connection.execute(update(Job).values(attempt=2))
        connection.rollback()
    with database.snapshot() as session:
        assert history.read(session) == before


def test_a_write_tells_who_wrote(
    write: Callable[[Any], list[Write]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGAPPNAME", "worker-1.2")  # as a program of the run has it
    with database.session() as session:
        if database.engine.dialect.name == "postgresql":
            session.execute(text("SET application_name = 'worker-1.2'"))
        session.execute(update(Job).values(attempt=1))
    with database.snapshot() as session:
        assert history.read(session)[-1].writer == "worker-1.2"


def test_a_requeue_keeps_who_made_it_and_what_was_left_of_the_lease(write: Callable[[Any], list[Write]]) -> None:
    write(update(Job).values(status=JobStatus.STARTING, attempt=1, owner="a-worker", lease_until=SOON))
    requeue = update(Job).values(status=JobStatus.QUEUED, owner=None, lease_until=None, not_before=SOON)
    written = write(requeue)[-1]
    assert written.old_lease_until == pytest.approx(SOON.timestamp(), abs=0.01)
    assert written.not_before == pytest.approx(SOON.timestamp(), abs=0.01)
    assert written.lease_until is None


def test_who_does_not_say_who_it_is_writes_nothing(write: Callable[[Any], list[Write]], database: Database) -> None:
    if database.engine.dialect.name == "postgresql":  # which tells by itself
        return
    unsigned = Database(database.engine.url.render_as_string())
    try:
        with pytest.raises(OperationalError, match="chaos_writer"), unsigned.session() as session:
            session.execute(update(Job).values(attempt=1))
    finally:
        unsigned.dispose()
    assert write(update(Job).values(attempt=2))[-1].attempt == 2
