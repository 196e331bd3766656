"""What clients request of a job that has not ended, each within the caller's transaction.

A repeated request changes nothing. If no worker has the job, the request is done at once. If one has, it is noted, and
done when the worker gives up the job.
"""

from sqlalchemy.orm import Session

from jobs.errors import JobFinished, JobNotFound, JobNotPaused, RequestPending
from jobs.fence import for_update
from jobs.transitions import add_event, finish, has_checkpoint, now, pause, set_request, set_status
from models import ACTIVE, TERMINAL, Job, JobStatus, Request


def request_cancel(session: Session, job_id: str) -> Job:
    """End the job and discard its weights. From here on no further epoch of it is stored.

    Raises JobNotFound and JobFinished.
    """
    job = _unfinished(session, job_id, "cancel", JobStatus.CANCELLED)
    if job.status in ACTIVE and job.requested is not Request.CANCEL:
        set_request(session, job, Request.CANCEL, f"Waiting for worker {job.owner} to let go.")
    elif job.status in (JobStatus.QUEUED, JobStatus.PAUSED):
        finish(session, job, JobStatus.CANCELLED, f"Cancelled while it was {job.status}.")
    return job


def request_stop(session: Session, job_id: str) -> Job:
    """End the job after its current step, and keep its weights.

    One that no worker has, and that has a checkpoint, goes to a worker once more, which makes its weights. Raises
    JobNotFound, JobFinished and RequestPending.
    """
    job = _unfinished(session, job_id, "stop", JobStatus.STOPPED)
    if job.status in TERMINAL or job.requested is Request.STOP:
        return job
    if job.requested is Request.CANCEL:
        raise RequestPending(job_id, job.status, "stop", Request.CANCEL)
    if job.status in ACTIVE:
        set_request(session, job, Request.STOP, f"Waiting for worker {job.owner} to store its weights.")
    elif has_checkpoint(session, job):
        set_request(session, job, Request.STOP, "Waiting for a worker to make its weights from its last checkpoint.")
        job.not_before = None
        if job.status is JobStatus.PAUSED:
            set_status(job, JobStatus.QUEUED)
            job.queued_at = now()
    else:
        finish(session, job, JobStatus.STOPPED, "Stopped before it had trained anything.")
    return job


def request_pause(session: Session, job_id: str) -> Job:
    """Write a checkpoint and free the device. Raises JobNotFound, JobFinished and RequestPending."""
    job = _unfinished(session, job_id, "pause", None)
    if job.status is JobStatus.PAUSED or job.requested is Request.PAUSE:
        return job
    if job.requested is not None:
        raise RequestPending(job_id, job.status, "pause", job.requested)
    if job.status in ACTIVE:
        set_request(session, job, Request.PAUSE, f"Waiting for worker {job.owner} to write a checkpoint.")
    else:
        pause(session, job, "Paused while it waited.")
    return job


def resume(session: Session, job_id: str) -> Job:
    """Put a paused job back into the queue, to go on from its last checkpoint; or take back a pause that has not
    happened yet. Raises JobNotFound, JobFinished and JobNotPaused."""
    job = _unfinished(session, job_id, "resume", None)
    if job.status is JobStatus.PAUSED:
        set_status(job, JobStatus.QUEUED)
        job.queued_at, job.not_before = now(), None
        add_event(session, job, "resumed", "Waiting for a worker.")
    elif job.requested is Request.PAUSE:
        job.requested = job.requested_at = None
        add_event(session, job, "resumed", "It goes on without a pause.")
    else:
        raise JobNotPaused(job_id, job.status)
    return job


def _unfinished(session: Session, job_id: str, verb: str, fulfilled: JobStatus | None) -> Job:
    """The job, locked. Raises JobFinished where it has ended in another way than `fulfilled`."""
    job = session.scalar(for_update(job_id))
    if job is None:
        raise JobNotFound(job_id)
    if job.status in TERMINAL and job.status is not fulfilled:
        raise JobFinished(job_id, job.status, verb)
    return job
