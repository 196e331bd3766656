"""Queries on jobs. They write nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from jobs.errors import CheckpointNotFound, JobNotFound, PredictionsNotFound, WeightsNotFound
from jobs.fence import is_waiting
from jobs.listing import NEWEST_FIRST, JobFilter, SortOrder, page_of_ids
from jobs.paging import Page, cut, fetch_page, fetched, one_more
from jobs.transitions import MOST_FAILED_LOADS
from jobs.waiting import MOST_COUNTED, JobSummary, QueueExplainer, QueuePlace
from models import EVERY_PROJECT, Checkpoint, Epoch, Event, Job, JobStatus, ProjectSession, Step
from storage import StoredFile


@dataclass(frozen=True, slots=True)
class JobDetails:
    """A job, with its latest and best epoch, its place in the queue and its furthest checkpoint."""

    job: Job
    latest: Epoch | None
    best: Epoch | None
    queue: QueuePlace | None = None  # None unless it is queued, and the query looks for its place
    checkpoint: Checkpoint | None = None  # the furthest from which it can go on


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job in the queue, and its place."""

    job: Job
    place: QueuePlace


@dataclass(frozen=True, slots=True)
class CheckpointWithEpoch:
    """A checkpoint, with the epoch at whose end it was taken; None where it was taken within an epoch."""

    checkpoint: Checkpoint
    epoch: Epoch | None

    @property
    def usable(self) -> bool:
        """Whether an attempt may go on from it. One that failed to load MOST_FAILED_LOADS times is not tried again."""
        return self.checkpoint.failed_loads < MOST_FAILED_LOADS


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of jobs, and the cursor behind it; None where no other follows."""

    rows: Sequence[JobSummary]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventWithEpoch:
    """An event, with the epoch that it reports; None for any other event."""

    event: Event
    epoch: Epoch | None


def find(session: Session, job_id: str) -> JobDetails:
    """One job, with its place in the queue. Raises JobNotFound."""
    found = details_of(session, [job_id]).get(job_id)
    if found is None:
        raise JobNotFound(job_id)
    places = queue_places(session, [state(found.job)])
    return replace(found, queue=places.get(job_id))


def newly_made(session: Session, job: Job) -> JobDetails:
    """A job that this transaction has made. It has no epochs and checkpoints yet: only its place is read."""
    set_committed_value(job, "attempts", [])
    return JobDetails(job, None, None, queue_places(session, [state(job)]).get(job.id))


def details_of(session: Session, job_ids: Sequence[str]) -> dict[str, JobDetails]:
    """Those of these jobs that exist, by id, without their places in the queue."""
    rows = session.execute(_WITH_EPOCHS.where(Job.id.in_(job_ids))).all() if job_ids else []
    furthest = _furthest_checkpoints(session, [job.id for job, _, _ in rows if job.attempt])
    return {job.id: JobDetails(job, latest, best, checkpoint=furthest.get(job.id)) for job, latest, best in rows}


def state_of(session: Session, job_id: str) -> JobSummary:
    """Raises JobNotFound."""
    row = session.execute(_STATES.where(Job.id == job_id)).first()
    if row is None:
        raise JobNotFound(job_id)
    return JobSummary._make(row)


def list_jobs(
    session: ProjectSession,
    jobs: JobFilter = JobFilter(),
    order: SortOrder = NEWEST_FIRST,
    *,
    after: str | None = None,
    limit: int = 20,
) -> JobPage:
    """Jobs behind the cursor `after`, by default from the newest to the oldest. Raises CursorInvalid."""
    page = page_of_ids(session, jobs, order, after, limit)
    found = {row.id: JobSummary._make(row) for row in session.execute(_STATES.where(Job.id.in_(page.ids)))}
    return JobPage([found[job_id] for job_id in page.ids], page.next_cursor)


def epochs_after(session: Session, job_id: str, after_epoch: int = -1, limit: int | None = None) -> Page[Epoch]:
    """A job's epochs in order. Raises JobNotFound."""
    _must_exist(session, job_id)
    statement = select(Epoch).where(Epoch.job_id == job_id, Epoch.epoch > after_epoch).order_by(Epoch.epoch)
    return fetch_page(session, statement, limit)


def epoch_rows_after(session: Session, job_id: str, after_epoch: int, limit: int) -> Page[Row[Any]]:
    """The same as plain rows with an epoch's attributes. It serves the most frequent request: to make models of the
    rows would cost more than everything else in it."""
    _must_exist(session, job_id)
    columns = Epoch.__table__.columns
    read = [column for column in columns if column.name != "layers"]  # large, and a request of its own
    statement = select(*read).where(columns.job_id == job_id, columns.epoch > after_epoch).order_by(columns.epoch)
    return cut(fetched(session.execute(one_more(statement, limit))), limit)


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
    return fetch_page(session, statement, limit)


def events_after(session: Session, job_id: str, after: int = 0, limit: int | None = None) -> Page[EventWithEpoch]:
    """A job's events in order, from the one after number `after`. Raises JobNotFound."""
    _must_exist(session, job_id)
    position = event_position(session, job_id, after)
    statement = with_their_epochs().where(Event.job_id == job_id, Event.id > position)
    rows = fetched(session.execute(one_more(statement, limit)))
    return cut([EventWithEpoch(event, epoch) for event, epoch in rows], limit)


def event_position(session: Session, job_id: str, number: int) -> int:
    """The id of a job's last event whose number is at most `number`; 0 where there is none."""
    if number == 0:
        return 0
    # Events with a number of their own and events without one: each kind has an index.
    mine = select(Event.id).where(Event.job_id == job_id).limit(1)
    numbered = mine.where(Event.number_in_job <= number).order_by(Event.number_in_job.desc())
    others = mine.where(Event.number_in_job.is_(None), Event.id <= number).order_by(Event.id.desc())
    found = session.execute(select(numbered.scalar_subquery(), others.scalar_subquery())).one()
    return max(each or 0 for each in found)


def with_their_epochs() -> Select[Event, Epoch | None]:
    """Selects events in order, each with the epoch that it reports."""
    of_epoch = (Epoch.job_id == Event.job_id) & (Epoch.epoch == Event.epoch)
    return select(Event, Epoch).outerjoin(Epoch, of_epoch).order_by(Event.id)


def queue(session: Session, *, after: str | None = None, limit: int = 20) -> Page[QueuedJob]:
    """The queue in the order in which it is served, from the place after that of the job `after`. That job may have
    left the queue since. Raises JobNotFound where there is no such job."""
    statement = select(Job).where(is_waiting()).order_by(Job.priority.desc(), Job.id)
    if after:
        priority = session.scalar(select(Job.priority).where(Job.id == after))
        if priority is None:
            raise JobNotFound(after)
        statement = statement.where(or_(Job.priority < priority, and_(Job.priority == priority, Job.id > after)))
    page = fetch_page(session, statement, limit)
    places = queue_places(session, [state(job) for job in page.rows])
    return Page([QueuedJob(job, places[job.id]) for job in page.rows], page.has_more)


def checkpoints(
    session: Session, job_id: str, after: tuple[int, int, int] | None = None, limit: int | None = None
) -> Page[CheckpointWithEpoch]:
    """A job's checkpoints, the furthest first: those behind `after`, which is an epoch, a step and an attempt.

    Raises JobNotFound.
    """
    _must_exist(session, job_id)
    closed = (Epoch.job_id == Checkpoint.job_id) & (Epoch.epoch == Checkpoint.epoch - 1) & (Checkpoint.step == 0)
    place = (Checkpoint.epoch, Checkpoint.step, Checkpoint.attempt)
    statement = select(Checkpoint, Epoch).outerjoin(Epoch, closed).where(Checkpoint.job_id == job_id)
    if after is not None:
        statement = statement.where(tuple_(*place) < after)
    statement = statement.order_by(*(column.desc() for column in place))
    return cut([CheckpointWithEpoch(row, epoch) for row, epoch in session.execute(one_more(statement, limit))], limit)


def checkpoint_file(session: Session, job_id: str, name: str) -> StoredFile:
    """A job's checkpoint, by its name without the job's id. Raises JobNotFound and CheckpointNotFound."""
    _must_exist(session, job_id)
    row = session.get(Checkpoint, f"{job_id}/{name}")
    if row is None:
        raise CheckpointNotFound(job_id, name)
    return StoredFile(row.name, row.size_bytes, row.sha256)


def weights_file(session: Session, job_id: str) -> StoredFile:
    """The weights that a job has trained. Raises JobNotFound and WeightsNotFound."""
    job = _job(session, job_id)
    if job.weights is None:
        raise WeightsNotFound(job_id, job.status)
    return StoredFile(**job.weights)


def predictions_file(session: Session, job_id: str) -> StoredFile:
    """What a job's network takes the images for that it was not trained on. Raises JobNotFound and
    PredictionsNotFound."""
    return StoredFile(**(job_with_predictions(session, job_id).predictions or {}))


def job_with_predictions(session: Session, job_id: str) -> Job:
    """Raises JobNotFound and PredictionsNotFound."""
    job = _job(session, job_id)
    if job.predictions is None:
        raise PredictionsNotFound(job_id, job.status)
    return job


def _job(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job


def status_of(session: Session, job_id: str) -> JobStatus:
    """Raises JobNotFound."""
    status = session.scalar(select(Job.status).where(Job.id == job_id))
    if status is None:
        raise JobNotFound(job_id)
    _note_found(session, job_id)
    return status


def revision_of(session: Session, job_id: str) -> tuple[int, JobStatus]:
    """The job's revision, which rises with every change, and its status. Raises JobNotFound."""
    row = session.execute(select(Job.revision, Job.status).where(Job.id == job_id)).first()
    if row is None:
        raise JobNotFound(job_id)
    _note_found(session, job_id)
    return row.revision, row.status


def _must_exist(session: Session, job_id: str) -> None:
    if session.info.get("found") != job_id:
        if session.scalar(select(Job.id).where(Job.id == job_id)) is None:
            raise JobNotFound(job_id)
        _note_found(session, job_id)


def _note_found(session: Session, job_id: str) -> None:
    """So that a poll does not ask twice in one session whether the job exists."""
    session.info["found"] = job_id


_latest, _best = aliased(Epoch), aliased(Epoch)

_WITH_EPOCHS: Select[Job, Epoch | None, Epoch | None] = (
    select(Job, _latest, _best)
    .outerjoin(_latest, (_latest.job_id == Job.id) & (_latest.epoch == Job.latest_epoch))
    .outerjoin(_best, (_best.job_id == Job.id) & (_best.epoch == Job.best_epoch))
    .options(selectinload(Job.attempts))
)

_STATES = select(*(getattr(Job, field) for field in JobSummary._fields))


def state(job: Job) -> JobSummary:
    """Of a job that has been read."""
    return JobSummary._make(getattr(job, field) for field in JobSummary._fields)


def _furthest_checkpoints(session: Session, job_ids: Sequence[str]) -> dict[str, Checkpoint]:
    if not job_ids:
        return {}
    usable = select(Checkpoint).where(Checkpoint.job_id.in_(job_ids), Checkpoint.failed_loads < MOST_FAILED_LOADS)
    return {row.job_id: row for row in session.scalars(usable.order_by(Checkpoint.epoch, Checkpoint.step))}


def queue_places(session: Session, jobs: Sequence[JobSummary]) -> dict[str, QueuePlace]:
    """The places of those of these jobs that are queued, and why each waits."""
    queued = [job for job in jobs if job.status is JobStatus.QUEUED]
    if not queued:
        return {}
    why = QueueExplainer(session)
    if len(queued) == 1:
        return {job.id: why.place(job, _position(session, job)) for job in queued}
    line = select(Job.id).where(is_waiting()).order_by(Job.priority.desc(), Job.id).limit(MOST_COUNTED)
    ahead = session.scalars(line, execution_options=EVERY_PROJECT)
    positions = {job_id: position for position, job_id in enumerate(ahead, start=1)}
    return {job.id: why.place(job, positions.get(job.id)) for job in queued}


def _position(session: Session, job: JobSummary) -> int | None:
    """From 1; None from MOST_COUNTED on."""
    before = or_(Job.priority > job.priority, and_(Job.priority == job.priority, Job.id < job.id))
    counted = select(Job.id).where(is_waiting(), before).limit(MOST_COUNTED).subquery()
    ahead = session.scalars(select(func.count()).select_from(counted), execution_options=EVERY_PROJECT).one()
    return ahead + 1 if ahead < MOST_COUNTED else None
