"""What keeps every job moving: expired leases go back to the queue, lost messages are sent again.

Each sweep is idempotent, so any number of copies may run at once: every worker runs one, and the API another.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from jobs import lifecycle
from jobs.delivery import BROKER_TIMEOUT_SECONDS, TrainingQueue
from models import ACTIVE, OUTAGES, Database, Job, JobStatus
from models.columns import DatabaseNow

SWEEP_EVERY_SECONDS = 5.0

# A message that is not taken within this time is sent again, if the broker holds fewer messages than jobs wait.
RESEND_AFTER_SECONDS = 10.0

AT_ONCE = 100  # jobs a sweep

log = structlog.get_logger()


@contextmanager
def sweeping(
    database: Database, queue: TrainingQueue, also: Callable[[Session], None] = lambda _session: None
) -> Iterator[None]:
    """Sweep every few seconds, in a thread, for as long as the context lasts; before each sweep, do `also`."""
    stop = threading.Event()

    def sweep_until_stopped() -> None:
        while not stop.wait(SWEEP_EVERY_SECONDS):
            try:
                with database.session() as session:
                    also(session)
                sweep(database, queue)
            except OUTAGES as error:
                log.warning("database does not answer", error=str(error).partition("\n")[0])  # without the statement
            except Exception:  # whatever it is, the next sweep may do better; without sweeps, lost jobs stay lost
                log.exception("sweep failed")

    thread = threading.Thread(target=sweep_until_stopped, name="sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(BROKER_TIMEOUT_SECONDS)


def sweep(database: Database, queue: TrainingQueue) -> None:
    """Requeue or end what a lost worker left behind, then send what no worker seems to have heard of."""
    for job_id in _expired(database):
        with database.session() as session:
            requeued = lifecycle.expire_lease(session, job_id)
        if requeued and not queue.send(job_id):
            return  # without a broker, each further attempt would take its time in vain
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
        if not queue.send(job_id):
            return


def _expired(database: Database) -> list[str]:
    with database.snapshot() as session:
        statement = select(Job.id).where(Job.status.in_(ACTIVE), Job.lease_until < DatabaseNow()).limit(AT_ONCE)
        return list(session.scalars(statement))


def _claim_resends(database: Database) -> list[str]:
    """Jobs to send again, marked as sent so that other copies leave them alone for a while."""
    overdue = (Job.status == JobStatus.QUEUED) & (Job.dispatched_at < DatabaseNow(-RESEND_AFTER_SECONDS))
    # Rows that another sweep has locked are left to it: two that wait for each other's rows would be a deadlock.
    oldest = select(Job.id).where(overdue).order_by(Job.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    with database.session() as session:
        ids = session.scalars(
            update(Job).where(Job.id.in_(oldest), overdue).values(dispatched_at=DatabaseNow()).returning(Job.id)
        )
        return sorted(ids)
