"""The fence that every write of an attempt passes: one that no longer has its job changes nothing.

A worker that was thought dead can so come back and do no harm. `attempt` is the fencing token: it rises with every
claim, and a claim is given of a queued job alone, which a job becomes again when its lease has run out. Each condition
stands apart, so that the chaos run can take it out and see that it is missed.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, literal_column, or_, select
from sqlalchemy.orm import Session

from jobs.checkpoints import CheckpointFile
from jobs.errors import AttemptFenced
from models import ACTIVE, Job, JobStatus, Request
from models.columns import DatabaseNow
from storage import StoredFile
from training.metrics import RunFacts
from training.spec import ResolvedSpec

# A worker that is there lets go of a cancelled job within two seconds. From one that does not, it is taken.
CANCEL_GRACE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt's hold on a job, and what it needs to begin."""

    job_id: str
    attempt: int
    spec: ResolvedSpec
    checkpoints: tuple[CheckpointFile, ...] = ()  # to go on from, the furthest first
    starting_weights: StoredFile | None = None
    seconds_left: float | None = None  # of the job's time limit
    dataset_identity: str | None = None  # of what the job has trained on; None: nobody has noted it
    earlier_facts: RunFacts | None = None  # then, of its last attempt that has begun to train
    # It is to be stopped, or its time is up, and its weights are to be made from its last checkpoint.
    finish_at_once: bool = False


def is_current(claim: Claim) -> ColumnElement[bool]:
    """No later attempt has begun."""
    return Job.attempt == claim.attempt


def is_active() -> ColumnElement[bool]:
    """The attempt has not ended: its job is with a worker."""
    return Job.status.in_(ACTIVE)


def is_not_cancelled() -> ColumnElement[bool]:
    """Nobody has asked for its cancellation."""
    return or_(Job.requested.is_(None), Job.requested != Request.CANCEL)


def is_claimable() -> ColumnElement[bool]:
    """No worker has the job, and one may take it now. One that backs off may be taken from the sweep on that finds its
    time come: so the queue's indexes have none that may not."""
    return and_(is_waiting(), Job.not_before.is_(None))


def backoff_is_over() -> ColumnElement[bool]:
    """It has backed off for as long as it had to."""
    return and_(is_waiting(), Job.not_before < DatabaseNow())


def is_waiting() -> ColumnElement[bool]:
    """It is in the queue. A literal: of a bound value it could not be seen that it meets the queue's index."""
    return Job.status == literal_column(f"'{JobStatus.QUEUED}'")


def has_expired() -> ColumnElement[bool]:
    """Its worker has not renewed the lease in time, by the database's clock."""
    return Job.lease_until < DatabaseNow()


def is_overdue() -> ColumnElement[bool]:
    """Its cancellation was asked for so long ago that its worker, were it there, would have let go of it."""
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
    """The job, locked, if a worker may take it."""
    return session.scalar(for_update(job_id).where(is_claimable()))


def lock_expired(session: Session, job_id: str) -> Job | None:
    """The job, locked, if it may be taken from its worker."""
    return session.scalar(for_update(job_id).where(is_active(), has_expired()))


def for_update(job_id: str) -> Select[Job]:
    """The job's row, locked until the transaction ends. (SQLite locks the whole database as it begins.)"""
    return select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
