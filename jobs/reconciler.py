"""What keeps every job moving where a worker does not: expired leases and overdue cancellations are settled, and jobs
that have backed off for long enough may begin again.

Each sweep is idempotent, so any number of copies may run at once: the API runs one each second, and every worker
another, the more seldom the more workers there are. Queued jobs need no sweep: workers look for them (`worker.tasks`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import structlog
from sqlalchemy import select

from jobs import idempotency, lifecycle, usage
from jobs.backing_off import end_backing_off
from jobs.fence import has_expired, is_active, is_back, is_overdue
from models import OUTAGES, Database, Job

SWEEP_SECONDS = 1.0
FOLD_SECONDS = 5.0
AT_ONCE = 100  # jobs a sweep
LEAVE_WITHIN_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so many seconds, for the first time when the first of them have passed."""

    every_seconds: float | Callable[[], float]
    do: Callable[[], None]

    def wait(self) -> float:
        """Seconds until it is to be done next."""
        return self.every_seconds() if callable(self.every_seconds) else self.every_seconds


def settling(
    database: Database, tell: Callable[[str], bool], every_seconds: float | Callable[[], float] = SWEEP_SECONDS
) -> Chore:
    """The sweep as a chore, so often that a takeover waits for the lease, and not for the sweep. Of jobs that it puts
    back into the queue it does `tell` workers."""
    return Chore(every_seconds, lambda: sweep(database, tell))


def adding_up(database: Database, every_seconds: float | Callable[[], float] = FOLD_SECONDS) -> Chore:
    """What projects have used."""

    def add_up() -> None:
        with database.glance() as session:
            more = usage.is_noted(session)
        while more:
            with database.session() as session:
                more = usage.fold(session)

    return Chore(every_seconds, add_up)


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
    with database.glance() as session:
        expiring = has_expired()
        statement = select(Job.id, expiring).where(is_active(), expiring | is_overdue()).limit(AT_ONCE)
        found = session.execute(statement).all()
        back = session.scalars(select(Job.id).where(is_back()).order_by(Job.not_before).limit(AT_ONCE)).all()
    may_begin = [job_id for job_id, is_expired in found if _settle(database, job_id, is_expired=is_expired)]
    if back:
        with database.session() as session:
            may_begin += end_backing_off(session, back)
    all(tell(job_id) for job_id in may_begin)


def _settle(database: Database, job_id: str, *, is_expired: bool) -> bool:
    """Whether it is in the queue."""
    try:
        with database.session() as session:
            if is_expired:
                return lifecycle.expire_lease(session, job_id)
            lifecycle.expire_cancel(session, job_id)
    except OUTAGES:
        raise
    except Exception:  # ours, and no reason to leave those behind it
        log.exception("job not settled", job_id=job_id)
    return False


def _do(chore: Chore) -> None:
    try:
        chore.do()
    except OUTAGES as error:
        log.warning("database does not answer", error=str(error).partition("\n")[0])  # without the statement
    except Exception:  # whatever it is, the next time may do better; without sweeps, lost jobs stay lost
        log.exception("chore failed")
