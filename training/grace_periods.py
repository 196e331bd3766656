"""Grace periods: time in which a run may show no progress without counting as hung.

A supervisor ends a run that shows no progress. Some work shows none although it goes on: a compiler runs in processes
of its own, another process holds a lock, a disk is slow. Such work opens a grace period of bounded length. When the
bound is over, the run counts as hung all the same.

Grace periods belong to the whole process, whichever thread opens one: the thread that sends signs of life asks for
them. So they are kept in this module, and not passed from call to call.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

COMPILE_SECONDS = 3600.0  # for the largest networks on a busy machine; most compile in one or two minutes
LOCK_SECONDS = 3600.0  # while another process, which is supervised as well, decodes or downloads the same data set
STORE_SECONDS = 600.0  # of one file


class _GracePeriods:
    """Those that are open: when each ends at the latest, by the monotonic clock, and whether it is urgent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[tuple[float, bool]] = []

    def begin(self, end: float, *, urgent: bool) -> tuple[float, bool]:
        with self._lock:
            self._ends.append((end, urgent))
        return end, urgent

    def end(self, period: tuple[float, bool]) -> None:
        with self._lock:
            self._ends.remove(period)

    def is_active(self, *, urgent: bool) -> bool:
        now = time.monotonic()
        with self._lock:
            return any(now < end and (is_urgent or not urgent) for end, is_urgent in self._ends)


_PERIODS = _GracePeriods()


@contextmanager
def grace_period(seconds: float, *, urgent: bool = False) -> Iterator[None]:
    """Inside, no progress is needed for `seconds`. `urgent`: the period counts even once the run has been told to end,
    because this work must still be done, such as storing the last checkpoint."""
    period = _PERIODS.begin(time.monotonic() + seconds, urgent=urgent)
    try:
        yield
    finally:
        _PERIODS.end(period)


def in_grace_period(*, urgent: bool = False) -> bool:
    """Whether a grace period is open; with `urgent`, whether an urgent one is."""
    return _PERIODS.is_active(urgent=urgent)
