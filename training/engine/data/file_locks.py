"""Locks that processes of one machine have between them, so that one makes what all need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from training.grace_periods import LOCK_SECONDS, grace_period


@contextmanager
def exclusive_file_lock(file: Path) -> Iterator[None]:
    """Holds the lock `file`, which exists for that alone; the system lets go of it when the process ends. To wait for
    another process is no hang. Raises OSError where the lock cannot be made."""
    lock = FileLock(file)
    with grace_period(LOCK_SECONDS):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
