"""Whether a decoded data set fits into memory, asked before the first image is decoded."""

import os
from pathlib import Path

from training.data.images import Form
from training.invalid import DatasetInvalid

LARGEST_SHARE = 0.5  # of the available memory; the network, its batches and the operating system need the rest

MEMORY_INFO = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")  # within a container, its own


def fits_memory(images: int, form: Form) -> bool:
    """Whether `images` decoded images of `form` take no more than their share of the memory."""
    return form.bytes_of(images) <= available_memory() * LARGEST_SHARE


def require_memory(name: str, images: int, form: Form) -> None:
    """Raises DatasetInvalid, with the size that would fit, where `fits_memory` says no."""
    if fits_memory(images, form):
        return
    allowed = available_memory() * LARGEST_SHARE
    largest_size = int((allowed / Form(1, form.channels).bytes_of(images)) ** 0.5)
    raise DatasetInvalid(
        f"The {images:,} images of {name} take {form.bytes_of(images) / 1e9:,.1f} GB when decoded to {form.size} x "
        f"{form.size} pixels; {allowed / 1e9:,.1f} GB of this machine's memory are free for them.",
        f"Set image_size to {largest_size} or less, use fewer images, or train on a machine with more memory.",
    )


def available_memory() -> int:
    """Bytes that this process can still take, by the machine's account and by its container's limit."""
    machine, container = _machine_memory(), _container_memory()
    return machine if container is None else min(machine, container)


def _machine_memory() -> int:
    if not MEMORY_INFO.exists():  # only Linux says what is available; elsewhere, count on all of it
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = (line.split() for line in MEMORY_INFO.read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")


def _container_memory() -> int | None:
    """What is left under the limit of the control group (version 2); None where there is none."""
    try:
        limit = int((CONTROL_GROUP / "memory.max").read_text())
        used = int((CONTROL_GROUP / "memory.current").read_text())
        statistics = (line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        cached = next(int(words[1]) for words in statistics if words[0] == "inactive_file")
    except (OSError, ValueError):  # no such file, or the limit is "max"
        return None
    return limit - used + cached  # cached files count as used, but make way when memory is wanted
