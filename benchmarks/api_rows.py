"""Fills a database with the jobs of several years, in minutes.

Jobs are made here, one after the other from a seeded generator; what they did is derived from them by the database
itself, in SQL that PostgreSQL and SQLite both have. Nothing goes through `jobs/`, which takes a millisecond a row.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, insert, text
from ulid import ULID

from models import DEFAULT_PROJECT, Database, Job, JobStatus, JobTag, Project, Worker
from training.spec import TrainingSpec

PROJECTS = [DEFAULT_PROJECT, *(f"project-{number:02}" for number in range(1, 20))]
WORKER = "worker-1"

# As many at a time as a service has, however many jobs it has had.
WAITING, RUNNING, PAUSED = 60, 30, 10
ENDS = {JobStatus.SUCCEEDED: 70, JobStatus.FAILED: 14, JobStatus.CANCELLED: 10, JobStatus.STOPPED: 6}
DATASETS = {"cifar100": 50, "cifar10": 25, "digits": 15, "flowers": 6, "chest-x-rays": 3, "satellites": 1}
ARCHITECTURES = {"resnet18": 45, "resnet20": 30, "resnet50": 15, "resnet34": 8, "resnet110": 2}
TAGS = ["lab", "baseline", "sweep", "thesis", "team-a", "team-b", "production", "night"]
NAMES = ["baseline", "first try", "longer", "larger batches", "sweep 12", "as in the paper", "what the lab asked for"]
LARGE_EPOCHS = 100

FIRST = datetime(2023, 1, 1, tzinfo=UTC)
LAST = datetime(2026, 11, 1, tzinfo=UTC)
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    jobs: int
    epochs: int  # of a job
    large_jobs: int  # so many, spread over the years, have LARGE_EPOCHS

    @property
    def rows(self) -> int:
        """Of epochs."""
        return self.large_jobs * LARGE_EPOCHS + (self.jobs - self.large_jobs) * self.epochs


# A million jobs of 100 epochs would be some 20 GB on each database: they have a few, and the jobs that are asked for
# have all 100.
SIZES = {
    1_000: Size(1_000, LARGE_EPOCHS, 1_000),
    100_000: Size(100_000, 5, 2_000),
    1_000_000: Size(1_000_000, 3, 2_000),
}


def fill(database: Database, size: Size) -> None:
    """Every table of a job, then what the planner knows of them. The database is migrated and has no jobs."""
    with database.engine.begin() as connection:
        _before(connection)
        made = datetime.now(UTC)
        for project in PROJECTS[1:]:
            connection.execute(insert(Project).values(id=project, created_at=made))
        worker = {"id": WORKER, "slots": 64, "devices": ["cpu"], "torch_version": "2.15.0"}
        connection.execute(insert(Worker).values(**worker, started_at=made, seen_at=made + timedelta(days=1)))
        jobs = jobs_of(size)
        while chunk := list(islice(jobs, CHUNK)):
            connection.execute(insert(Job), chunk)
            tags = [
                {"project": job["project"], "tag": tag, "job_id": job["id"]} for job in chunk for tag in job["tags"]
            ]
            connection.execute(insert(JobTag), tags)
        for statement in _derived(connection):
            connection.execute(text(statement))
        connection.execute(text("ANALYZE"))
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM"))  # which the server does by itself, some time later


def _before(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def jobs_of(size: Size) -> Iterator[dict[str, Any]]:
    """Their rows, one after the other; but for leases, the same each time."""
    dice = random.Random(size.jobs)
    between = (LAST - FIRST) / size.jobs
    spec = TrainingSpec(dataset="cifar100").model_dump(mode="json")
    large = size.jobs // size.large_jobs
    active = [
        *[JobStatus.PAUSED] * PAUSED,
        *[JobStatus.RUNNING] * RUNNING,
        *[JobStatus.QUEUED] * WAITING,
    ]
    weights = [1 / place for place in range(1, len(PROJECTS) + 1)]
    for number in range(size.jobs):
        created = FIRST + between * number
        left = size.jobs - number
        status = active[-left] if left <= len(active) else _one_of(dice, ENDS)
        epochs = LARGE_EPOCHS if number % large == 0 else size.epochs
        has_run = status is not JobStatus.QUEUED
        ended = status in ENDS
        dataset, architecture = _one_of(dice, DATASETS), _one_of(dice, ARCHITECTURES)
        finished = created + timedelta(minutes=dice.randint(5, 600))
        yield {
            "id": f"job_{str(ULID.from_timestamp(created.timestamp())).lower()}",
            "project": dice.choices(PROJECTS, weights)[0],
            "revision": epochs + 4,
            "name": dice.choice(NAMES) if dice.random() < 0.7 else None,
            "tags": sorted(dice.sample(TAGS, dice.randint(1, 3))),
            "spec": {**spec, "dataset": dataset, "epochs": epochs, "architecture": {"name": architecture}},
            "dataset": dataset,
            "architecture": architecture,
            "status": status,
            "requested": None,
            "priority": dice.choices([5, 3, 7, 9], [85, 5, 7, 3])[0],
            "max_retries": 3,
            "devices": 1,
            "attempt": int(has_run),
            "losses": 0,
            "owner": WORKER if status is JobStatus.RUNNING else None,
            "lease_until": datetime.now(UTC) + timedelta(days=1) if status is JobStatus.RUNNING else None,
            "queued_at": created,
            "latest_epoch": epochs - 1 if has_run else None,
            "best_epoch": epochs - 1 if has_run else None,
            "best_accuracy": round(dice.uniform(0.3, 0.95), 4) if has_run else None,
            "error": _ERROR if status is JobStatus.FAILED else None,
            "created_at": created,
            "started_at": created + timedelta(seconds=3) if has_run else None,
            "finished_at": finished if ended else None,
        }


_ERROR = {
    "code": "diverged",
    "message": "The loss was nan.",
    "hint": "Lower the learning rate.",
    "retryable": False,
    "attempt": 1,
}


def _one_of(dice: random.Random, weighted: dict[Any, int]) -> Any:
    return dice.choices(list(weighted), list(weighted.values()))[0]


def _derived(connection: Connection) -> Sequence[str]:
    """What jobs that ran have done."""
    names = json.dumps(["cpu"])
    # Numbers below the largest count of epochs, by which each job is repeated.
    numbers = (
        f"WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {LARGE_EPOCHS}) "
    )
    epochs = "jobs JOIN numbers ON numbers.n <= jobs.latest_epoch"
    accuracy = "jobs.best_accuracy * (numbers.n + 1.0) / (jobs.latest_epoch + 1.0)"
    return [
        "INSERT INTO attempts (job_id, number, worker, started_at, ended_at, end_reason, devices) "
        f"SELECT id, 1, '{WORKER}', started_at, finished_at, CASE status WHEN 'running' THEN NULL "
        f"WHEN 'failed' THEN 'diverged' ELSE status END, '{names}' FROM jobs WHERE attempt = 1",
        f"{_into_epochs()} {numbers} SELECT jobs.id, numbers.n, 1, 2.0 / (numbers.n + 1), {accuracy}, "
        f"2.1 / (numbers.n + 1), {accuracy}, {accuracy}, 0.1, 12.5, 4000.0, jobs.started_at FROM {epochs}",
        "INSERT INTO events (job_id, attempt, type, message, created_at) SELECT id, 0, 'queued', "
        "'Accepted; waiting for a worker.', created_at FROM jobs",
        "INSERT INTO events (job_id, attempt, type, message, created_at) SELECT id, 1, 'running', "
        "'Training on cpu in fp32.', started_at FROM jobs WHERE attempt = 1",
        f"INSERT INTO events (job_id, attempt, type, message, epoch, created_at) {numbers} SELECT jobs.id, 1, 'epoch', "
        f"'', numbers.n, jobs.started_at FROM {epochs}",
        "INSERT INTO events (job_id, attempt, type, message, created_at) SELECT id, 1, status, '', finished_at "
        "FROM jobs WHERE finished_at IS NOT NULL",
        "INSERT INTO checkpoints (name, job_id, attempt, epoch, step, size_bytes, sha256, failed_loads, created_at) "
        "SELECT id || '/attempt-0001/epoch-last.safetensors', id, 1, latest_epoch + 1, 0, 90000000, "
        "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, started_at FROM jobs "
        "WHERE attempt = 1 AND status <> 'cancelled'",
        # Steps of the last epoch: of the most that there are, they are asked for the least.
        f"INSERT INTO steps (job_id, epoch, step, attempt, loss, learning_rate, recorded_at) {numbers} SELECT jobs.id, "
        "jobs.latest_epoch, numbers.n * 10, 1, 1.5, 0.1, jobs.started_at FROM jobs JOIN numbers ON numbers.n < 3 "
        "WHERE jobs.attempt = 1",
    ]


def _into_epochs() -> str:
    return (
        "INSERT INTO epochs (job_id, epoch, attempt, train_loss, train_accuracy, test_loss, test_accuracy, "
        "test_top5_accuracy, learning_rate, seconds, images_per_second, recorded_at)"
    )
