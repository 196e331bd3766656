"""File locks between processes of one machine, so that one of them makes what all need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from training.grace_periods import LOCK_SECONDS, grace_period


@contextmanager
def exclusive_file_lock(file: Path) -> Iterator[None]:
    """Hold a lock on `file`, which has no other purpose. The system releases it when the process ends, however it ends.
    Waiting for it is a grace period, so that the run is not taken for one that hangs. Raises OSError where `file`
    cannot be created."""
    lock = FileLock(file)
    with grace_period(LOCK_SECONDS):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
