"""Revision 0003, there and back, with rows in every table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from jobs import lifecycle, queries, recording, requests, workers
from jobs.fence import Claim
from jobs.submission import Submission
from migrations import migrate
from models import Database, JobStatus, Request
from tests.jobs.conftest import SPEC, checkpoint_of, epoch_metrics, spec, weights_of
from tests.migrations.conftest import described, downgrade, execute, rows
from tests.stage import FACTS

TIME = "'2026-01-01 00:00:00'"
TABLES = ("workers", "jobs", "attempts", "epochs", "steps", "events")

EARLIER_ROWS = (
    f"""INSERT INTO workers (id, slots, devices, torch_version, started_at, seen_at)
        VALUES ('worker', 1, '["cpu"]', '2', {TIME}, {TIME})""",
    f"""INSERT INTO jobs (id, tags, spec, status, attempt, losses, owner, lease_until, dispatched_at, latest_epoch,
                          best_epoch, created_at, started_at)
        VALUES ('job_1', '[]', '{{"dataset": "digits", "devices": 2}}', 'running', 1, 0, 'worker', {TIME}, {TIME},
                0, 0, {TIME}, {TIME})""",
    f"""INSERT INTO jobs (id, tags, spec, status, requested, attempt, losses, dispatched_at, created_at)
        VALUES ('job_2', '[]', '{{"dataset": "digits"}}', 'cancelled', 'cancel', 0, 0, {TIME}, {TIME})""",
    f"""INSERT INTO attempts (job_id, number, worker, started_at) VALUES ('job_1', 1, 'worker', {TIME})""",
    f"""INSERT INTO epochs (job_id, epoch, attempt, train_loss, train_accuracy, test_loss, test_accuracy,
                            learning_rate, seconds, images_per_second, recorded_at)
        VALUES ('job_1', 0, 1, 0.75, 0.5, 1.5, 0.25, 0.1, 2.0, 700.0, {TIME})""",
    f"""INSERT INTO steps (job_id, epoch, step, attempt, loss, learning_rate, recorded_at)
        VALUES ('job_1', 0, 3, 1, 0.5, 0.1, {TIME})""",
    f"""INSERT INTO events (job_id, attempt, type, message, created_at)
        VALUES ('job_1', 1, 'running', 'It runs.', {TIME})""",
)


def counts(database: Database) -> list[int]:
    return [rows(database, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


def takes(database: Database, column: str, value: str) -> bool:
    """Whether the database lets a job have it."""
    try:
        execute(database, f"UPDATE jobs SET {column} = '{value}' WHERE id = 'job_2'")
    except IntegrityError:
        return False
    return True


def references_hold(database: Database) -> None:
    """No row points to nothing, and none can be made to."""
    if database.engine.dialect.name == "sqlite":
        assert rows(database, "PRAGMA foreign_key_check") == []
        assert rows(database, "PRAGMA foreign_keys") == [(1,)]
    for statement in (
        "UPDATE jobs SET owner = 'nobody' WHERE id = 'job_1'",
        "UPDATE epochs SET job_id = 'job_none'",
        "UPDATE attempts SET worker = 'nobody'",
        "DELETE FROM jobs WHERE id = 'job_1'",
    ):
        with pytest.raises(IntegrityError):
            execute(database, statement)


def test_on_the_way_up_nothing_is_lost_and_what_is_new_has_its_defaults(empty: Database) -> None:
    migrate(empty, "0002")
    execute(empty, *EARLIER_ROWS)
    *before, events = counts(empty)
    migrate(empty)
    assert counts(empty) == [*before, events + 1]  # that an epoch of a job that still runs was recorded
    assert rows(empty, "SELECT id, devices, priority, max_retries, accelerator FROM jobs ORDER BY id") == [
        ("job_1", 2, 5, 3, None),
        ("job_2", 1, 5, 3, None),
    ]
    with empty.snapshot() as session:
        record = queries.find(session, "job_1")
    assert (record.job.status, record.job.owner, record.job.attempt) == (JobStatus.RUNNING, "worker", 1)
    assert record.job.queued_at == record.job.created_at
    assert [(attempt.devices, attempt.resumed_from) for attempt in record.job.attempts] == [(None, None)]
    assert record.latest
    assert record.latest.test_accuracy == 0.25
    references_hold(empty)


def test_a_job_that_ran_meanwhile_goes_on_afterwards(empty: Database) -> None:
    migrate(empty, "0002")
    execute(empty, *EARLIER_ROWS)
    migrate(empty)
    claim = Claim("job_1", 1, SPEC)
    with empty.session() as session:
        lifecycle.heartbeat(session, claim, 30)
        recording.record_epoch(session, claim, epoch_metrics(1))
        recording.record_checkpoint(session, claim, checkpoint_of(claim, 2))
        lifecycle.settle_success(session, claim, weights_of(claim))
    with empty.snapshot() as session:
        assert queries.weights_file(session, "job_1") == weights_of(claim)


def test_what_a_job_may_be_asked_follows_the_revision(empty: Database) -> None:
    migrate(empty, "0002")
    execute(empty, *EARLIER_ROWS)

    def taken() -> list[str]:
        return [value for value in ("cancel", "stop", "pause", "dance") if takes(empty, "requested", value)]

    assert taken() == ["cancel"]
    migrate(empty, "0003")
    assert taken() == ["cancel", "stop", "pause"]
    assert [value for value in ("queued", "paused", "stopped", "lost") if takes(empty, "status", value)] == [
        "queued",
        "paused",
        "stopped",
    ]
    downgrade(empty, "0002")
    assert taken() == ["cancel"]
    assert not takes(empty, "status", "lost")


CHECKS = """
from migrations import migrate
from models import Database
from sqlalchemy import inspect
database = Database("sqlite:///{path}")
migrate(database)
for check in inspect(database.engine).get_check_constraints("jobs"):
    print(check["name"], check["sqltext"])
"""


@pytest.mark.parametrize("seed", ["1", "2", "4"])
def test_on_sqlite_every_process_makes_the_same_checks_of_it(tmp_path: Path, seed: str) -> None:
    """Copying the table goes through sets, whose order a process's hash seed decides."""
    code = CHECKS.format(path=tmp_path / "database.db")
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert sorted(made.stdout.splitlines()) == [
        "ck_jobs_requested requested IN ('cancel', 'stop', 'pause')",
        "ck_jobs_status status IN "
        "('queued', 'starting', 'running', 'paused', 'succeeded', 'failed', 'cancelled', 'stopped')",
    ]


def test_on_the_way_down_what_was_paused_waits_and_what_was_to_stop_goes_on(empty: Database) -> None:
    migrate(empty)
    with empty.session() as session:
        workers.sign_on(session, "worker", slots=1, devices=["cpu"], torch_version="2")
        ids = [lifecycle.submit(session, Submission(spec())).id for _ in range(4)]
        claims = [lifecycle.claim(session, job_id, "worker", 30) for job_id in ids]
        for claim in claims:
            assert claim
            recording.record_start(session, claim, FACTS)
            recording.record_epoch(session, claim, epoch_metrics(0))
            recording.record_checkpoint(session, claim, checkpoint_of(claim, 1))
        requests.request_pause(session, ids[0])
        lifecycle.release_job(session, claims[0])  # type: ignore[arg-type] # asserted above
        for job_id, request_it in zip(
            ids[1:], (requests.request_stop, requests.request_pause, requests.request_cancel), strict=True
        ):
            request_it(session, job_id)
    *before, events = counts(empty)
    downgrade(empty, "0002")
    assert counts(empty) == [*before, events - len(ids)]  # an earlier release does not tell of epochs
    assert rows(empty, "SELECT status, requested FROM jobs ORDER BY id") == [
        ("queued", None),
        ("running", None),
        ("running", None),
        ("running", "cancel"),
    ]
    assert {"checkpoints", "idempotency_keys"}.isdisjoint(inspect(empty.engine).get_table_names())
    migrate(empty)
    with empty.snapshot() as session:
        jobs = [queries.find(session, job_id).job for job_id in ids]
        assert [job.status for job in jobs] == [JobStatus.QUEUED, *[JobStatus.RUNNING] * 3]
        assert jobs[3].requested is Request.CANCEL
        assert [len(queries.epochs_after(session, job_id).rows) for job_id in ids] == [1, 1, 1, 1]
        assert queries.checkpoints(session, ids[0]).rows == []


def test_there_and_back_keeps_keys_and_indexes(empty: Database) -> None:
    migrate(empty, "0002")
    execute(empty, *EARLIER_ROWS)

    before = described(empty, TABLES)
    migrate(empty, "0003")
    indexes = described(empty, TABLES)["jobs"].indexes
    assert set(indexes) - {"pk_jobs"} == {"ix_jobs_lease_until", "ix_jobs_queue", "ix_jobs_status_id"}
    assert "WHERE" in indexes["ix_jobs_lease_until"]  # as before
    downgrade(empty, "0002")
    assert described(empty, TABLES) == before
    references_hold(empty)
