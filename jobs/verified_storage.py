"""A storage that must carry the id of its deployment. Light enough for the trainer process.

Without the check, a storage that is not mounted would be created anew by the next write, and what its jobs have trained
would count as lost.
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from storage import Storage, StoredFile

STORAGE_ID_FILE = "storage-id"


class VerifiedStorage(Storage):
    """A storage whose file STORAGE_ID_FILE must hold `storage_id`; None accepts any storage.

    A storage with another id, or with none, counts as one that does not answer (OSError, ENXIO): none of its files
    counts as missing. The id is read before each write, and when something is not found.
    """

    def __init__(self, url: str, storage_id: str | None = None) -> None:
        super().__init__(url)
        self.storage_id = storage_id

    def put(self, name: str, content: bytes) -> StoredFile:
        """As `Storage.put`."""
        self.require_id()
        return super().put(name, content)

    def put_pieces(self, name: str, pieces: Iterable[bytes]) -> StoredFile:
        """As `Storage.put_pieces`."""
        self.require_id()
        return super().put_pieces(name, pieces)

    def read(self, name: str) -> bytes:
        """As `Storage.read`."""
        with self._id_required_if_missing():
            return super().read(name)

    def stream(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """As `Storage.stream`."""
        with self._id_required_if_missing():
            return super().stream(name, start, length)

    def list_names(self, folder: str) -> list[str]:
        """As `Storage.list_names`."""
        found = super().list_names(folder)
        if not found:
            self.require_id()
        return found

    def folders(self) -> list[str]:
        """As `Storage.folders`."""
        found = super().folders()
        if not found:
            self.require_id()
        return found

    def require_id(self) -> None:
        """Raises OSError where the storage does not carry the id that it must."""
        if self.storage_id is not None and read_storage_id(self) != self.storage_id:
            raise OSError(
                errno.ENXIO,
                "The storage is away, or another is in its place: mount the one that the database's jobs have their "
                f"files in. If it is lost, or this one is its copy, write {self.storage_id} into the file "
                f"{STORAGE_ID_FILE} in it",
            )

    @contextmanager
    def _id_required_if_missing(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self.require_id()
            raise


def read_storage_id(storage: Storage) -> str | None:
    """The id that a storage carries; None where it has none, or is not there. Raises OSError where it does not
    answer."""
    try:
        return Storage(storage.url).read(STORAGE_ID_FILE).decode(errors="replace").strip()
    except FileNotFoundError:
        return None
