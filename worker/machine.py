"""The cores, the load and the memory of this machine."""

import os

from jobs.workers import Load
from training.host_memory import host_memory


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def current_load() -> Load:
    """How busy the machine is, and how much memory it has left. Within a container, the container's memory."""
    memory = host_memory()
    return Load(os.getloadavg()[0], memory.total, memory.available)
