"""What projects use, tallied where it changes and in the transaction that changes it: to ask for it costs the same
however many jobs there are, and it outlives them.

The tally of storage is made of each job's own, which is counted anew from its few files each time: it cannot drift.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import EVERY_PROJECT, Attempt, Checkpoint, DeviceUse, Job, Project
from models.columns import DatabaseNow


def note_storage(session: Session, job: Job) -> None:
    """The job's checkpoints or weights are others than before, or gone."""
    session.flush()
    checkpoints = select(func.coalesce(func.sum(Checkpoint.size_bytes), 0)).where(Checkpoint.job_id == job.id)
    size = int(session.scalars(checkpoints).one()) + (job.weights["size_bytes"] if job.weights else 0)
    if size != job.storage_bytes:
        more = Project.storage_bytes + (size - job.storage_bytes)
        session.execute(update(Project).where(Project.id == job.project).values(storage_bytes=more))
        job.storage_bytes = size


def note_device_time(session: Session, job: Job, began: datetime, ended: datetime) -> None:
    """An attempt has ended: what it used counts in the months in which it did."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for month, seconds in _by_month(began, ended):
        row = {"project": job.project, "month": month, "device_seconds": seconds * job.devices}
        statement = insert(DeviceUse).values(row)
        summed = DeviceUse.device_seconds + statement.excluded.device_seconds
        session.execute(
            statement.on_conflict_do_update(index_elements=["project", "month"], set_={"device_seconds": summed})
        )


def storage_bytes(session: Session, project: str) -> int:
    """Of checkpoints and weights, until their files are gone."""
    return session.scalar(select(Project.storage_bytes).where(Project.id == project)) or 0


def device_hours(session: Session, project: str) -> float:
    """In this calendar month, in UTC: of what has ended, and of what runs now."""
    now = session.scalars(select(DatabaseNow())).one()
    month = _begin(now)
    tallied = select(DeviceUse.device_seconds).where(DeviceUse.project == project, DeviceUse.month == _name(month))
    running = (
        select(Attempt.started_at, Job.devices)
        .join(Job, (Job.id == Attempt.job_id) & (Job.attempt == Attempt.number))
        .where(Job.lease_until.is_not(None), Job.project == project, Attempt.ended_at.is_(None))
    )
    live = session.execute(running, execution_options=EVERY_PROJECT)
    seconds = (session.scalar(tallied) or 0.0) + sum(
        max(0.0, (now - max(began, month)).total_seconds()) * devices for began, devices in live
    )
    return seconds / 3600


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
