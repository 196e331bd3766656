"""A worker whose clock is an hour off, beside one database whose clock counts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import lifecycle, queries, reconciler, workers
from jobs.submission import Submission
from models import Database, JobStatus
from tests.acceptance.conftest import ROOT
from tests.conftest import Databases
from tests.worker.attempts import LONG, PATIENCE_SECONDS, until
from training.spec import TrainingSpec

LEASE_SECONDS = 4


@pytest.fixture
def database(postgresql_databases: Databases) -> Iterator[Database]:
    with postgresql_databases(migrated=True) as url:
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture
def late_worker(database: Database, redis_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "EPOCHAL_DATA_DIR": str(tmp_path),
        "EPOCHAL_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "EPOCHAL_REDIS_URL": redis_url,
        "EPOCHAL_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    command = [sys.executable, "-m", "tests.acceptance.clock_off", "worker"]
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    yield worker
    worker.terminate()
    worker.wait(PATIENCE_SECONDS)


@pytest.mark.usefixtures("late_worker")
def test_a_workers_wrong_clock_changes_nothing(database: Database) -> None:
    def connected() -> bool:
        with database.snapshot() as session:
            return bool(workers.connected(session))

    until(connected, "the worker did not connect")
    spec = TrainingSpec.model_validate(LONG)
    with database.session() as session:
        job_id = lifecycle.submit(session, Submission(spec)).id

    def seconds_leased() -> float:
        """From its start to where its lease ends, by the database's clock; 0 before it has trained an epoch."""
        reconciler.sweep(database)
        with database.snapshot() as session:
            job = queries.find(session, job_id).job
        assert job.attempt <= 1, job.attempts
        if job.latest_epoch is None or job.lease_until is None or job.started_at is None:
            return 0
        return (job.lease_until - job.started_at).total_seconds()

    until(lambda: seconds_leased() > 4 * LEASE_SECONDS, "it did not keep its lease")
    assert seconds_leased() < 600  # nor has it one that lasts an hour
    with database.snapshot() as session:
        assert queries.find(session, job_id).job.status is JobStatus.RUNNING
