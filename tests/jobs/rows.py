"""What the database holds of jobs and what `tests.jobs.model` would have it hold, to be compared."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Attempt, Checkpoint, Epoch, Job, Step
from tests.jobs.model import ModelJob

START = datetime(2030, 1, 1, tzinfo=UTC)

Rows = dict[str, set[tuple[Any, ...]]]


def stored_rows(session: Session) -> Rows:
    attempts = select(Attempt.job_id, Attempt.number, Attempt.worker, Attempt.end_reason)
    epochs = select(Epoch.job_id, Epoch.epoch, Epoch.attempt, Epoch.test_accuracy)
    steps = select(Step.job_id, Step.epoch, Step.step, Step.attempt)
    checkpoints = select(Checkpoint.job_id, Checkpoint.epoch, Checkpoint.step, Checkpoint.attempt)
    return {
        "jobs": {_fields(job) for job in session.scalars(select(Job))},
        "attempts": set(map(tuple, session.execute(attempts))),
        "epochs": set(map(tuple, session.execute(epochs))),
        "steps": set(map(tuple, session.execute(steps))),
        "checkpoints": set(map(tuple, session.execute(checkpoints))),
    }


def rows_of(jobs: Iterable[ModelJob]) -> Rows:
    rows: Rows = {"jobs": set(), "attempts": set(), "epochs": set(), "steps": set(), "checkpoints": set()}
    for job in jobs:
        rows["jobs"].add(
            (
                *(job.id, job.status, job.attempt, job.owner, job.requested, job.requested_at, job.losses),
                *(job.lease_until, job.not_before, job.latest, job.best, job.weights, job.error),
            )
        )
        rows["attempts"] |= {(job.id, number, each.owner, each.reason) for number, each in enumerate(job.attempts, 1)}
        rows["epochs"] |= {(job.id, epoch, *row) for epoch, row in job.epochs.items()}
        rows["steps"] |= {(job.id, *place, attempt) for place, attempt in job.steps.items()}
        rows["checkpoints"] |= {(job.id, *place) for place in job.checkpoints}
    return rows


def _fields(row: Job) -> tuple[Any, ...]:
    return (
        *(row.id, row.status, row.attempt, row.owner, row.requested, _milliseconds(row.requested_at), row.losses),
        *(_milliseconds(row.lease_until), _milliseconds(row.not_before), row.latest_epoch, row.best_epoch),
        row.weights and row.weights["name"],
        row.error and row.error["code"],
    )


def _milliseconds(moment: datetime | None) -> int | None:
    return round((moment - START) / timedelta(milliseconds=1)) if moment else None
