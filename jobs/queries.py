"""What can be asked about jobs. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session, aliased, selectinload

from jobs.errors import JobNotFound
from jobs.lifecycle import Claim
from jobs.workers import Capacity, capacity
from models import ACTIVE, Epoch, Job, JobStatus, Request, Step

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a queued job stands, and why it is not running."""

    position: int  # from 1
    reason: str


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with what a reader wants beside it."""

    job: Job
    latest: Epoch | None
    best: Epoch | None
    queue: QueuePlace | None  # None unless it is queued


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list, and whether another follows."""

    rows: Sequence[Row]
    has_more: bool


def find(session: Session, job_id: str) -> JobRecord:
    """One job. Raises JobNotFound."""
    records = _records(session, _with_epochs().where(Job.id == job_id))
    if not records:
        raise JobNotFound(job_id)
    return records[0]


def list_jobs(
    session: Session, *, statuses: Sequence[JobStatus] = (), after: str | None = None, limit: int = 20
) -> Page[JobRecord]:
    """Jobs from the newest to the oldest, those older than the job `after`; stable while new ones come in."""
    statement = _with_epochs().order_by(Job.id.desc()).limit(limit + 1)
    if statuses:
        statement = statement.where(Job.status.in_(statuses))
    if after:
        statement = statement.where(Job.id < after)
    records = _records(session, statement)
    return Page(records[:limit], len(records) > limit)


def epochs_after(session: Session, job_id: str, after_epoch: int = -1, limit: int | None = None) -> Page[Epoch]:
    """A job's epochs in order. Raises JobNotFound."""
    _must_exist(session, job_id)
    statement = select(Epoch).where(Epoch.job_id == job_id, Epoch.epoch > after_epoch).order_by(Epoch.epoch)
    return _page(session, statement, limit)


def steps_after(
    session: Session, job_id: str, after_epoch: int = -1, after_step: int = -1, limit: int | None = None
) -> Page[Step]:
    """A job's recorded steps in order, those behind step `after_step` of epoch `after_epoch`. Raises JobNotFound."""
    _must_exist(session, job_id)
    statement = (
        select(Step)
        .where(Step.job_id == job_id, tuple_(Step.epoch, Step.step) > (after_epoch, after_step))
        .order_by(Step.epoch, Step.step)
    )
    return _page(session, statement, limit)


def requested(session: Session, claim: Claim) -> Request | None:
    """What somebody wants of the job that this attempt has."""
    return session.scalar(_hold(claim).with_only_columns(Job.requested))


def devices_asked_for(session: Session, job_id: str) -> int:
    """By a job that is queued; 1 where it is not, or says nothing of it, as before there could be several."""
    spec = session.scalar(select(Job.spec).where(Job.id == job_id, Job.status == JobStatus.QUEUED))
    return int((spec or {}).get("devices", 1))


def _hold(claim: Claim) -> Select[Job]:
    return select(Job).where(Job.id == claim.job_id, Job.attempt == claim.attempt, Job.status.in_(ACTIVE))


def _must_exist(session: Session, job_id: str) -> None:
    if session.scalar(select(Job.id).where(Job.id == job_id)) is None:
        raise JobNotFound(job_id)


def _page(session: Session, statement: Select[Row], limit: int | None) -> Page[Row]:
    rows = session.scalars(statement if limit is None else statement.limit(limit + 1)).all()
    return Page(rows[:limit], limit is not None and len(rows) > limit)


_latest, _best = aliased(Epoch), aliased(Epoch)


def _with_epochs() -> Select[Job, Epoch | None, Epoch | None]:
    return (
        select(Job, _latest, _best)
        .outerjoin(_latest, (_latest.job_id == Job.id) & (_latest.epoch == Job.latest_epoch))
        .outerjoin(_best, (_best.job_id == Job.id) & (_best.epoch == Job.best_epoch))
        .options(selectinload(Job.attempts))
    )


def _records(session: Session, statement: Select[Job, Epoch | None, Epoch | None]) -> list[JobRecord]:
    rows = session.execute(statement).all()
    queued = [job.id for job, _, _ in rows if job.status is JobStatus.QUEUED]
    places = _queue_places(session, queued)
    return [JobRecord(job, latest, best, places.get(job.id)) for job, latest, best in rows]


def _queue_places(session: Session, job_ids: Sequence[str]) -> dict[str, QueuePlace]:
    if not job_ids:
        return {}
    line = (
        select(Job.id, func.row_number().over(order_by=Job.id).label("position"))
        .where(Job.status == JobStatus.QUEUED)
        .subquery()
    )
    reason = _why_queued(capacity(session))
    rows = session.execute(select(line.c.id, line.c.position).where(line.c.id.in_(job_ids)))
    return {job_id: QueuePlace(position, reason) for job_id, position in rows}


def _why_queued(capacity: Capacity) -> str:
    if capacity.workers == 0:
        return "No worker is connected."
    if capacity.busy >= capacity.slots:
        return f"Every slot is busy: {capacity.busy} of {capacity.slots}."
    return "A slot is free: about to start."
