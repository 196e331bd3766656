"""Jobs at various points of their lives."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs import lifecycle, queries, recording, workers
from jobs.checkpoints import CheckpointFile
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.submission import Submission
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Attempt, Checkpoint, Database, Epoch, Event, Job, Step
from models.columns import DatabaseNow
from storage import StoredFile
from tests.stage import FACTS
from training.metrics import EpochMetrics, StepMetrics
from training.spec import TrainingSpec

BROKEN = Failure(code="diverged", message="The loss was nan.", hint="Lower it.", retryable=False)
LOST = Failure(code="worker_lost", message="It is gone.", hint="Try again.", retryable=True)

SPEC = TrainingSpec(dataset="digits", epochs=3)


def spec(**fields: Any) -> TrainingSpec:
    return TrainingSpec.model_validate({"dataset": "digits", "epochs": 3, **fields})


def epoch_metrics(epoch: int, test_accuracy: float | None = 0.5, **fields: float | None) -> EpochMetrics:
    values = {"train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0, "learning_rate": 0.1, **fields}
    return EpochMetrics.model_validate(
        {
            "epoch": epoch,
            "test_accuracy": test_accuracy,
            "test_top5_accuracy": None,
            "seconds": 1.0,
            "images_per_second": 1437.0,
            "device_memory_bytes": None,
            **values,
        }
    )


def step_metrics(epoch: int, step: int) -> StepMetrics:
    return StepMetrics(epoch=epoch, step=step, loss=1.0, learning_rate=0.1)


def stored(claim: Claim, name: str) -> StoredFile:
    return StoredFile(f"{claim.job_id}/attempt-{claim.attempt:04d}/{name}.safetensors", 3, "0" * 64)


def weights_of(claim: Claim) -> StoredFile:
    return stored(claim, "weights")


def checkpoint_of(claim: Claim, epoch: int, step: int = 0) -> CheckpointFile:
    return CheckpointFile(stored(claim, f"epoch-{epoch:04d}-step-{step:06d}"), epoch, step)


def take(database: Database, job_id: str, worker: str = "second") -> Claim:
    """Claim it, without waiting where it backs off."""
    change(database, job_id, not_before=None)
    with database.session() as session:
        claim = lifecycle.claim(session, job_id, worker, lease_seconds=30)
    assert claim
    return claim


def start(database: Database, claim: Claim, resumed_from: str | None = None) -> None:
    with database.session() as session:
        recording.record_start(session, claim, FACTS, resumed_from)


def publish(database: Database, claim: Claim, *positions: tuple[int, int]) -> list[str]:
    """Checkpoints at these positions; the files that the last one has made superfluous."""
    retired = list[str]()
    for epoch, step in positions:
        with database.session() as session:
            retired = recording.record_checkpoint(session, claim, checkpoint_of(claim, epoch, step))
    return retired


def drop(database: Database, claim: Claim) -> bool:
    """Its worker drains."""
    with database.session() as session:
        return lifecycle.release_job(session, claim)


def lose(database: Database, claim: Claim, failure: Failure = LOST) -> bool:
    with database.session() as session:
        return lifecycle.lose_attempt(session, claim, failure)


def change(database: Database, job_id: str, **values: Any) -> None:
    """Columns of a job, past every rule."""
    with database.session() as session:
        session.execute(update(Job).where(Job.id == job_id).values(values))


def expire(database: Database, job_id: str) -> None:
    change(database, job_id, lease_until=DatabaseNow(-1))


def job_of(database: Database, job_id: str) -> Job:
    with database.snapshot() as session:
        return queries.find(session, job_id).job


def events_of(database: Database, job_id: str) -> list[str]:
    """But for its epochs."""
    others = select(Event.type).where(Event.job_id == job_id, Event.epoch.is_(None)).order_by(Event.id)
    with database.snapshot() as session:
        return list(session.scalars(others))


def ends_of(database: Database, job_id: str) -> list[str | None]:
    """How each attempt ended."""
    return [attempt.end_reason for attempt in job_of(database, job_id).attempts]


def checkpoints_of(database: Database, job_id: str) -> list[tuple[int, int, int]]:
    """Attempt, epoch and step of each, the furthest first."""
    with database.snapshot() as session:
        rows = [record.checkpoint for record in queries.checkpoints(session, job_id).rows]
    return [(row.attempt, row.epoch, row.step) for row in rows]


def everything(database: Database) -> Mapping[str, Iterable[Any]]:
    """Every row that there is of jobs, to be compared with what there is later."""
    with database.snapshot() as session:
        return {
            kind.__tablename__: sorted(map(repr, session.execute(select(*kind.__table__.columns))))
            for kind in (Job, Attempt, Epoch, Step, Checkpoint, Event)
        }


@pytest.fixture
def storage(tmp_path: Path) -> VerifiedStorage:
    """Of data sets. Nothing is in it."""
    return VerifiedStorage(f"file://{tmp_path}/storage")


@pytest.fixture
def submitted(database: Database) -> Callable[..., Job]:
    """Submits a job, by default one of SPEC, with two workers connected."""
    with database.session() as session:
        for name in ("first", "second"):
            workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")

    def submit(spec: TrainingSpec = SPEC, project: str = DEFAULT_PROJECT, **asked: Any) -> Job:
        submission = Submission(spec, **{"name": "a job", "tags": ["lab"], **asked})
        with database.session() as session:
            return lifecycle.submit(session, submission, project=project)

    return submit


@pytest.fixture
def running(database: Database, submitted: Callable[..., Job]) -> Claim:
    """A job whose first attempt is running."""
    claim = take(database, submitted().id, "first")
    start(database, claim)
    return claim
