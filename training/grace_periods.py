"""Work during which this process makes no step for a while, and for how long that is in order.

Whoever watches a run takes one without a sign of life for a hang. Some work gives no sign of its own: a compiler works
in processes of its own, a lock is another process's, a disk takes its time. It is announced here, with a bound, so
that the watch can tell it from a hang, and ends it all the same where it takes longer than that. It concerns the whole
process, whichever of its threads waits, which is why it is kept here and not handed from call to call.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

COMPILE_SECONDS = 3600.0  # of the largest networks on a busy machine; a usual one takes one or two minutes
LOCK_SECONDS = 3600.0  # while another process decodes or downloads the same data set; it is watched itself
STORE_SECONDS = 600.0  # of one file


class _Spells:
    """When each spell that is going on ends at the latest, by the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[tuple[float, bool]] = []

    def begin(self, end: float, *, urgent: bool) -> tuple[float, bool]:
        with self._lock:
            self._ends.append((end, urgent))
        return end, urgent

    def over(self, spell: tuple[float, bool]) -> None:
        with self._lock:
            self._ends.remove(spell)

    def lasting(self, *, urgent: bool) -> bool:
        now = time.monotonic()
        with self._lock:
            return any(now < end and (is_urgent or not urgent) for end, is_urgent in self._ends)


_SPELLS = _Spells()


@contextmanager
def grace_period(seconds: float, *, urgent: bool = False) -> Iterator[None]:
    """What happens within may be quiet for so long. `urgent`: also once the run has been told to end, since it is what
    there is left to do."""
    spell = _SPELLS.begin(time.monotonic() + seconds, urgent=urgent)
    try:
        yield
    finally:
        _SPELLS.over(spell)


def in_grace_period(*, urgent: bool = False) -> bool:
    """Whether a spell is going on; with `urgent`, one that is."""
    return _SPELLS.lasting(urgent=urgent)
