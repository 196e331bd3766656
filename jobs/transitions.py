"""How a job changes its status. Every change is made here, checked against the table of transitions, with an event.

The functions take a job whose row the caller has locked. Only this room may call them.
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

# After so many attempts in a row that failed to load a checkpoint, the one before it is used.
MOST_FAILED_LOADS = 2

# The wait after lost attempts without progress: none after the first, then 5 seconds, 25, and a minute from there on. A
# machine that is out of memory or disk for a moment must not use up all retries of a job in that moment.
BACKOFF_SECONDS = 5.0
LONGEST_BACKOFF_SECONDS = 60.0

log = structlog.get_logger()


def set_status(job: Job, status: JobStatus) -> None:
    """Change the status. Fails (assert) if TRANSITIONS does not allow the change."""
    assert status in TRANSITIONS[job.status], f"{job.status} -> {status}"
    job.status = status


def finish(session: Session, job: Job, status: JobStatus, message: str) -> None:
    """End the job in a terminal status."""
    set_status(job, status)
    _clear_lease(job)
    job.requested = job.requested_at = None
    job.finished_at = now()
    if status is JobStatus.CANCELLED:
        job.weights = job.predictions = None
        session.execute(delete(Checkpoint).where(Checkpoint.job_id == job.id))
    note_storage(session, job)
    add_event(session, job, status, message)


def fail(session: Session, job: Job, failure: Failure) -> None:
    """End the job as failed, and its current attempt."""
    end_attempt(session, job, failure.code)
    job.error = asdict(failure) | {"attempt": job.attempt}
    finish(session, job, JobStatus.FAILED, failure.message)


def pause(session: Session, job: Job, message: str) -> None:
    """Take the job off its device, or out of the queue."""
    set_status(job, JobStatus.PAUSED)
    _clear_lease(job)
    job.requested = job.requested_at = None
    add_event(session, job, "paused", message)


def retry_or_fail(session: Session, job: Job, failure: Failure) -> bool:
    """Put the job back into the queue, unless its retries are used up. Whether it is in the queue."""
    if job.losses >= job.max_retries:
        fail(session, job, failure)
        return False
    job.losses += 1
    requeue(session, job, failure.code, failure.message)
    if job.losses > 1:  # the first loss may have been chance: no wait
        job.not_before = now(min(BACKOFF_SECONDS ** (job.losses - 1), LONGEST_BACKOFF_SECONDS))
    return True


def requeue(session: Session, job: Job, reason: EndReason, message: str) -> None:
    """Put the job into the queue for another attempt. A request to stop stays: the next attempt makes the weights."""
    end_attempt(session, job, reason)
    set_status(job, JobStatus.QUEUED)
    _clear_lease(job)
    job.queued_at = now()
    add_event(session, job, "requeued", message)


def end_attempt(session: Session, job: Job, reason: EndReason) -> None:
    """End the current attempt, unless it has ended."""
    current = update(Attempt).where(Attempt.job_id == job.id, Attempt.number == job.attempt, Attempt.ended_at.is_(None))
    ended = current.values(ended_at=now(), end_reason=reason).returning(Attempt.started_at, Attempt.ended_at)
    for began_at, ended_at in session.execute(ended, execution_options={"synchronize_session": False}):
        assert ended_at is not None
        note_device_time(session, job, began_at, ended_at)


def has_checkpoint(session: Session, job: Job) -> bool:
    """Whether the job has a checkpoint from which it can go on."""
    usable = select(Checkpoint.name).where(Checkpoint.job_id == job.id, Checkpoint.failed_loads < MOST_FAILED_LOADS)
    return session.scalar(usable.limit(1)) is not None


def add_event(session: Session, job: Job, kind: str, message: str, epoch: int | None = None) -> None:
    """Raise the job's revision, and append an event; the log has a line of it once the transaction is committed."""
    job.revision += 1
    insert_event(session, job, kind, message, epoch)


def insert_event(session: Session, job: Job, kind: str, message: str, epoch: int | None = None) -> None:
    """The same without a new revision, for a job that is made in this transaction."""
    # The job's row is locked, so that no other transaction numbers its events.
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
    """Note what is requested of the job. Its worker reads it."""
    job.requested, job.requested_at = request, now()
    add_event(session, job, f"{request}_requested", message)


def _clear_lease(job: Job) -> None:
    job.owner = job.lease_until = None
