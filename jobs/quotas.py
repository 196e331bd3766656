"""How much a project may use, and how much it does.

Counted anew each time from the few rows that matter: no tally can go wrong. Nothing is counted for a project without
quotas, or for a quota that has no bound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.errors import QuotaExceeded
from models import ACTIVE, EVERY_PROJECT, Attempt, Checkpoint, Job, JobStatus, Project
from models.columns import DatabaseNow


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses."""

    running_jobs: int
    queued_jobs: int
    storage_bytes: int
    device_hours: float  # in the calendar month, in UTC


def usage(session: Session, project: str) -> Usage:
    """All of it."""
    return Usage(
        running_jobs=_running(session, project),
        queued_jobs=_queued(session, project),
        storage_bytes=_stored(session, project),
        device_hours=_device_hours(session, project),
    )


def require_room(session: Session, project: str) -> None:
    """For one more job in the queue. Raises QuotaExceeded.

    The project's row is locked until the transaction ends, so that of several who come at once each counts.
    """
    row = session.scalar(select(Project).where(Project.id == project))
    if row is None or not _has_bounds(row):
        return
    session.execute(select(Project.id).where(Project.id == project).with_for_update())
    queued = (_queued, row.max_queued_jobs, "max_queued_jobs")
    for count, bound, quota in (queued, *_to_begin(row)):
        if bound is not None and (used := count(session, project)) >= bound:
            raise QuotaExceeded(project, quota, bound, used)


def may_begin(session: Session, project: str) -> bool:
    """Whether one more job of it may start now. Locks the project's row, as `require_room`."""
    row = session.scalar(select(Project).where(Project.id == project))
    if row is None or not _has_bounds(row):
        return True
    session.execute(select(Project.id).where(Project.id == project).with_for_update())
    return not _is_exhausted(session, row)


def exhausted(session: Session) -> list[str]:
    """Projects of which no job may start now."""
    bounded = select(Project).where(
        Project.max_running_jobs.is_not(None)
        | Project.max_storage_bytes.is_not(None)
        | Project.max_device_hours.is_not(None)
    )
    return [row.id for row in session.scalars(bounded) if _is_exhausted(session, row)]


Count = Callable[[Session, str], float]


def _to_begin(row: Project) -> tuple[tuple[Count, float | None, str], ...]:
    """What must be left for a job to begin, beside its turn."""
    return (
        (_stored, row.max_storage_bytes, "max_storage_bytes"),
        (_device_hours, row.max_device_hours, "max_device_hours"),
    )


def _is_exhausted(session: Session, row: Project) -> bool:
    bounds = ((_running, row.max_running_jobs, "max_running_jobs"), *_to_begin(row))
    return any(bound is not None and count(session, row.id) >= bound for count, bound, _ in bounds)


def _has_bounds(row: Project) -> bool:
    return any(
        bound is not None
        for bound in (row.max_running_jobs, row.max_queued_jobs, row.max_storage_bytes, row.max_device_hours)
    )


def _running(session: Session, project: str) -> int:
    return _count(session, Job.project == project, Job.status.in_(ACTIVE))


def _queued(session: Session, project: str) -> int:
    return _count(session, Job.project == project, Job.status == JobStatus.QUEUED)


def _count(session: Session, *conditions: object) -> int:
    counted = select(func.count()).select_from(Job).where(*conditions)  # type: ignore[arg-type]
    return session.scalars(counted, execution_options=EVERY_PROJECT).one()


def _stored(session: Session, project: str) -> int:
    """Checkpoints and weights, of jobs that are being deleted too: their files are still there."""
    checkpoints = select(func.sum(Checkpoint.size_bytes)).join(Job, Job.id == Checkpoint.job_id)
    weights = select(func.sum(Job.weights["size_bytes"].as_integer()))
    return sum(
        int(session.scalar(statement.where(Job.project == project), execution_options=EVERY_PROJECT) or 0)
        for statement in (checkpoints, weights)
    )


def _device_hours(session: Session, project: str) -> float:
    """Of attempts that have not ended before the month began; of each the part that lies in it."""
    now = session.scalars(select(DatabaseNow())).one()
    month = datetime(now.year, now.month, 1, tzinfo=UTC)
    attempts = select(Attempt.started_at, Attempt.ended_at, Job.devices).join(Job, Job.id == Attempt.job_id)
    mine = attempts.where(Job.project == project, Attempt.ended_at.is_(None) | (Attempt.ended_at > month))
    rows = session.execute(mine, execution_options=EVERY_PROJECT)
    seconds = sum(((ended or now) - max(began, month)).total_seconds() * devices for began, ended, devices in rows)
    return max(0.0, seconds / 3600)
