"""Folders for what tasks need while they run. What a worker leaves that was killed is removed by the next one.

A worker's name says nothing about whether it lives: it is new at each start. So each holds a lock on a file beside its
folder, which the system releases however the worker ends.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

SUFFIX = ".lock"


class Scratch:
    """The folder `root/worker_id`, from `open` until `close`. Other workers of the machine have theirs in `root`."""

    def __init__(self, root: Path, worker_id: str) -> None:
        self._root, self._folder = root, root / worker_id
        self._lock = FileLock(self._lock_of(self._folder))

    def open(self) -> None:
        """Take the folder, and remove those of workers that are gone. Raises OSError."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(blocking=False)
        self.sweep()

    def folder(self, task_id: str) -> Path:
        """Of one task; it is not made here."""
        return self._folder / task_id

    def sweep(self) -> None:
        """Remove what workers have left that are gone."""
        for file in self._root.glob(f"*{SUFFIX}"):
            if file == self._lock_of(self._folder):
                continue
            with suppress(Timeout, OSError), FileLock(file, blocking=False):
                shutil.rmtree(file.with_name(file.name.removesuffix(SUFFIX)), ignore_errors=True)
                file.unlink()

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with suppress(OSError):
            self._lock_of(self._folder).unlink()
        self._lock.release()

    @staticmethod
    def _lock_of(folder: Path) -> Path:
        return folder.with_name(f"{folder.name}{SUFFIX}")
