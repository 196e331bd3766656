"""How messages reach the workers that can use them, and how often workers poll instead.

A message goes to one worker, whichever takes it first. That worker sends messages to others in two cases. If the
message's job does not fit its devices, it forwards the message to each kind of workers that the job fits. When it has
claimed a job, it wakes another worker of its own kind for the next job in the queue. So one message wakes as many
workers as there is work for.

A message may be lost, so workers poll as well: all workers of one kind together about every two seconds, each the
less often the more there are.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import structlog
from sqlalchemy import select

from jobs import placement, workers
from jobs.delivery import ForwardingQueue
from jobs.fence import is_claimable
from jobs.placement import Needs, fitting
from models import Database, DatabaseUnavailable, Job, log_outage

# A worker polls at least this often, however many workers there are: the others may be gone.
MAX_POLL_SECONDS = 30.0

# A message that was forwarded so often is dropped: probably every worker is busy. A worker polls when it is free again.
MAX_FORWARDS = 8

log = structlog.get_logger()


def jittered_interval(seconds: float, workers: int, longest: float) -> float:
    """How long one of `workers` waits, so that all together do something about every `seconds`. At most `longest`.

    Up to a quarter is left off at random, so that the workers do not all act at the same moment.
    """
    return random.uniform(0.75, 1.0) * min(seconds * workers, longest)  # noqa: S311 - no secret


@contextmanager
def log_errors(**about: str | int) -> Iterator[None]:
    """Write what is raised inside to the log: in a thread of its own, nothing else would report it."""
    try:
        yield
    except DatabaseUnavailable as error:
        log_outage(log, error, **about)
    except Exception:
        log.exception("work not done", **about)


class Wakeups:
    """Sends messages to other workers on behalf of this one, which has `devices`; in a thread of its own."""

    def __init__(self, database: Database, messages: ForwardingQueue, devices: Sequence[str]) -> None:
        self._database = database
        self._messages = messages
        self._devices = devices
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wake-ups")

    def woken(self, job_id: str, times: int) -> Callable[[str | None], None]:
        """A message about a job has woken this worker. Call the result once the worker has claimed a job, with its id;
        or with None, if there was no job. Only the first call counts."""
        told = False

        def taken(first: str | None) -> None:
            nonlocal told
            if not told:
                told = True
                self._tell(job_id, times, first)

        return taken

    def _tell(self, job_id: str, times: int, taken: str | None) -> None:
        if taken != job_id:
            self._soon(job_id, lambda: self._pass_on(job_id, times, unless_it_fits=True))
        if taken is not None:
            self._soon(job_id, self._tell_of_next)

    def busy(self, job_id: str, times: int) -> None:
        """A message has come, and no slot is free: forward it."""
        self._soon(job_id, lambda: self._pass_on(job_id, times, unless_it_fits=False))

    def close(self) -> None:
        """Send nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _soon(self, job_id: str, tell: Callable[[], None]) -> None:
        def told() -> None:
            with log_errors(job_id=job_id):
                tell()

        with suppress(RuntimeError):  # the worker is leaving
            self._thread.submit(told)

    def _pass_on(self, job_id: str, times: int, *, unless_it_fits: bool) -> None:
        if times >= MAX_FORWARDS:
            return
        with self._database.autocommit_read() as session:
            row = session.execute(select(Job.devices, Job.accelerator).where(Job.id == job_id, is_claimable())).first()
            if row is None or (unless_it_fits and fitting(Needs(*row), self._devices)):
                return
            kinds = workers.inventories(session)
        for devices in kinds:
            if fitting(Needs(*row), devices):
                self._messages.forward(job_id, devices, times + 1)

    def _tell_of_next(self) -> None:
        with self._database.autocommit_read() as session:
            following = placement.next_job(session, self._devices)
        if following:
            self._messages.forward(following.job_id, self._devices, 0)
