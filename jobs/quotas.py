"""How much a project may use. Nothing is counted for a quota without a bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from jobs.errors import QuotaExceeded
from jobs.lanes import queued_projects
from jobs.usage import (
    StorageKind,
    device_hours,
    device_hours_of,
    note_bytes,
    storage_by_kind,
    storage_bytes,
    stored,
)
from models import ACTIVE, EVERY_PROJECT, Job, JobStatus, Project
from models.columns import DatabaseNow


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses."""

    running_jobs: int
    queued_jobs: int  # and paused ones: who may put them back may have them there
    storage_bytes: int
    storage_by_kind: Mapping[str, int]
    device_hours: float  # in the calendar month, in UTC


def usage(session: Session, project: str) -> Usage:
    """All of it."""
    return Usage(
        running_jobs=_running(session, project),
        queued_jobs=_queued(session, project),
        storage_bytes=storage_bytes(session, project),
        storage_by_kind=storage_by_kind(session, project),
        device_hours=device_hours(session, project),
    )


def require_room(session: Session, project: str) -> datetime:
    """Raises QuotaExceeded where the project may queue no further job. Returns the time, by the database's clock.

    The project's row is locked until the transaction ends, so that submissions at the same time are counted one by one.
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


def require_storage(session: Session, project: str, more: int) -> None:
    """Raises QuotaExceeded where `more` bytes would be too many for the project. Others may take them first:
    `take_storage`."""
    bound = session.scalars(select(Project.max_storage_bytes).where(Project.id == project)).one()
    if bound is not None and (used := storage_bytes(session, project)) + more > bound:
        raise QuotaExceeded(project, "max_storage_bytes", bound, used)


def take_storage(session: Session, project: str, kind: StorageKind, more: int) -> None:
    """Note that a project's files have grown by `more` bytes. Raises QuotaExceeded where these would be too many.

    Where there is a bound, the project's row is locked until the transaction ends, so that those who store at the same
    time are counted one by one.
    """
    bounded = select(Project.id).where(Project.id == project, Project.max_storage_bytes.is_not(None))
    if more and session.scalar(bounded.with_for_update(key_share=True)) is not None:
        require_storage(session, project, more)
    note_bytes(session, project, kind, more)


def may_begin(session: Session, project: str) -> bool:
    """Whether the project may begin one more job now.

    Locks the project's row as `require_room` does, but only if the answer depends on it: waiting for that row means
    waiting for every earlier claim of the project.
    """
    bounds = _bounds_to_begin(session, Project.id == project)
    if not bounds:
        return True
    if _exhausted(session, bounds):
        return False
    session.execute(select(Project.id).where(Project.id == project).with_for_update(key_share=True))
    return not _exhausted(session, bounds)


def exhausted(session: Session) -> list[str]:
    """Projects that have claimable jobs and may begin none of them. The number of queries does not depend on the number
    of projects, and their cost only on projects with claimable jobs."""
    return _exhausted(session, _bounds_to_begin(session, _WAITS))


def is_exhausted(session: Session, project: str) -> bool:
    """Whether this project may begin no job now."""
    return bool(_exhausted(session, _bounds_to_begin(session, Project.id == project)))


_WAITS = Project.id.in_(select(queued_projects().c.project))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The bounds below which a project's use must be for a job to begin."""

    running_jobs: int | None
    storage_bytes: int | None
    device_hours: float | None


def _bounds_to_begin(session: Session, which: ColumnElement[bool]) -> dict[str, _Bounds]:
    """Of those projects that have any."""
    columns = (Project.max_running_jobs, Project.max_storage_bytes, Project.max_device_hours)
    bounded = or_(*(column.is_not(None) for column in columns))
    found = session.execute(select(Project.id, *columns).where(which, bounded), execution_options=EVERY_PROJECT)
    return {project: _Bounds(jobs, size, hours) for project, jobs, size, hours in found}


def _exhausted(session: Session, bounds: Mapping[str, _Bounds]) -> list[str]:
    """Which of them have reached one."""
    if not bounds:
        return []
    # A job that is with a worker has a lease, which there is an index of.
    running = select(Job.project, func.count()).where(Job.lease_until.is_not(None)).group_by(Job.project)
    jobs = dict(session.execute(running, execution_options=EVERY_PROJECT).all())
    sizes = stored(session, bounds)
    reached = {
        project
        for project, bound in bounds.items()
        if _reaches(jobs.get(project, 0), bound.running_jobs) or _reaches(sizes[project], bound.storage_bytes)
    }
    timed = [project for project, each in bounds.items() if each.device_hours is not None and project not in reached]
    if timed:
        hours = device_hours_of(session, timed)
        reached.update(project for project in timed if _reaches(hours[project], bounds[project].device_hours))
    return sorted(reached)


def _reaches(used: float, bound: float | None) -> bool:
    return bound is not None and used >= bound


Count = Callable[[Session, str], float]


def _to_begin(row: Project) -> tuple[tuple[Count, float | None, str], ...]:
    """What must be left for a job to begin, beside its turn."""
    return (
        (storage_bytes, row.max_storage_bytes, "max_storage_bytes"),
        (device_hours, row.max_device_hours, "max_device_hours"),
    )


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
