"""Two workers on one database: what one of them loses, the other has soon, and nobody else writes to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobs import lifecycle, queries, workers
from jobs.submission import Submission
from models import Database, Job, JobStatus
from tests.acceptance.conftest import LEASE_SECONDS, ROOT
from tests.processes import descendants
from tests.worker.attempts import LONG, PATIENCE_SECONDS, until
from training.spec import TrainingSpec

PROMISED_SECONDS = 1.5 * LEASE_SECONDS + 5
TICK_SECONDS = 0.05


@pytest.fixture
def two_workers(database: Database, redis_url: str, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = {
        **os.environ,
        "EPOCHAL_DATA_DIR": str(tmp_path),
        "EPOCHAL_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "EPOCHAL_REDIS_URL": redis_url,
        "EPOCHAL_LEASE_SECONDS": str(LEASE_SECONDS),
        "EPOCHAL_WORKER_SLOTS": "1",
    }
    with (tmp_path / "workers.log").open("wb") as log:
        both = [
            subprocess.Popen([sys.executable, "-m", "worker"], cwd=ROOT, env=environment, stdout=log, stderr=log)
            for _ in range(2)
        ]
    yield both
    for worker in both:
        for pid in family(worker):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        worker.terminate()
        worker.wait(PATIENCE_SECONDS)


def family(worker: subprocess.Popen[bytes]) -> list[int]:
    return [worker.pid, *descendants(worker.pid)]


def signal_all(worker: subprocess.Popen[bytes], sent: signal.Signals) -> None:
    for pid in family(worker):
        with suppress(ProcessLookupError):  # ended with another of them
            os.kill(pid, sent)


@pytest.fixture
def training(database: Database, two_workers: list[subprocess.Popen[bytes]]) -> tuple[str, subprocess.Popen[bytes]]:
    """A job that has a checkpoint, and the worker that has it."""

    def connected() -> list[str]:
        with database.snapshot() as session:
            return [worker.id for worker in workers.connected(session)]

    until(lambda: len(connected()) == 2, "the workers did not connect")
    spec = TrainingSpec.model_validate(LONG)
    with database.session() as session:
        job_id = lifecycle.submit(session, Submission(spec)).id

    def saved() -> bool:
        with database.snapshot() as session:
            return bool(queries.checkpoints(session, job_id).rows)

    until(saved, "no checkpoint")
    [busy] = [worker for worker in two_workers if any(os.getsid(pid) == pid for pid in descendants(worker.pid))]
    return job_id, busy


def job_of(database: Database, job_id: str) -> Job:
    with database.snapshot() as session:
        return queries.find(session, job_id).job


def until_attempt(database: Database, job_id: str, number: int, *statuses: JobStatus) -> float:
    """The seconds that count: a tick is one, however late a busy machine lets it come."""
    ticks = 0

    def is_there() -> bool:
        nonlocal ticks
        ticks += 1
        job = job_of(database, job_id)
        return job.attempt == number and job.status in statuses

    until(is_there, f"attempt {number} is not {statuses}", tick_seconds=TICK_SECONDS)
    return ticks * TICK_SECONDS


def kill(worker: subprocess.Popen[bytes]) -> Callable[[], None]:
    signal_all(worker, signal.SIGKILL)
    return lambda: None


def freeze(worker: subprocess.Popen[bytes]) -> Callable[[], None]:
    signal_all(worker, signal.SIGSTOP)
    return lambda: signal_all(worker, signal.SIGCONT)


# On SQLite a process that stands still in the middle of a write holds everybody up: there is no freezing it.
@pytest.mark.parametrize(
    ("_databases", "lose"),
    [("sqlite", kill), ("postgresql", kill), ("postgresql", freeze)],
    indirect=["_databases"],
)
def test_another_worker_goes_on_and_the_first_writes_nothing_more(
    database: Database,
    training: tuple[str, subprocess.Popen[bytes]],
    lose: Callable[[subprocess.Popen[bytes]], Callable[[], None]],
) -> None:
    job_id, busy = training
    come_back = lose(busy)
    assert until_attempt(database, job_id, 2, JobStatus.STARTING, JobStatus.RUNNING) < PROMISED_SECONDS
    until_attempt(database, job_id, 2, JobStatus.RUNNING)
    assert job_of(database, job_id).attempts[1].resumed_from

    with database.snapshot() as session:
        before = [(row.epoch, row.attempt) for row in queries.epochs_after(session, job_id).rows if row.attempt == 1]
    come_back()

    def has_gone_on(epochs: int) -> bool:
        with database.snapshot() as session:
            return sum(row.attempt == 2 for row in queries.epochs_after(session, job_id).rows) >= epochs

    until(lambda: has_gone_on(4), "the second attempt does not go on")
    with database.snapshot() as session:
        after = [(row.epoch, row.attempt) for row in queries.epochs_after(session, job_id).rows if row.attempt == 1]
    assert set(after) <= set(before)
    assert job_of(database, job_id).attempt == 2
    if lose is freeze:
        until(lambda: not any(os.getsid(pid) == pid for pid in descendants(busy.pid)), "its trainer lives on")
