"""What this machine has, as far as its system tells."""

import os
from pathlib import Path

from jobs.workers import Load


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def current_load() -> Load:
    """How busy the machine is, and how much memory it has left."""
    try:
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        kilobytes = {line[0]: int(line[1]) for line in lines}
    except OSError:
        return Load(os.getloadavg()[0])
    return Load(os.getloadavg()[0], 1024 * kilobytes["MemTotal:"], 1024 * kilobytes["MemAvailable:"])
