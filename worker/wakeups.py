"""How workers hear of work, and how often they look by themselves.

A message wakes one worker, whichever that is. So the one that it wakes tells others: of the job, where it does not fit
it; and of the next in the queue, so that one message wakes as many workers as there is work for. A message may get
lost: hence workers look, all of one kind together about once a second, and each the more seldom the more there are.
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

# A worker looks no more seldom, however many there are: the others may be gone, or have other devices.
MAX_POLL_SECONDS = 30.0

# By then a message has come to a worker that is at work so often that all may be.
MAX_FORWARDS = 8

log = structlog.get_logger()


def jittered_interval(seconds: float, workers: int, longest: float) -> float:
    """The wait of one of so many workers that together do something every so many seconds. Not the same each time, so
    that they spread."""
    return random.uniform(0.75, 1.0) * min(seconds * workers, longest)  # noqa: S311 - no secret


@contextmanager
def log_errors(**about: str | int) -> Iterator[None]:
    """What goes wrong in a thread of ours is told the log: nobody else would hear."""
    try:
        yield
    except DatabaseUnavailable as error:
        log_outage(log, error, **about)
    except Exception:
        log.exception("work not done", **about)


class Wakeups:
    """Tells other workers of what this one, with `devices`, does not take; in a thread of its own."""

    def __init__(self, database: Database, messages: ForwardingQueue, devices: Sequence[str]) -> None:
        self._database = database
        self._messages = messages
        self._devices = devices
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wake-ups")

    def woken(self, job_id: str, times: int) -> Callable[[str | None], None]:
        """A message about a job has woken this worker. What is returned is to be told which job it has taken, or that
        there was none; it hears that once."""
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
        """It has, and every slot is taken by work that no message told of."""
        self._soon(job_id, lambda: self._pass_on(job_id, times, unless_it_fits=False))

    def close(self) -> None:
        """Tell nobody any more."""
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
