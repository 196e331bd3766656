"""A storage that is away, or full, is waited for, as jobs do: to fail would throw away what was uploaded."""

import errno
import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from storage import Storage, StoredFile
from worker.validation.progress import Course

Done = TypeVar("Done")

GIVE_UP_SECONDS = 600.0  # as worker.saving
RETRY_SECONDS = 2.0

log = logging.getLogger(__name__)


class StorageFailed(Exception):
    """It did not answer, or was full, for GIVE_UP_SECONDS. `doing`: written or read. `reason`: without anything of
    this machine in it."""

    def __init__(self, doing: str, error: OSError) -> None:
        super().__init__(doing)
        self.doing, self.reason = doing, os.strerror(error.errno or errno.EIO)
        self.is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)


class PatientStorage:
    """What a validation needs of a storage. While it waits, it goes on to say how far the validation is."""

    def __init__(self, storage: Storage, course: Course) -> None:
        self._storage, self._course = storage, course

    def put(self, name: str, content: bytes) -> StoredFile:
        """As `Storage.put`. Raises StorageFailed in place of OSError."""
        return self._patiently("written", lambda: self._storage.put(name, content))

    def read_verified(self, file: StoredFile) -> bytes:
        """As `Storage.read_verified`. Raises FileNotFoundError and FileDamaged, and StorageFailed in place of
        OSError."""
        return self._patiently("read", lambda: self._storage.read_verified(file))

    def _patiently(self, doing: str, do: Callable[[], Done]) -> Done:
        deadline, is_told = time.monotonic() + GIVE_UP_SECONDS, False
        while True:
            try:
                return do()
            except OSError as error:
                if doing == "read" and isinstance(error, FileNotFoundError):
                    raise
                if time.monotonic() >= deadline:
                    raise StorageFailed(doing, error) from error
                if not is_told:
                    log.warning("The storage cannot be %s yet: %s", doing, error)
                    is_told = True
                self._course.wait(RETRY_SECONDS)
