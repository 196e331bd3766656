"""The memory that this process can use, on this machine and within its container. Torch-free."""

import os
from pathlib import Path
from typing import NamedTuple

MEMORY_INFO = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")  # within a container, the container's own


class HostMemory(NamedTuple):
    """Bytes. Within a container that has a limit, no more than the limit and what is left of it."""

    total: int
    available: int


def host_memory() -> HostMemory:
    """What this process can use in all, and what it can still allocate."""
    machine, container = _machine_memory(), _container_memory()
    return HostMemory(*map(min, machine, container)) if container else machine


def available_memory() -> int:
    """Bytes that this process can still allocate."""
    return host_memory().available


def _machine_memory() -> HostMemory:
    if not MEMORY_INFO.exists():  # only Linux says how much is available; elsewhere, all memory is assumed to be
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return HostMemory(total, total)
    lines = (line.split() for line in MEMORY_INFO.read_text().splitlines())
    kilobytes = {words[0]: int(words[1]) for words in lines}
    return HostMemory(1024 * kilobytes["MemTotal:"], 1024 * kilobytes["MemAvailable:"])


def _container_memory() -> HostMemory | None:
    """The control group's limit (version 2), and what is left of it; None if there is no limit."""
    try:
        limit = int((CONTROL_GROUP / "memory.max").read_text())
        used = int((CONTROL_GROUP / "memory.current").read_text())
        statistics = (line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        cached = next(int(words[1]) for words in statistics if words[0] == "inactive_file")
    except (OSError, ValueError):  # no such file, or the limit is "max"
        return None
    return HostMemory(limit, limit - used + cached)  # cached files count as used, but are freed when memory is needed
