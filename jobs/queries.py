"""What can be asked about jobs. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select, Subquery, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased, selectinload

from jobs.errors import CheckpointNotFound, JobNotFound, WeightsNotFound
from jobs.transitions import MOST_FAILED_LOADS
from jobs.waiting import QueuePlace, WhyQueued
from models import Checkpoint, Epoch, Event, Job, JobStatus, Step
from storage import StoredFile

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with what a reader wants beside it."""

    job: Job
    latest: Epoch | None
    best: Epoch | None
    queue: QueuePlace | None  # None unless it is queued
    checkpoint: Checkpoint | None = None  # the furthest that it can go on from


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits, and where."""

    job: Job
    place: QueuePlace


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A checkpoint, with the epoch that it was taken at the end of; None in the middle of one."""

    checkpoint: Checkpoint
    epoch: Epoch | None

    @property
    def usable(self) -> bool:
        """Whether an attempt may go on from it: none is tried for ever."""
        return self.checkpoint.failed_loads < MOST_FAILED_LOADS


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


def events_after(session: Session, job_id: str, after: int = 0, limit: int | None = None) -> Page[Event]:
    """What has happened to a job, in order, behind the event `after`. Raises JobNotFound."""
    _must_exist(session, job_id)
    statement = select(Event).where(Event.job_id == job_id, Event.id > after).order_by(Event.id)
    return _page(session, statement, limit)


def queue(session: Session, *, after: str | None = None, limit: int = 20) -> Page[QueuedJob]:
    """The queue in the order in which it is served, behind the place of the job `after`, which may have left it since.
    Raises JobNotFound where there never was such a job."""
    line = _line()
    statement = select(Job, line.c.position).join(line, line.c.id == Job.id).order_by(line.c.position)
    if after:
        priority = session.scalar(select(Job.priority).where(Job.id == after))
        if priority is None:
            raise JobNotFound(after)
        statement = statement.where(or_(Job.priority < priority, and_(Job.priority == priority, Job.id > after)))
    why = WhyQueued(session)
    rows = session.execute(statement.limit(limit + 1)).all()
    return Page([QueuedJob(job, why.place(job, position)) for job, position in rows[:limit]], len(rows) > limit)


def checkpoints(session: Session, job_id: str) -> Sequence[CheckpointRecord]:
    """What a job could go on from, the furthest first. Raises JobNotFound."""
    _must_exist(session, job_id)
    behind = (Epoch.job_id == Checkpoint.job_id) & (Epoch.epoch == Checkpoint.epoch - 1) & (Checkpoint.step == 0)
    statement = (
        select(Checkpoint, Epoch)
        .outerjoin(Epoch, behind)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.epoch.desc(), Checkpoint.step.desc(), Checkpoint.attempt.desc())
    )
    return [CheckpointRecord(row, epoch) for row, epoch in session.execute(statement)]


def checkpoint_file(session: Session, job_id: str, name: str) -> StoredFile:
    """A job's checkpoint by the part of its name behind the job. Raises JobNotFound and CheckpointNotFound."""
    _must_exist(session, job_id)
    row = session.get(Checkpoint, f"{job_id}/{name}")
    if row is None:
        raise CheckpointNotFound(job_id, name)
    return StoredFile(row.name, row.size_bytes, row.sha256)


def weights_file(session: Session, job_id: str) -> StoredFile:
    """What a job has trained. Raises JobNotFound and WeightsNotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise JobNotFound(job_id)
    if job.weights is None:
        raise WeightsNotFound(job_id, job.status)
    return StoredFile(**job.weights)


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
    places = _queue_places(session, [job for job, _, _ in rows if job.status is JobStatus.QUEUED])
    furthest = _furthest_checkpoints(session, [job.id for job, _, _ in rows if job.attempt])
    return [JobRecord(job, latest, best, places.get(job.id), furthest.get(job.id)) for job, latest, best in rows]


def _furthest_checkpoints(session: Session, job_ids: Sequence[str]) -> dict[str, Checkpoint]:
    if not job_ids:
        return {}
    usable = select(Checkpoint).where(Checkpoint.job_id.in_(job_ids), Checkpoint.failed_loads < MOST_FAILED_LOADS)
    return {row.job_id: row for row in session.scalars(usable.order_by(Checkpoint.epoch, Checkpoint.step))}


def _queue_places(session: Session, jobs: Sequence[Job]) -> dict[str, QueuePlace]:
    if not jobs:
        return {}
    line, why = _line(), WhyQueued(session)
    statement = select(line.c.id, line.c.position).where(line.c.id.in_([job.id for job in jobs]))
    positions = {row.id: row.position for row in session.execute(statement)}
    return {job.id: why.place(job, positions[job.id]) for job in jobs}


def _line() -> Subquery:
    """Who waits, and at which place."""
    position = func.row_number().over(order_by=(Job.priority.desc(), Job.id)).label("position")
    return select(Job.id, position).where(Job.status == JobStatus.QUEUED).subquery()
