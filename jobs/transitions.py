"""How a job changes its status: every move is made here, checked against the table, with its event.

These take a job that the caller has locked, and are for this room alone.
"""

from dataclasses import asdict
from functools import partial
from typing import Any, Literal

import structlog
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import Session

from jobs.failures import Failure, FailureCode
from jobs.outbox import enqueue
from jobs.usage import note_device_time, note_storage
from models import TRANSITIONS, Attempt, Checkpoint, Event, Job, JobStatus, Request
from models.columns import DatabaseNow

EndReason = Literal["succeeded", "stopped", "paused", "cancelled", "drained"] | FailureCode

# A checkpoint that so many attempts in a row could not go on from is left for the one before it.
MOST_FAILED_LOADS = 2

# Between lost attempts without progress: at once, then 5 seconds, 25, and a minute from there on. A machine that is out
# of memory or of disk for a moment must not use up all of a job's retries in it.
BACKOFF_SECONDS = 5.0
LONGEST_BACKOFF_SECONDS = 60.0

log = structlog.get_logger()


def set_status(job: Job, status: JobStatus) -> None:
    """To another status; that the table allows it is the caller's business."""
    assert status in TRANSITIONS[job.status], f"{job.status} -> {status}"
    job.status = status


def finish(session: Session, job: Job, status: JobStatus, message: str) -> None:
    """Into a terminal status."""
    set_status(job, status)
    _let_go(job)
    job.requested = job.requested_at = None
    job.finished_at = now()
    if status is JobStatus.CANCELLED:
        job.weights = None
        session.execute(delete(Checkpoint).where(Checkpoint.job_id == job.id))
    note_storage(session, job)
    add_event(session, job, status, message)


def fail(session: Session, job: Job, failure: Failure) -> None:
    """For good."""
    end_attempt(session, job, failure.code)
    job.error = asdict(failure) | {"attempt": job.attempt}
    finish(session, job, JobStatus.FAILED, failure.message)


def pause(session: Session, job: Job, message: str) -> None:
    """Off the device and out of the queue."""
    set_status(job, JobStatus.PAUSED)
    _let_go(job)
    job.requested = job.requested_at = None
    add_event(session, job, "paused", message)


def retry_or_fail(session: Session, job: Job, failure: Failure) -> bool:
    """Back to the queue, unless its retries are used up. Whether it is back."""
    if job.losses >= job.max_retries:
        fail(session, job, failure)
        return False
    job.losses += 1
    requeue(session, job, failure.code, failure.message)
    if job.losses > 1:  # what killed it once may have been chance
        job.not_before = now(min(BACKOFF_SECONDS ** (job.losses - 1), LONGEST_BACKOFF_SECONDS))
    return True


def requeue(session: Session, job: Job, reason: EndReason, message: str) -> None:
    """Another attempt is to follow. A wish to stop it stays: that attempt makes the weights, and ends."""
    end_attempt(session, job, reason)
    set_status(job, JobStatus.QUEUED)
    _let_go(job)
    job.queued_at = now()
    add_event(session, job, "requeued", message)


def end_attempt(session: Session, job: Job, reason: EndReason) -> None:
    """The current one, if there is one that has not ended."""
    current = update(Attempt).where(Attempt.job_id == job.id, Attempt.number == job.attempt, Attempt.ended_at.is_(None))
    ended = current.values(ended_at=now(), end_reason=reason).returning(Attempt.started_at, Attempt.ended_at)
    for began_at, ended_at in session.execute(ended, execution_options={"synchronize_session": False}):
        assert ended_at is not None
        note_device_time(session, job, began_at, ended_at)


def has_checkpoint(session: Session, job: Job) -> bool:
    """Whether there is one to go on from."""
    usable = select(Checkpoint.name).where(Checkpoint.job_id == job.id, Checkpoint.failed_loads < MOST_FAILED_LOADS)
    return session.scalar(usable.limit(1)) is not None


def add_event(session: Session, job: Job, kind: str, message: str, epoch: int | None = None) -> None:
    """Append to the job's events, and say so in the log of whoever did it, once it is true."""
    job.revision += 1
    insert_event(session, job, kind, message, epoch)


def insert_event(session: Session, job: Job, kind: str, message: str, epoch: int | None = None) -> None:
    """The same of a job whose revision nobody has seen yet."""
    # The job's row is locked: nobody else numbers its events. The last one is the first in the index.
    last = select(Event.number).where(Event.job_id == job.id).order_by(Event.id.desc()).limit(1)
    happened = Event(
        job_id=job.id,
        attempt=job.attempt,
        type=kind,
        message=message,
        epoch=epoch,
        number_in_job=func.coalesce(last.scalar_subquery(), 0) + 1,
    )
    session.add(happened)
    enqueue(session, job, happened)
    say = partial(log.info, f"job {kind}", job_id=job.id, attempt=job.attempt, message=message)
    event.listen(session, "after_commit", lambda _session: say(), once=True)


def now(seconds: float = 0.0) -> Any:
    """The database's clock as a value of a datetime attribute: SQLAlchemy takes SQL there, its types do not."""
    return DatabaseNow(seconds)


def set_request(session: Session, job: Job, request: Request, message: str) -> None:
    """Note what somebody wants of the job; whoever has it will see."""
    job.requested, job.requested_at = request, now()
    add_event(session, job, f"{request}_requested", message)


def _let_go(job: Job) -> None:
    job.owner = job.lease_until = None
