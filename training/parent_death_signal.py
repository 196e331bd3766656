"""Ends a child process when its parent ends, even when the parent is killed."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(sent: signal.Signals) -> None:
    """Have the kernel send this process `sent` when its parent ends, which only Linux can."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, sent)
