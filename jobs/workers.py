"""The workers. A worker signs on when it starts, is marked as seen every few seconds, and signs off at its end."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, and_, cast, func, select, update
from sqlalchemy.orm import Session

from jobs.transitions import now
from models import EVERY_PROJECT, Job, Worker
from models.columns import DatabaseNow

SEEN_EVERY_SECONDS = 10.0
GONE_AFTER_SECONDS = 3 * SEEN_EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a worker's machine is. None is what its system does not tell."""

    load_average: float | None = None  # tasks that run or wait to, over the last minute
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """How many workers are connected, the one that asks included."""

    all: int = 1
    alike: int = 1  # with the same devices


class HeldJob(NamedTuple):
    """A job that a worker has."""

    id: str
    project: str


@dataclass(frozen=True, slots=True)
class ConnectedWorker:
    """A connected worker and the jobs that it has."""

    worker: Worker
    jobs: list[HeldJob] = field(default_factory=list)

    @property
    def free_slots(self) -> int:
        """For further jobs; none while it drains."""
        return 0 if self.worker.draining_at else max(0, self.worker.slots - len(self.jobs))


def sign_on(
    session: Session,
    worker_id: str,
    *,
    slots: int,
    devices: Sequence[str],
    torch_version: str,
    python_version: str | None = None,
    epochal_version: str | None = None,
    cores: int | None = None,
) -> None:
    """A worker has started. `devices` are its accelerators by name, or "cpu"."""
    worker = Worker(
        id=worker_id,
        slots=slots,
        devices=list(devices),
        torch_version=torch_version,
        python_version=python_version,
        epochal_version=epochal_version,
        cores=cores,
    )
    session.add(worker)


def mark_seen(session: Session, worker_id: str, load: Load) -> None:
    """Note that the worker is still there, and its load."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(seen_at=DatabaseNow(), **asdict(load)))


def drain(session: Session, worker_id: str) -> None:
    """Note that the worker begins no more jobs."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(draining_at=now()))


def sign_off(session: Session, worker_id: str) -> None:
    """Note that the worker has ended in good order."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(ended_at=DatabaseNow()))


def connected(session: Session) -> Sequence[Worker]:
    """Workers that have been seen lately and have not signed off, oldest first."""
    return session.scalars(select(Worker).where(_is_connected()).order_by(Worker.started_at)).all()


def _is_connected() -> ColumnElement[bool]:
    return and_(Worker.ended_at.is_(None), Worker.seen_at > DatabaseNow(-GONE_AFTER_SECONDS))


def census(session: Session, devices: Sequence[str]) -> Census:
    """How many workers are connected, and how many of them have the same `devices`."""
    counted = (
        select(cast(Worker.devices, Text), func.count()).where(_is_connected()).group_by(cast(Worker.devices, Text))
    )
    counts = [(sorted(json.loads(each)), count) for each, count in session.execute(counted)]
    alike = sum(count for each, count in counts if each == sorted(devices))
    return Census(max(1, sum(count for _, count in counts)), max(1, alike))


def inventories(session: Session) -> list[list[str]]:
    """The devices of connected workers that do not drain, by name: once for each kind of worker."""
    kinds = select(cast(Worker.devices, Text)).where(_is_connected(), Worker.draining_at.is_(None)).distinct()
    return [json.loads(each) for each in session.scalars(kinds)]


def connected_with_jobs(session: Session) -> list[ConnectedWorker]:
    """The connected workers with their jobs, oldest first."""
    records = {worker.id: ConnectedWorker(worker) for worker in connected(session)}
    # A job that is with a worker has a lease, which there is an index of; of statuses that are parameters, PostgreSQL
    # may plan to read the whole table.
    held = select(Job.id, Job.project, Job.owner).where(Job.lease_until.is_not(None), Job.owner.in_(records))
    for row in sorted(session.execute(held, execution_options=EVERY_PROJECT)):
        records[str(row.owner)].jobs.append(HeldJob(row.id, row.project))
    return list(records.values())
