"""What makes a run repeat: seeds for layers that draw, and deterministic algorithms."""

import ctypes
import os
import sys
from contextlib import suppress
from hashlib import blake2b

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_BLOCK = 2**30  # bytes; from here on, a block is fetched and given back as ever


def seed_step(seed: int, epoch: int, step: int, part: int, rank: int) -> None:
    """Seed torch's generators for one forward pass, so that what dropout and its like draw is a function of where
    the run is, and not of how it got there."""
    digest = blake2b(repr((seed, epoch, step, part, rank)).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest) >> 1)


def prepare_process(device: torch.device, *, deterministic: bool) -> None:
    """Let torch take only algorithms that repeat to the bit, or whichever is the fastest; for this whole process."""
    torch.use_deterministic_algorithms(deterministic)
    if device.type == "cuda":
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; cuBLAS asks for it
        torch.backends.cudnn.benchmark = not deterministic
        torch.backends.cudnn.deterministic = deterministic
    elif sys.platform == "linux":
        keep_freed_memory()


def keep_freed_memory() -> None:
    """Have the C library keep large blocks that were freed. It would give them back, and fetch and clear them anew
    each step: on CPUs, measured, up to a quarter of a training step."""
    with suppress(OSError, AttributeError):  # musl has no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
