"""A storage that bears the mark of its deployment. Light enough for the trainer process.

A storage that was moved away, or is not mounted, would else be made anew by the next write, and what a job has trained
would count as lost.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from storage import Storage, StoredFile

MARK = "storage-id"  # the name of the file that has it


class OwnStorage(Storage):
    """A storage that must bear `mark`: without it, it counts as away (OSError, ENXIO), as one that does not answer, and
    none of its files as missing. None: whatever storage is there will do.

    Looked at before each write, and wherever something is not there.
    """

    def __init__(self, url: str, mark: str | None = None) -> None:
        super().__init__(url)
        self.mark = mark

    def put(self, name: str, content: bytes) -> StoredFile:
        """As `Storage.put`."""
        self.require_mark()
        return super().put(name, content)

    def read(self, name: str) -> bytes:
        """As `Storage.read`."""
        with self._present():
            return super().read(name)

    def stream(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """As `Storage.stream`."""
        with self._present():
            return super().stream(name, start, length)

    def list_names(self, folder: str) -> list[str]:
        """As `Storage.list_names`."""
        found = super().list_names(folder)
        if not found:
            self.require_mark()
        return found

    def folders(self) -> list[str]:
        """As `Storage.folders`."""
        found = super().folders()
        if not found:
            self.require_mark()
        return found

    def require_mark(self) -> None:
        """Raises OSError where the storage is not the one that it should be."""
        if self.mark is not None and mark_of(self) != self.mark:
            raise OSError(
                errno.ENXIO,
                "The storage is away, or another is in its place: mount the one that the database's jobs have their "
                f"files in. If it is lost, or this one is its copy, write {self.mark} into the file {MARK} in it",
            )

    @contextmanager
    def _present(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self.require_mark()
            raise


def mark_of(storage: Storage) -> str | None:
    """None where it has none, or is not there. Raises OSError where it does not answer."""
    try:
        return Storage(storage.url).read(MARK).decode(errors="replace").strip()
    except FileNotFoundError:
        return None
