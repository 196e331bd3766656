"""Signs of life of a trainer process while it makes no step, for the supervisor, which takes silence for a hang.

While data is loaded, that is no stall as long as this process computes, reads or writes. Afterwards its steps speak for
it, and what it has announced to be quiet (`training/grace_periods.py`), up to the bound that was announced.
"""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from training.grace_periods import in_grace_period
from worker.messages import Alive, Report, Word

LOOK_SECONDS = 2.0
PAGE = 4096  # bytes; less than that is what the looking itself reads
CPU_SHARE = 0.001  # of the time; what the looking itself takes is less


@contextmanager
def signs_of_life(
    told: Callable[[], Word | None],
    send: Callable[[Report], None],
    *,
    finishes: bool,
    alone: bool = True,
    leave: Callable[[], None] = lambda: os._exit(0),
) -> Iterator[threading.Event]:
    """Say Alive now and then, where that is true. The event is set by whoever has loaded the data.

    Until then this attempt has nothing to save: what is told to end leaves at once, by `leave`, since loading cannot be
    interrupted, and the job keeps the checkpoints that it has. Only where it has some, which `finishes` says, are
    weights to be made of the furthest. One of a team, which is not `alone`, falls silent instead, and is ended with the
    others: they may wait for it in the middle of a sum.
    """
    at_once = {Word.SAVE, Word.QUIT} if finishes else {*Word}
    loaded, over = threading.Event(), threading.Event()

    def tell() -> None:
        before = _Work.so_far()
        while not over.wait(LOOK_SECONDS):
            now, word = _Work.so_far(), told()
            is_over = not loaded.is_set() and word in at_once
            if is_over and alone:
                leave()
            works = not (loaded.is_set() or is_over) and now.is_more_than(before)
            # Whoever has told the run to end waits for nothing but what is needed for that.
            if works or in_grace_period(urgent=word is not None):
                send(Alive())
            before = _Work.so_far()  # saying so is no work

    thread = threading.Thread(target=tell, name="signs of life", daemon=True)
    thread.start()
    try:
        yield loaded
    finally:
        over.set()
        thread.join()


class _Work:
    """What this process has done so far, but for the thread that asks."""

    def __init__(self, cpu_seconds: float, read_and_written: int) -> None:
        self._cpu_seconds, self._read_and_written = cpu_seconds, read_and_written

    @classmethod
    def so_far(cls) -> "_Work":
        pages = resource.getrusage(resource.RUSAGE_SELF).ru_majflt  # read in by the system, of a file that is mapped
        return cls(
            time.process_time() - time.thread_time(),
            pages * PAGE + _bytes_of(Path("/proc/self/io")) - _bytes_of(Path("/proc/thread-self/io")),
        )

    def is_more_than(self, before: "_Work") -> bool:
        computed = self._cpu_seconds - before._cpu_seconds > LOOK_SECONDS * CPU_SHARE
        return computed or self._read_and_written - before._read_and_written >= PAGE


def _bytes_of(counters: Path) -> int:
    """Read and written, whether from a disk or not; 0 where the system does not count."""
    try:
        lines = counters.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar")))
