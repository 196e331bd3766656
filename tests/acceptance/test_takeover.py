"""Two workers on one database: what one of them loses, the other has soon, and nobody else writes to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobs import dataset_versions, lifecycle, queries, workers
from jobs.submission import Submission
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, DatasetVersion, Job, JobStatus, VersionStatus
from tests.acceptance.conftest import LEASE_SECONDS, ROOT
from tests.jobs.datasets import sent
from tests.processes import descendants, validations
from tests.worker.attempts import LONG, PATIENCE_SECONDS, until
from tests.worker.validation.archives import tree, zipped
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
def training(database: Database, two_workers: list[subprocess.Popen[bytes]]) -> str:
    """A job that one of the workers has."""

    until(lambda: len(connected(database)) == len(two_workers), "the workers did not connect")
    with database.session() as session:
        return lifecycle.submit(session, Submission(TrainingSpec.model_validate(LONG))).id


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


def trains(worker: subprocess.Popen[bytes]) -> bool:
    return any(os.getsid(pid) == pid for pid in descendants(worker.pid))


# On SQLite a process that stands still in the middle of a write holds everybody up: there is no freezing it.
@pytest.mark.parametrize(
    ("_databases", "losses"), [("sqlite", [kill]), ("postgresql", [freeze, kill])], indirect=["_databases"]
)
def test_another_worker_goes_on_and_the_first_writes_nothing_more(
    database: Database,
    two_workers: list[subprocess.Popen[bytes]],
    training: str,
    losses: list[Callable[[subprocess.Popen[bytes]], Callable[[], None]]],
) -> None:
    def epochs_of(attempt: int) -> set[int]:
        with database.snapshot() as session:
            return {row.epoch for row in queries.epochs_after(session, training).rows if row.attempt == attempt}

    def has_checkpoint_of(attempt: int) -> bool:
        with database.snapshot() as session:
            return any(row.checkpoint.attempt == attempt for row in queries.checkpoints(session, training).rows)

    def lose_attempt(lost: int, lose: Callable[[subprocess.Popen[bytes]], Callable[[], None]]) -> None:
        until(lambda: has_checkpoint_of(lost), "no checkpoint")
        [busy] = filter(trains, two_workers)
        come_back = lose(busy)
        assert until_attempt(database, training, lost + 1, JobStatus.STARTING, JobStatus.RUNNING) < PROMISED_SECONDS
        until_attempt(database, training, lost + 1, JobStatus.RUNNING)
        assert job_of(database, training).attempts[lost].resumed_from
        before = epochs_of(lost)
        come_back()
        until(lambda: len(epochs_of(lost + 1)) >= 4, "the next attempt does not go on")
        assert epochs_of(lost) <= before
        assert job_of(database, training).attempt == lost + 1
        if lose is freeze:
            until(lambda: not trains(busy), "its trainer lives on")

    for number, lose in enumerate(losses, start=1):
        lose_attempt(number, lose)


def connected(database: Database) -> list[str]:
    with database.snapshot() as session:
        return [worker.id for worker in workers.connected(session)]


@pytest.mark.parametrize("_databases", ["sqlite"], indirect=True)
def test_a_validation_is_taken_over_and_leaves_nothing_behind(
    database: Database, two_workers: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    until(lambda: len(connected(database)) == len(two_workers), "the workers did not connect")
    storage = VerifiedStorage(f"file://{tmp_path}/storage")
    upload = sent(database, storage, zipped(tree(train=40)))

    def busy() -> list[subprocess.Popen[bytes]]:
        return [worker for worker in two_workers if validations(worker.pid)]

    until(busy, "no worker validates it", tick_seconds=0.01)
    [first] = busy()
    for pid in validations(first.pid):
        os.kill(pid, signal.SIGSTOP)  # it is not to be done before it is killed
    scratch = tmp_path / "validating"
    until(lambda: len([*scratch.glob("*/task_*")]) == 1, "it has no folder")
    kill(first)

    def version() -> DatasetVersion:
        with database.snapshot() as session:
            return dataset_versions.find(session, DEFAULT_PROJECT, "pets", upload.version or 0)

    until(lambda: version().status != VersionStatus.VALIDATING, "nobody took it over")
    found = version()
    assert (found.status, found.train_images, found.error) == (VersionStatus.READY, 80, None)
    files = {file.name for file in dataset_versions.files_of(found)}
    until(lambda: set(storage.list_names("datasets")) == files, "other files than the version's were left")
    until(lambda: not storage.list_names("uploads"), "parts of the upload were left")
    until(lambda: len([*scratch.glob("*.lock")]) == 1 and not [*scratch.glob("*/*")], "its folder was left")
