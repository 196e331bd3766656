"""The fence: the conditions under which an attempt may write. An attempt that has lost its job changes nothing.

So a worker that was taken for dead can come back and do no harm. `Job.attempt` is the fencing token: it rises with
every claim. Only a queued job can be claimed; a job whose lease has run out goes back to the queue. Each condition is a
function of its own, so that the chaos run can remove it and check that its absence is noticed.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, literal_column, or_, select
from sqlalchemy.orm import Session

from jobs.checkpoints import CheckpointFile
from jobs.errors import AttemptFenced
from models import ACTIVE, DEFAULT_PROJECT, Job, JobStatus, Request
from models.columns import DatabaseNow
from storage import StoredFile
from training.metrics import RunFacts
from training.spec import ResolvedSpec

# A worker that is alive gives up a cancelled job within two seconds. After this time the job is taken from it.
CANCEL_GRACE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt's right to a job, and what the attempt needs to begin."""

    job_id: str
    attempt: int
    spec: ResolvedSpec
    project: str = DEFAULT_PROJECT
    checkpoints: tuple[CheckpointFile, ...] = ()  # from which it can go on, the furthest first
    starting_weights: StoredFile | None = None
    seconds_left: float | None = None  # of the job's time limit
    dataset_identity: str | None = None  # of the data that the job trains on; None: not known yet
    dataset_files: tuple[StoredFile, ...] = ()  # of a version of an uploaded data set: its index and its packs
    earlier_facts: RunFacts | None = None  # of the last attempt that began to train
    # Train nothing, and make the weights from the last checkpoint: the job is to be stopped, or its time is up.
    finish_at_once: bool = False


def is_current(claim: Claim) -> ColumnElement[bool]:
    """No later attempt has claimed the job."""
    return Job.attempt == claim.attempt


def is_active() -> ColumnElement[bool]:
    """A worker has the job: its attempt has not ended."""
    return Job.status.in_(ACTIVE)


def is_not_cancelled() -> ColumnElement[bool]:
    """Nobody has asked to cancel the job."""
    return or_(Job.requested.is_(None), Job.requested != Request.CANCEL)


def is_claimable() -> ColumnElement[bool]:
    """A worker may claim the job now: it is queued, and not backing off.

    A sweep clears `not_before` when a backoff is over. So the condition needs no clock, and the queue's indexes hold
    only jobs that may be claimed.
    """
    return and_(is_waiting(), Job.not_before.is_(None))


def backoff_is_over() -> ColumnElement[bool]:
    """The job is queued, and its backoff is over."""
    return and_(is_waiting(), Job.not_before < DatabaseNow())


def is_waiting() -> ColumnElement[bool]:
    """The job is in the queue. The status is a literal: with a parameter, the planner does not see that the partial
    indexes of the queue apply."""
    return Job.status == literal_column(f"'{JobStatus.QUEUED}'")


def has_expired() -> ColumnElement[bool]:
    """The worker has not renewed the lease in time, by the database's clock."""
    return Job.lease_until < DatabaseNow()


def is_overdue() -> ColumnElement[bool]:
    """The cancellation was requested so long ago that a worker that is alive would have given up the job."""
    return and_(Job.requested == Request.CANCEL, Job.requested_at < DatabaseNow(-CANCEL_GRACE_SECONDS))


def lock_held(session: Session, claim: Claim, *, even_if_cancelled: bool = False) -> Job:
    """The job, locked, if this attempt still has it. Raises AttemptFenced."""
    statement = for_update(claim.job_id).where(is_current(claim), is_active())
    if not even_if_cancelled:
        statement = statement.where(is_not_cancelled())
    job = session.scalar(statement)
    if job is None:
        raise AttemptFenced(f"Attempt {claim.attempt} of job {claim.job_id} no longer has it.")
    return job


def lock_claimable(session: Session, job_id: str) -> Job | None:
    """The job, locked, if a worker may claim it."""
    return session.scalar(for_update(job_id).where(is_claimable()))


def lock_expired(session: Session, job_id: str) -> Job | None:
    """The job, locked, if its lease has run out."""
    return session.scalar(for_update(job_id).where(is_active(), has_expired()))


def for_update(job_id: str) -> Select[Job]:
    """The job's row, locked until the transaction ends. (SQLite locks the whole database when a transaction begins.)"""
    return select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
