"""What was made of a revision of a job, kept for as long as the job has that revision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")

MAX_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class NotModifiedHeaders:
    """The headers of a 304 (Not Modified)."""

    etag: str
    headers: Mapping[str, str]


class _Entry(NamedTuple, Generic[Value]):
    revision: int
    value: Value


class RevisionCache(Generic[Value]):
    """Values by key, each made of one revision of a job. The least recently used ones make room for others.

    Whoever puts a value must have read its revision no later than what the value is made of. If the job has changed in
    between, the value is newer than its revision: then the job's next revision misses it, and it is made again. The
    other order would keep an old value under a new revision. Safe between threads.
    """

    def __init__(self, most: int, size_of: Callable[[Value], int] = lambda _: 1) -> None:
        """Keeps values of `most` in all, by `size_of` each: by default so many values. A value of more than an eighth
        of that is not kept."""
        self._entries: LRUCache[str, _Entry[Value]] = LRUCache(most, lambda entry: size_of(entry.value))
        self._largest = max(1, most // 8)
        self._size_of = size_of
        self._lock = Lock()

    def get(self, key: str, revision: int) -> Value | None:
        """The value of this key, where it is of this revision."""
        with self._lock:
            entry = self._entries.get(key)
        return entry.value if entry and entry.revision == revision else None

    def put(self, key: str, revision: int, value: Value) -> None:
        """In place of the key's value of another revision."""
        if self._size_of(value) > self._largest:
            return
        with self._lock:
            self._entries[key] = _Entry(revision, value)
