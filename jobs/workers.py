"""Which workers there are. A worker signs on, is seen every few seconds, and signs off."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models import ACTIVE, Job, Worker
from models.columns import DatabaseNow

SEEN_EVERY_SECONDS = 5.0
GONE_AFTER_SECONDS = 3 * SEEN_EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the connected workers could run, and what they do run."""

    workers: int
    slots: int
    busy: int


def sign_on(session: Session, worker_id: str, *, slots: int, devices: Sequence[str], torch_version: str) -> None:
    """A worker has started."""
    session.add(Worker(id=worker_id, slots=slots, devices=list(devices), torch_version=torch_version))


def seen(session: Session, worker_id: str) -> None:
    """It is still there."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(seen_at=DatabaseNow()))


def sign_off(session: Session, worker_id: str) -> None:
    """It has left in good order."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(ended_at=DatabaseNow()))


def connected(session: Session) -> Sequence[Worker]:
    """Workers that have been seen lately and have not signed off, oldest first."""
    return session.scalars(
        select(Worker)
        .where(Worker.ended_at.is_(None), Worker.seen_at > DatabaseNow(-GONE_AFTER_SECONDS))
        .order_by(Worker.started_at)
    ).all()


def capacity(session: Session) -> Capacity:
    """The connected workers' slots, and how many of them hold a job."""
    workers = connected(session)
    busy = session.scalar(
        select(func.count()).where(Job.status.in_(ACTIVE), Job.owner.in_([worker.id for worker in workers]))
    )
    return Capacity(len(workers), sum(worker.slots for worker in workers), busy or 0)
