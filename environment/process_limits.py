"""Bounds on what a process may take of its machine."""

import resource
from contextlib import suppress
from pathlib import Path

GIB = 2**30


def limit(kind: int, most: int, *, for_good: bool = False) -> None:
    """Bound a resource of this process, one of `resource.RLIMIT_*`; a lower bound of the operator's stays. `for_good`:
    neither this process nor one that it starts can raise it again."""
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most if for_good else hard))


def address_space() -> int:
    """Bytes that the process has mapped; 0 where the system does not tell."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0
