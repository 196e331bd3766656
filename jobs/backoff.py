"""Queued jobs that may not begin yet, after several lost attempts. A sweep ends the wait, and workers find them."""

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from jobs.failures import Failure
from jobs.fence import backoff_is_over
from jobs.transitions import LONGEST_BACKOFF_SECONDS, fail, now
from models import Job

UNKNOWN_SPEC_SECONDS = 15.0  # a worker that is upgraded waits as long for the job, and a log has a line as often

NOT_PREPARED = Failure(
    code="internal",
    message="The service could not prepare the job's next attempt.",
    hint="The worker's log says why; submit the job again when that is mended.",
    retryable=True,
)


def postpone(session: Session, job: Job) -> None:
    """A fault of ours keeps the job's next attempt from beginning. The job waits, as often as it has retries, and then
    fails: meanwhile another release, or another worker, may be able to begin it."""
    job.losses += 1
    if job.losses > job.max_retries:
        fail(session, job, NOT_PREPARED)
    else:
        job.not_before = now(LONGEST_BACKOFF_SECONDS)
        job.revision += 1


def leave_to_another(session: Session, job: Job) -> None:
    """The job's spec needs a later release. Postpone the job, so that a worker of that release can take it, and this
    worker looks at other jobs."""
    job.not_before = now(UNKNOWN_SPEC_SECONDS)
    job.revision += 1


def end_backoff(session: Session, job_ids: Sequence[str]) -> list[str]:
    """Make those of these jobs claimable whose wait is over. Their ids."""
    over = update(Job).where(Job.id.in_(job_ids), backoff_is_over()).values(not_before=None).returning(Job.id)
    return list(session.scalars(over, execution_options={"synchronize_session": False}))
