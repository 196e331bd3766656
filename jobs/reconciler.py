"""Settles jobs that no worker settles: those with an expired lease, an overdue cancellation, or a backoff that is over.

A sweep is idempotent, so any number of processes may sweep at once. The API sweeps once a second. Each worker sweeps
too, the less often the more workers there are. Queued jobs need no sweep: workers look for them (`worker.worker`).
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import select

from jobs import audits, dataset_versions, idempotency, lifecycle, task_ends, tasks, usage
from jobs.backoff import end_backoff
from jobs.fence import backoff_is_over, has_expired, is_active, is_overdue
from jobs.periodic import PeriodicTask
from models import Database, DatabaseFull, DatabaseUnavailable, Job
from models.columns import DatabaseNow

SWEEP_SECONDS = 1.0
FOLD_SECONDS = 5.0
DELETE_KEYS_SECONDS = 3600.0
BATCH_SIZE = 100  # jobs of each kind in a sweep

# A full disk that this process met at most so long before a lease ran out counts as the reason why it was not renewed.
WITNESSED_SECONDS = 2.0

log = structlog.get_logger()


def sweeping(
    database: Database, notify: Callable[[str], bool], interval: float | Callable[[], float] = SWEEP_SECONDS
) -> PeriodicTask:
    """The sweep as a periodic task. It must be frequent compared with a lease: a takeover should wait for the lease to
    run out, and not for the next sweep. `notify` as in `sweep`."""
    return PeriodicTask(interval, lambda: sweep(database, notify))


def folding_usage(database: Database, interval: float | Callable[[], float] = FOLD_SECONDS) -> PeriodicTask:
    """Add up what projects have used (jobs/usage.py)."""

    def fold_all() -> None:
        with database.autocommit_read() as session:
            more = usage.has_entries(session)
        while more:
            with database.session() as session:
                more = usage.fold(session)

    return PeriodicTask(interval, fold_all)


def deleting_old_keys(database: Database) -> PeriodicTask:
    """Delete idempotency keys that no client sends again."""

    def delete_old() -> None:
        more = True
        while more:
            with database.session() as session:
                more = idempotency.delete_old(session)

    return PeriodicTask(DELETE_KEYS_SECONDS, delete_old)


def sweep(database: Database, notify: Callable[[str], bool] = lambda _job_id: True) -> None:
    """Settle every job whose worker is lost or does not obey, and end every backoff that is over.

    `notify` sends a message for each job that a worker may take now. It returns False when nobody can be reached: the
    rest are then left to the workers' own polls.
    """
    with database.autocommit_read() as session:
        expiring = has_expired()
        overdue = select(Job.id, expiring, Job.lease_until, DatabaseNow()).where(is_active(), expiring | is_overdue())
        found = session.execute(overdue.limit(BATCH_SIZE)).all()
        waited = select(Job.id).where(backoff_is_over()).order_by(Job.not_before).limit(BATCH_SIZE)
        waited_ids = session.scalars(waited).all()
    claimable = []
    for job_id, is_expired, lease_until, now in found:
        outage = _cause_of_expiry(database, lease_until, now) if is_expired else None
        if _settle(database, job_id, is_expired=is_expired, outage=outage):
            claimable.append(job_id)
    if waited_ids:
        with database.session() as session:
            claimable += end_backoff(session, waited_ids)
    all(notify(job_id) for job_id in claimable)
    _sweep_tasks(database, notify)
    audits.settle_all(database, notify)


def _sweep_tasks(database: Database, notify: Callable[[str], bool]) -> None:
    """Take tasks from workers that are lost."""
    with database.autocommit_read() as session:
        expired = tasks.expired(session, BATCH_SIZE)
    requeued = False
    for task_id in expired:
        try:
            with database.session() as session:
                requeued |= task_ends.expire(session, task_id)
        except DatabaseUnavailable:
            raise
        except Exception:  # a fault of ours in one task must not stop the sweep of the others
            log.exception("task not settled", task_id=task_id)
    if requeued:
        notify(dataset_versions.WAKE_UP)


def _settle(database: Database, job_id: str, *, is_expired: bool, outage: DatabaseFull | None) -> bool:
    """Whether the job is in the queue afterwards."""
    try:
        with database.session() as session:
            if is_expired:
                return lifecycle.expire_lease(session, job_id, outage)
            lifecycle.expire_cancel(session, job_id)
    except DatabaseUnavailable:
        raise
    except Exception:  # a fault of ours in one job must not stop the sweep of the others
        log.exception("job not settled", job_id=job_id)
    return False


def _cause_of_expiry(database: Database, lease_until: datetime | None, now: datetime) -> DatabaseFull | None:
    """The full disk that kept the worker from renewing its lease, if this process met one at that time too."""
    assert lease_until is not None
    since = (now - lease_until).total_seconds() + WITNESSED_SECONDS
    return DatabaseFull() if database.seconds_since(DatabaseFull) <= since else None
