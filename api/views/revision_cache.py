"""A cache of values made from a revision of a job, valid until the job has its next revision."""

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
    """An LRU cache of values by key, each made from one revision of a job. Safe between threads.

    The caller must read the revision before the data that it makes the value from, or in the same snapshot. If the job
    changes in between, a new value is stored under an old revision: the next lookup misses, and costs one more read.
    In the other order, an old value would be stored under the new revision, and served until the revision after it.
    """

    def __init__(self, max_size: int, size_of: Callable[[Value], int] = lambda _: 1) -> None:
        """`max_size` bounds the sum of the values' sizes; by default each has the size 1. A value larger than an eighth
        of it is not cached."""
        self._entries: LRUCache[str, _Entry[Value]] = LRUCache(max_size, lambda entry: size_of(entry.value))
        self._largest = max(1, max_size // 8)
        self._size_of = size_of
        self._lock = Lock()

    def get(self, key: str, revision: int) -> Value | None:
        """The value of this key, if it was made from this revision."""
        with self._lock:
            entry = self._entries.get(key)
        return entry.value if entry and entry.revision == revision else None

    def put(self, key: str, revision: int, value: Value) -> None:
        """Store the value, replacing the key's value of any other revision."""
        if self._size_of(value) > self._largest:
            return
        with self._lock:
            self._entries[key] = _Entry(revision, value)
