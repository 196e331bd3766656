"""Tasks that a process repeats in a thread of its own, such as the reconciler's sweep."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import structlog

from models import DatabaseUnavailable, log_outage

LEAVE_WITHIN_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """`run` is called again and again, `interval` seconds after it last ended, and first one interval after the start.

    A callable `interval` is asked anew each time.
    """

    interval: float | Callable[[], float]
    run: Callable[[], None]

    def next_delay(self) -> float:
        """Seconds until the next run."""
        return self.interval() if callable(self.interval) else self.interval


@contextmanager
def running_periodically(tasks: Sequence[PeriodicTask]) -> Iterator[None]:
    """Run `tasks` for as long as the context lasts, one at a time, in one thread.

    What a task raises goes to the log, and the task is run again at its next time: without the sweep, lost jobs would
    stay lost.
    """
    stop = threading.Event()

    def run_until_stopped() -> None:
        due = [monotonic() + task.next_delay() for task in tasks]
        while not stop.wait(max(0.0, min(due) - monotonic())):
            for place, task in enumerate(tasks):
                if due[place] <= monotonic():
                    _run_logged(task)
                    due[place] = monotonic() + task.next_delay()

    thread = threading.Thread(target=run_until_stopped, name="periodic tasks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LEAVE_WITHIN_SECONDS)


def _run_logged(task: PeriodicTask) -> None:
    try:
        task.run()
    except DatabaseUnavailable as error:
        log_outage(log, error)
    except Exception:  # a fault of ours must not end the thread: the sweep would stop, and lost jobs stay lost
        log.exception("periodic task failed")
