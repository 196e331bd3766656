"""What keeps every job moving where a worker does not: expired leases and overdue cancellations are settled.

Each sweep is idempotent, so any number of copies may run at once: every worker runs one, and the API another. Queued
jobs need no sweep: each worker looks by itself for work that it fits (`worker.tasks`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog
from sqlalchemy import select

from jobs import idempotency, lifecycle
from jobs.fence import has_expired, is_active, is_overdue
from models import Database, DatabaseFull, DatabaseUnavailable, Job
from models.columns import DatabaseNow

AT_ONCE = 100  # jobs a sweep
LEAVE_WITHIN_SECONDS = 2.0

# A full disk that was met so shortly before a lease ran out is why it did.
WITNESSED_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so many seconds, for the first time when the first of them have passed."""

    every_seconds: float
    do: Callable[[], None]


def settling(database: Database) -> Chore:
    """The sweep as a chore, so often that a takeover waits for the lease, and not for the sweep."""
    return Chore(1.0, lambda: sweep(database))


def forgetting(database: Database) -> Chore:
    """Idempotency keys that nobody can still mean."""

    def forget() -> None:
        with database.session() as session:
            idempotency.forget_old(session)

    return Chore(3600.0, forget)


@contextmanager
def doing(chores: Sequence[Chore]) -> Iterator[None]:
    """Do them in a thread of their own for as long as the context lasts."""
    stop = threading.Event()

    def until_stopped() -> None:
        due = [monotonic() + chore.every_seconds for chore in chores]
        while not stop.wait(max(0.0, min(due) - monotonic())):
            for place, chore in enumerate(chores):
                if due[place] <= monotonic():
                    _do(chore)
                    due[place] = monotonic() + chore.every_seconds

    thread = threading.Thread(target=until_stopped, name="chores", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LEAVE_WITHIN_SECONDS)


def sweep(database: Database) -> None:
    """Requeue or end what a lost worker left behind, and end what a worker does not let go of."""
    with database.snapshot() as session:
        expiring = has_expired()
        overdue = select(Job.id, expiring, Job.lease_until, DatabaseNow()).where(is_active(), expiring | is_overdue())
        found = session.execute(overdue.limit(AT_ONCE)).all()
    for job_id, is_expired, lease_until, now in found:
        try:
            with database.session() as session:
                if is_expired:
                    lifecycle.expire_lease(session, job_id, _what_kept_it(database, lease_until, now))
                else:
                    lifecycle.expire_cancel(session, job_id)
        except DatabaseUnavailable:
            raise
        except Exception:  # ours, and no reason to leave those behind it
            log.exception("job not settled", job_id=job_id)


def _what_kept_it(database: Database, lease_until: datetime | None, now: datetime) -> DatabaseFull | None:
    """Why the lease could not be renewed, as far as it is seen from here: nor could this process write anything."""
    assert lease_until is not None
    since = (now - lease_until).total_seconds() + WITNESSED_SECONDS
    return DatabaseFull() if database.seconds_since(DatabaseFull) <= since else None


def _do(chore: Chore) -> None:
    try:
        chore.do()
    except DatabaseUnavailable as error:
        log.warning("database unavailable", **error.told)
    except Exception:  # whatever it is, the next time may do better; without sweeps, lost jobs stay lost
        log.exception("chore failed")
