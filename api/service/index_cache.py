"""Indexes of data set versions. A stored index never changes, so that it is kept until others need the memory."""

from threading import Lock

import structlog
from cachetools import LRUCache

from api.http.errors import StorageUnavailable
from api.views.image_table import ImageTable
from storage import Storage, StoredFile

MAX_BYTES = 64 * 2**20  # of 60,000 images, an index takes 6 MB

log = structlog.get_logger()


class IndexCache:
    """Indexes by the name of their file in the storage. Thread-safe; `FairLimits.expensive` bounds how many are read at
    once."""

    def __init__(self, storage: Storage, max_bytes: int = MAX_BYTES) -> None:
        self._storage = storage
        self._tables: LRUCache[str, ImageTable] = LRUCache(max_bytes, lambda table: table.size_bytes)
        self._largest = max_bytes
        self._lock = Lock()

    def get(self, file: StoredFile) -> ImageTable:
        """The index in `file`. Raises StorageUnavailable."""
        with self._lock:
            known = self._tables.get(file.name)
        if known is not None:
            return known
        table = self._read(file)
        if table.size_bytes <= self._largest:
            with self._lock:
                self._tables[file.name] = table
        return table

    def _read(self, file: StoredFile) -> ImageTable:
        try:
            return ImageTable.from_bytes(self._storage.read_verified(file))
        except (OSError, ValueError) as error:  # FileDamaged and IndexInvalid are ValueErrors
            log.warning("index not read", name=file.name, error=str(error))
            raise StorageUnavailable("It does not give the index of the version out: ask again.") from error
