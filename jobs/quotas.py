"""How much a project may use. Nothing is counted for a quota that has no bound."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from jobs.errors import QuotaExceeded
from jobs.usage import device_hours, storage_bytes
from models import ACTIVE, EVERY_PROJECT, Job, JobStatus, Project
from models.columns import DatabaseNow


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses."""

    running_jobs: int
    queued_jobs: int  # and paused ones: who may put them back may have them there
    storage_bytes: int
    device_hours: float  # in the calendar month, in UTC


def usage(session: Session, project: str) -> Usage:
    """All of it."""
    return Usage(
        running_jobs=_running(session, project),
        queued_jobs=_queued(session, project),
        storage_bytes=storage_bytes(session, project),
        device_hours=device_hours(session, project),
    )


def require_room(session: Session, project: str) -> datetime:
    """For one more job in the queue. When there was, by the database's clock. Raises QuotaExceeded.

    The project's row is locked until the transaction ends, so that of several who come at once each counts.
    """
    row, now = session.execute(select(Project, DatabaseNow()).where(Project.id == project)).one()
    if not _has_bounds(row):
        return now
    session.execute(select(Project.id).where(Project.id == project).with_for_update(key_share=True))
    queued = (_queued, row.max_queued_jobs, "max_queued_jobs")
    for count, bound, quota in (queued, *_to_begin(row)):
        if bound is not None and (used := count(session, project)) >= bound:
            raise QuotaExceeded(project, quota, bound, used)
    return session.scalars(select(DatabaseNow())).one()  # the lock may have been waited for


def may_begin(session: Session, project: str) -> bool:
    """Whether one more job of it may start now. Locks the project's row, as `require_room`."""
    row = session.get(Project, project)
    if row is None or not _has_bounds(row):
        return True
    session.execute(select(Project.id).where(Project.id == project).with_for_update(key_share=True))
    return not _is_exhausted(session, row)


def exhausted(session: Session) -> list[str]:
    """Projects of which no job may start now."""
    bounded = select(Project).where(
        Project.max_running_jobs.is_not(None)
        | Project.max_storage_bytes.is_not(None)
        | Project.max_device_hours.is_not(None)
    )
    return [row.id for row in session.scalars(bounded) if _is_exhausted(session, row)]


def is_exhausted(session: Session, project: str) -> bool:
    """Whether no job of this one may start now."""
    row = session.get(Project, project)
    return row is not None and _has_bounds(row) and _is_exhausted(session, row)


Count = Callable[[Session, str], float]


def _to_begin(row: Project) -> tuple[tuple[Count, float | None, str], ...]:
    """What must be left for a job to begin, beside its turn."""
    return (
        (storage_bytes, row.max_storage_bytes, "max_storage_bytes"),
        (device_hours, row.max_device_hours, "max_device_hours"),
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
    return _count(session, Job.project == project, Job.status.in_((JobStatus.QUEUED, JobStatus.PAUSED)))


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    counted = select(func.count()).select_from(Job).where(*conditions)
    return session.scalars(counted, execution_options=EVERY_PROJECT).one()
