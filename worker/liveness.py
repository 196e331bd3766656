"""Reports that a trainer process is alive while it makes no step: the supervisor takes silence for a hang.

While it loads data, the process counts as alive as long as it computes, reads or writes. After that, its steps show
that it is alive. A phase without steps must be announced (`training/grace_periods.py`), and counts up to the announced
bound.
"""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from training.grace_periods import in_grace_period
from worker.messages import Alive, Command, Report

CHECK_SECONDS = 2.0
PAGE = 4096  # bytes; the check itself reads less
CPU_SHARE = 0.001  # of the time; the check itself takes less


@contextmanager
def reporting_liveness(
    read_command: Callable[[], Command | None],
    send: Callable[[Report], None],
    *,
    finishes: bool,
    alone: bool = True,
    leave: Callable[[], None] = lambda: os._exit(0),
) -> Iterator[threading.Event]:
    """Send Alive now and then, while it is true. The caller sets the event when the data is loaded.

    Until then this attempt has nothing to save, and loading cannot be interrupted. So a command to end calls `leave` at
    once; the job keeps the checkpoints that it has. There is one exception: where the job has checkpoints, which
    `finishes` says, Command.FINISH waits, since the weights are made from the furthest one.

    A process of a team (not `alone`) must not leave by itself: the others may wait for it in a collective operation. It
    falls silent instead, and is killed together with them.
    """
    at_once = {Command.SAVE, Command.QUIT} if finishes else {*Command}
    loaded, over = threading.Event(), threading.Event()

    def tell() -> None:
        before = _Work.so_far()
        while not over.wait(CHECK_SECONDS):
            now, command = _Work.so_far(), read_command()
            is_over = not loaded.is_set() and command in at_once
            if is_over and alone:
                leave()
            works = not (loaded.is_set() or is_over) and now.is_more_than(before)
            # After a command, only what is needed to end (`urgent`) may still take its time.
            if works or in_grace_period(urgent=command is not None):
                send(Alive())
            before = _Work.so_far()  # so that sending does not count as work

    thread = threading.Thread(target=tell, name="signs of life", daemon=True)
    thread.start()
    try:
        yield loaded
    finally:
        over.set()
        thread.join()


class _Work:
    """What this process has computed, read and written so far, except in the calling thread."""

    def __init__(self, cpu_seconds: float, read_and_written: int) -> None:
        self._cpu_seconds, self._read_and_written = cpu_seconds, read_and_written

    @classmethod
    def so_far(cls) -> "_Work":
        pages = resource.getrusage(resource.RUSAGE_SELF).ru_majflt  # pages of mapped files that the system has read
        return cls(
            time.process_time() - time.thread_time(),
            pages * PAGE + _bytes_of(Path("/proc/self/io")) - _bytes_of(Path("/proc/thread-self/io")),
        )

    def is_more_than(self, before: "_Work") -> bool:
        computed = self._cpu_seconds - before._cpu_seconds > CHECK_SECONDS * CPU_SHARE
        return computed or self._read_and_written - before._read_and_written >= PAGE


def _bytes_of(counters: Path) -> int:
    """Read and written, whether from a disk or not; 0 where the system does not count."""
    try:
        lines = counters.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar")))
