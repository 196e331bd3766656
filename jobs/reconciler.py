"""What keeps every job moving: expired leases go back to the queue, lost messages are sent again.

Each sweep is idempotent, so any number of copies may run at once: every worker runs one, and the API another.
"""

from sqlalchemy import func, select, update

from jobs import lifecycle
from jobs.delivery import TrainingQueue
from models import ACTIVE, Database, Job, JobStatus
from models.columns import DatabaseNow

SWEEP_EVERY_SECONDS = 5.0

# A message that is not taken within this time is sent again, if the broker holds fewer messages than jobs wait.
RESEND_AFTER_SECONDS = 10.0

AT_ONCE = 100  # jobs a sweep


def sweep(database: Database, queue: TrainingQueue) -> None:
    """Requeue or end what a lost worker left behind, then send what no worker seems to have heard of."""
    for job_id in _expired(database):
        with database.session() as session:
            requeued = lifecycle.expire_lease(session, job_id)
        if requeued:
            queue.send(job_id)
    resend(database, queue)


def resend(database: Database, queue: TrainingQueue) -> None:
    """Send lost messages again. A job that merely waits for a slot has its message still in the broker."""
    with database.snapshot() as session:
        queued = session.scalar(select(func.count()).where(Job.status == JobStatus.QUEUED)) or 0
    if queued == 0:
        return
    waiting = queue.waiting()
    if waiting is None or waiting >= queued:
        return
    for job_id in _claim_resends(database):
        queue.send(job_id)


def _expired(database: Database) -> list[str]:
    with database.snapshot() as session:
        statement = select(Job.id).where(Job.status.in_(ACTIVE), Job.lease_until < DatabaseNow()).limit(AT_ONCE)
        return list(session.scalars(statement))


def _claim_resends(database: Database) -> list[str]:
    """Jobs to send again, marked as sent so that other copies leave them alone for a while."""
    overdue = (Job.status == JobStatus.QUEUED) & (Job.dispatched_at < DatabaseNow(-RESEND_AFTER_SECONDS))
    oldest = select(Job.id).where(overdue).order_by(Job.id).limit(AT_ONCE)
    with database.session() as session:
        ids = session.scalars(
            update(Job).where(Job.id.in_(oldest), overdue).values(dispatched_at=DatabaseNow()).returning(Job.id)
        )
        return sorted(ids)
