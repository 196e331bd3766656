"""What makes a run repeatable: seeds for layers that draw random numbers, and deterministic algorithms."""

import ctypes
import os
import sys
from contextlib import suppress
from hashlib import blake2b

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_BLOCK = 2**30  # bytes; larger blocks still come from the system and go back to it


def seed_step(seed: int, epoch: int, step: int, part: int, rank: int) -> None:
    """Seed torch's generators for one forward pass, so that what dropout and similar layers draw depends on the place
    in the run alone. A resumed run draws the same."""
    digest = blake2b(repr((seed, epoch, step, part, rank)).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest) >> 1)


def prepare_process(device: torch.device, *, deterministic: bool) -> None:
    """Restrict torch to algorithms whose results repeat to the bit, or allow the fastest ones. For the whole
    process."""
    torch.use_deterministic_algorithms(deterministic)
    if device.type == "cuda":
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; cuBLAS asks for it
        torch.backends.cudnn.benchmark = not deterministic
        torch.backends.cudnn.deterministic = deterministic
    elif sys.platform == "linux":
        keep_freed_memory()


def keep_freed_memory() -> None:
    """Have the C library keep freed memory, even large blocks. By default it returns them to the system, which clears
    them before they are used again: on CPUs this took up to a quarter of a training step, as measured."""
    with suppress(OSError, AttributeError):  # musl has no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
