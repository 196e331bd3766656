"""Who goes first where a process has one core."""

import os
import sys
from contextlib import suppress
from threading import get_native_id

from serving.limits import cores

LOWER = 10  # nice: a tenth of an ordinary thread's share


def yield_to_other_threads() -> None:
    """Let this thread, which computes, give way to the others of its process, which answer requests, where they share
    one core. With more, one core is left to them (`Limits.threads`), and the thread keeps its share of a machine that
    also trains. Only on Linux: elsewhere a priority is the whole process's."""
    if cores() == 1 and sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, get_native_id(), LOWER)
