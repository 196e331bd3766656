"""What projects use, noted where it changes and in the transaction that changes it: to ask for it costs the same
however many jobs there are, and it outlives them.

Of storage the difference is noted of each job's own, which is counted anew from its few files each time: it cannot
drift. What is noted is appended, because one row that every attempt of a project updates is one that all its workers
wait for; `fold` adds it to the sums. A sum and what is not in it yet are read in one statement, and so in one state of
the database.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, delete, func, select, update
from sqlalchemy.orm import Session

from models import EVERY_PROJECT, Attempt, Checkpoint, DeviceUse, Job, Project, UsageEntry, insert_for
from models.columns import DatabaseNow

BATCH_SIZE = 1000  # entries a fold


def note_storage(session: Session, job: Job) -> None:
    """The job's checkpoints or weights are others than before, or gone."""
    session.flush()
    checkpoints = select(func.coalesce(func.sum(Checkpoint.size_bytes), 0)).where(Checkpoint.job_id == job.id)
    size = int(session.scalars(checkpoints).one()) + (job.weights["size_bytes"] if job.weights else 0)
    if size != job.storage_bytes:
        session.add(UsageEntry(project=job.project, storage_bytes=size - job.storage_bytes))
        job.storage_bytes = size


def note_device_time(session: Session, job: Job, began: datetime, ended: datetime) -> None:
    """An attempt has ended: what it used counts in the months in which it did."""
    for month, seconds in _by_month(began, ended):
        session.add(UsageEntry(project=job.project, month=month, device_seconds=seconds * job.devices))


def has_entries(session: Session) -> bool:
    """Whether anything is to be added up."""
    return session.scalar(select(UsageEntry.id).limit(1)) is not None


def fold(session: Session) -> bool:
    """Add entries up. Whether there may be more. Any number may do so at once: each takes others."""
    first = select(UsageEntry.id).order_by(UsageEntry.id).limit(BATCH_SIZE).with_for_update(skip_locked=True)
    taken = delete(UsageEntry).where(UsageEntry.id.in_(session.scalars(first).all()))
    columns = (UsageEntry.project, UsageEntry.month, UsageEntry.device_seconds, UsageEntry.storage_bytes)
    entries = session.execute(taken.returning(*columns), execution_options={"synchronize_session": False}).all()
    storage, seconds = Counter[str](), dict[tuple[str, str], float]()
    for entry in entries:
        storage[entry.project] += entry.storage_bytes
        if entry.month:
            of_month = (entry.project, entry.month)
            seconds[of_month] = seconds.get(of_month, 0.0) + entry.device_seconds
    for project, more in sorted(storage.items()):  # in one order, so that two do not wait for each other
        if more:
            summed = {"storage_bytes": Project.storage_bytes + more}
            session.execute(update(Project).where(Project.id == project).values(summed))
    for (project, month), more_seconds in sorted(seconds.items()):
        _add_device_seconds(session, project, month, more_seconds)
    return len(entries) == BATCH_SIZE


def _add_device_seconds(session: Session, project: str, month: str, seconds: float) -> None:
    statement = insert_for(session)(DeviceUse).values(project=project, month=month, device_seconds=seconds)
    summed = DeviceUse.device_seconds + statement.excluded.device_seconds
    session.execute(
        statement.on_conflict_do_update(index_elements=["project", "month"], set_={"device_seconds": summed})
    )


def storage_bytes(session: Session, project: str) -> int:
    """Of checkpoints and weights, until their files are gone."""
    return stored(session, [project])[project]


def stored(session: Session, projects: Collection[str]) -> dict[str, int]:
    """The same of several, in one query."""
    sums = select(Project.id, Project.storage_bytes).where(Project.id.in_(projects))
    more = select(UsageEntry.project, UsageEntry.storage_bytes).where(UsageEntry.project.in_(projects))
    return _summed(session, sums.union_all(more), dict.fromkeys(projects, 0))


def _summed(session: Session, rows: CompoundSelect[str, Any], into: dict[str, Any]) -> dict[str, Any]:
    """Of rows of a project and a number, read in one state of the database."""
    each = rows.subquery()
    project, number = each.c
    for name, total in session.execute(select(project, func.sum(number)).group_by(project)):
        into[name] += type(into[name])(total)
    return into


def device_hours(session: Session, project: str) -> float:
    """In this calendar month, in UTC: of what has ended, and of what runs now."""
    return device_hours_of(session, [project])[project]


def device_hours_of(session: Session, projects: Collection[str]) -> dict[str, float]:
    """The same of several. The number of queries does not depend on how many there are."""
    now = session.scalars(select(DatabaseNow())).one()
    month = _begin(now)
    of_month = DeviceUse.month == _name(month)
    sums = select(DeviceUse.project, DeviceUse.device_seconds).where(DeviceUse.project.in_(projects), of_month)
    more = select(UsageEntry.project, UsageEntry.device_seconds).where(
        UsageEntry.project.in_(projects), UsageEntry.month == _name(month)
    )
    seconds: dict[str, float] = _summed(session, sums.union_all(more), dict.fromkeys(projects, 0.0))
    running = (
        select(Job.project, Attempt.started_at, Job.devices)
        .join(Job, (Job.id == Attempt.job_id) & (Job.attempt == Attempt.number))
        .where(Job.lease_until.is_not(None), Job.project.in_(projects), Attempt.ended_at.is_(None))
    )
    for project, began, devices in session.execute(running, execution_options=EVERY_PROJECT):
        seconds[project] += max(0.0, (now - max(began, month)).total_seconds()) * devices
    return {project: used / 3600 for project, used in seconds.items()}


def _by_month(began: datetime, ended: datetime) -> Iterator[tuple[str, float]]:
    while began < ended:
        month = _begin(began)
        until = min(ended, _begin(month + timedelta(days=32)))
        yield _name(month), (until - began).total_seconds()
        began = until


def _begin(time: datetime) -> datetime:
    return datetime(time.year, time.month, 1, tzinfo=UTC)


def _name(month: datetime) -> str:
    return f"{month:%Y-%m}"
