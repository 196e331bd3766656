"""What projects use. Each change is noted in the transaction that makes it, so that reading a project's use costs the
same however many jobs it has, and deleted jobs still count.

Storage: a job's size is counted anew from its files at each change, and the difference is noted. So it cannot drift.

A change is noted as a new row. If every attempt of a project updated one row, they would all wait for its lock. `fold`
adds the rows to the sums. A reader takes a sum and the rows that are not in it in one statement: both are of one state
of the database.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import CompoundSelect, delete, func, select, update
from sqlalchemy.orm import Session

from models import (
    EVERY_PROJECT,
    Attempt,
    Checkpoint,
    DeviceUse,
    Job,
    Project,
    StorageUse,
    UsageEntry,
    insert_for,
)
from models.columns import DatabaseNow

BATCH_SIZE = 1000  # entries a fold

# What storage is used for; `models`: weights that were brought, what was exported from trained models, and evaluations.
# The files of jobs are what is left of a project's sum: no row says how much that is.
StorageKind = Literal["uploads", "datasets", "models"]


def note_storage(session: Session, job: Job) -> None:
    """Note the change in storage, after the job's checkpoints, weights or predictions have changed."""
    session.flush()
    checkpoints = select(func.coalesce(func.sum(Checkpoint.size_bytes), 0)).where(Checkpoint.job_id == job.id)
    size = int(session.scalars(checkpoints).one())
    size += sum(file["size_bytes"] for file in (job.weights, job.predictions) if file)
    if size != job.storage_bytes:
        session.add(UsageEntry(project=job.project, storage_bytes=size - job.storage_bytes))
        job.storage_bytes = size


def note_bytes(session: Session, project: str, kind: StorageKind, size_bytes: int) -> None:
    """Note that a project's files of one kind have grown, or shrunk."""
    if size_bytes:
        session.add(UsageEntry(project=project, kind=kind, storage_bytes=size_bytes))


def note_device_time(session: Session, job: Job, began: datetime, ended: datetime) -> None:
    """Note the device time of an attempt that has ended, in the months in which it was used."""
    for month, seconds in _by_month(began, ended):
        session.add(UsageEntry(project=job.project, month=month, device_seconds=seconds * job.devices))


def has_entries(session: Session) -> bool:
    """Whether there are rows to fold."""
    return session.scalar(select(UsageEntry.id).limit(1)) is not None


def fold(session: Session) -> bool:
    """Add up to BATCH_SIZE rows to the sums. Whether there may be more. Several may do so at once: each locks
    others."""
    first = select(UsageEntry.id).order_by(UsageEntry.id).limit(BATCH_SIZE).with_for_update(skip_locked=True)
    taken = delete(UsageEntry).where(UsageEntry.id.in_(session.scalars(first).all()))
    columns = (
        *(UsageEntry.project, UsageEntry.month, UsageEntry.kind),
        *(UsageEntry.device_seconds, UsageEntry.storage_bytes),
    )
    entries = session.execute(taken.returning(*columns), execution_options={"synchronize_session": False}).all()
    storage, seconds = Counter[str](), dict[tuple[str, str], float]()
    by_kind = Counter[tuple[str, str]]()
    for entry in entries:
        storage[entry.project] += entry.storage_bytes
        if entry.kind:
            by_kind[entry.project, entry.kind] += entry.storage_bytes
        if entry.month:
            of_month = (entry.project, entry.month)
            seconds[of_month] = seconds.get(of_month, 0.0) + entry.device_seconds
    for project, more in sorted(storage.items()):  # in one order everywhere, against deadlocks
        if more:
            summed = {"storage_bytes": Project.storage_bytes + more}
            session.execute(update(Project).where(Project.id == project).values(summed))
    for (project, kind), more in sorted(by_kind.items()):
        _add_bytes(session, project, kind, more)
    for (project, month), more_seconds in sorted(seconds.items()):
        _add_device_seconds(session, project, month, more_seconds)
    return len(entries) == BATCH_SIZE


def _add_device_seconds(session: Session, project: str, month: str, seconds: float) -> None:
    statement = insert_for(session)(DeviceUse).values(project=project, month=month, device_seconds=seconds)
    summed = DeviceUse.device_seconds + statement.excluded.device_seconds
    session.execute(
        statement.on_conflict_do_update(index_elements=["project", "month"], set_={"device_seconds": summed})
    )


def _add_bytes(session: Session, project: str, kind: str, more: int) -> None:
    statement = insert_for(session)(StorageUse).values(project=project, kind=kind, storage_bytes=more)
    summed = StorageUse.storage_bytes + statement.excluded.storage_bytes
    session.execute(statement.on_conflict_do_update(index_elements=["project", "kind"], set_={"storage_bytes": summed}))


def storage_bytes(session: Session, project: str) -> int:
    """The bytes of all files of a project."""
    return stored(session, [project])[project]


def storage_by_kind(session: Session, project: str) -> dict[str, int]:
    """The same by kind: `jobs`, and the kinds of StorageKind."""
    sums = select(StorageUse.kind, StorageUse.storage_bytes).where(StorageUse.project == project)
    more = select(UsageEntry.kind, UsageEntry.storage_bytes).where(
        UsageEntry.project == project, UsageEntry.kind.is_not(None)
    )
    found = _summed(session, sums.union_all(more), dict.fromkeys(get_args(StorageKind), 0))
    return {"jobs": storage_bytes(session, project) - sum(found.values()), **found}


def stored(session: Session, projects: Collection[str]) -> dict[str, int]:
    """The same of several, in one query."""
    sums = select(Project.id, Project.storage_bytes).where(Project.id.in_(projects))
    more = select(UsageEntry.project, UsageEntry.storage_bytes).where(UsageEntry.project.in_(projects))
    return _summed(session, sums.union_all(more), dict.fromkeys(projects, 0))


def _summed(session: Session, rows: CompoundSelect[str, Any], into: dict[str, Any]) -> dict[str, Any]:
    """Add up `rows`, which are a project and a number each, by project, in one query. Adds the sums to `into`."""
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
