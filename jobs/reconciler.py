"""What keeps every job moving where a worker does not: expired leases and overdue cancellations are settled, and jobs
that have backed off for long enough may begin again.

Each sweep is idempotent, so any number of copies may run at once: the API runs one each second, and every worker
another, the more seldom the more workers there are. Queued jobs need no sweep: workers look for them (`worker.worker`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog
from sqlalchemy import select

from jobs import idempotency, lifecycle, usage
from jobs.backoff import end_backoff
from jobs.fence import backoff_is_over, has_expired, is_active, is_overdue
from models import Database, DatabaseFull, DatabaseUnavailable, Job, log_outage
from models.columns import DatabaseNow

SWEEP_SECONDS = 1.0
FOLD_SECONDS = 5.0
BATCH_SIZE = 100  # jobs a sweep
LEAVE_WITHIN_SECONDS = 2.0

# A full disk that was met so shortly before a lease ran out is why it did.
WITNESSED_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Something to be done every so many seconds, for the first time when the first of them have passed."""

    every_seconds: float | Callable[[], float]
    do: Callable[[], None]

    def wait(self) -> float:
        """Seconds until it is to be done next."""
        return self.every_seconds() if callable(self.every_seconds) else self.every_seconds


def sweeping(
    database: Database, tell: Callable[[str], bool], every_seconds: float | Callable[[], float] = SWEEP_SECONDS
) -> PeriodicTask:
    """The sweep as a chore, so often that a takeover waits for the lease, and not for the sweep. Of jobs that it puts
    back into the queue it does `tell` workers."""
    return PeriodicTask(every_seconds, lambda: sweep(database, tell))


def folding_usage(database: Database, every_seconds: float | Callable[[], float] = FOLD_SECONDS) -> PeriodicTask:
    """What projects have used."""

    def add_up() -> None:
        with database.autocommit_read() as session:
            more = usage.has_entries(session)
        while more:
            with database.session() as session:
                more = usage.fold(session)

    return PeriodicTask(every_seconds, add_up)


def deleting_old_keys(database: Database) -> PeriodicTask:
    """Idempotency keys that nobody can still mean."""

    def forget() -> None:
        with database.session() as session:
            idempotency.delete_old(session)

    return PeriodicTask(3600.0, forget)


@contextmanager
def running_periodically(chores: Sequence[PeriodicTask]) -> Iterator[None]:
    """Do them in a thread of their own for as long as the context lasts."""
    stop = threading.Event()

    def until_stopped() -> None:
        due = [monotonic() + chore.wait() for chore in chores]
        while not stop.wait(max(0.0, min(due) - monotonic())):
            for place, chore in enumerate(chores):
                if due[place] <= monotonic():
                    _do(chore)
                    due[place] = monotonic() + chore.wait()

    thread = threading.Thread(target=until_stopped, name="chores", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LEAVE_WITHIN_SECONDS)


def sweep(database: Database, tell: Callable[[str], bool] = lambda _job_id: True) -> None:
    """Requeue or end what a lost worker left behind, end what a worker does not let go of, and let begin again what has
    backed off. `tell` is given the ids of jobs that a worker may take now, until it says that nobody hears."""
    with database.autocommit_read() as session:
        expiring = has_expired()
        overdue = select(Job.id, expiring, Job.lease_until, DatabaseNow()).where(is_active(), expiring | is_overdue())
        found = session.execute(overdue.limit(BATCH_SIZE)).all()
        back = session.scalars(select(Job.id).where(backoff_is_over()).order_by(Job.not_before).limit(BATCH_SIZE)).all()
    may_begin = []
    for job_id, is_expired, lease_until, now in found:
        outage = _what_kept_it(database, lease_until, now) if is_expired else None
        if _settle(database, job_id, is_expired=is_expired, outage=outage):
            may_begin.append(job_id)
    if back:
        with database.session() as session:
            may_begin += end_backoff(session, back)
    all(tell(job_id) for job_id in may_begin)


def _settle(database: Database, job_id: str, *, is_expired: bool, outage: DatabaseFull | None) -> bool:
    """Whether it is in the queue."""
    try:
        with database.session() as session:
            if is_expired:
                return lifecycle.expire_lease(session, job_id, outage)
            lifecycle.expire_cancel(session, job_id)
    except DatabaseUnavailable:
        raise
    except Exception:  # ours, and no reason to leave those behind it
        log.exception("job not settled", job_id=job_id)
    return False


def _what_kept_it(database: Database, lease_until: datetime | None, now: datetime) -> DatabaseFull | None:
    """Why the lease could not be renewed, as far as it is seen from here: nor could this process write anything."""
    assert lease_until is not None
    since = (now - lease_until).total_seconds() + WITNESSED_SECONDS
    return DatabaseFull() if database.seconds_since(DatabaseFull) <= since else None


def _do(chore: PeriodicTask) -> None:
    try:
        chore.do()
    except DatabaseUnavailable as error:
        log_outage(log, error)
    except Exception:  # whatever it is, the next time may do better; without sweeps, lost jobs stay lost
        log.exception("chore failed")
