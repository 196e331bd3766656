"""How much memory this process can still take, on this machine and within its container. Torch-free."""

import os
from pathlib import Path

MEMORY_INFO = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")  # within a container, its own


def available_memory() -> int:
    """Bytes that this process can still allocate: what is available on the machine, or less where its container has a
    limit."""
    machine, container = _machine_memory(), _container_memory()
    return machine if container is None else min(machine, container)


def _machine_memory() -> int:
    if not MEMORY_INFO.exists():  # only Linux says what is available; elsewhere, all memory is taken to be
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = (line.split() for line in MEMORY_INFO.read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")


def _container_memory() -> int | None:
    """The rest of the control group's limit (version 2); None where there is no limit."""
    try:
        limit = int((CONTROL_GROUP / "memory.max").read_text())
        used = int((CONTROL_GROUP / "memory.current").read_text())
        statistics = (line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        cached = next(int(words[1]) for words in statistics if words[0] == "inactive_file")
    except (OSError, ValueError):  # no such file, or the limit is "max"
        return None
    return limit - used + cached  # the cache of files counts as used, but is freed when memory is needed
