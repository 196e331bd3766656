"""What answers were made of."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")

MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class NotModifiedHeaders:
    """What a 304 in the place of an answer has to say."""

    etag: str
    headers: Mapping[str, str]


class RevisionCache(Generic[Value]):
    """What was made of which revision of a job: as long as that stays, it need not be made again.

    Nothing may be noted under a revision that was read after what it was made of. What is newer than its revision does
    no harm: whoever sees the next one makes it again.
    """

    def __init__(self, most: int) -> None:
        self._made: OrderedDict[str, tuple[int, Value]] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def at(self, name: str, revision: int) -> Value | None:
        """What there is of that name and revision."""
        with self._lock:
            found = self._made.get(name)
            if found is None or found[0] != revision:
                return None
            self._made.move_to_end(name)
            return found[1]

    def note(self, name: str, revision: int, value: Value) -> None:
        """In place of what was noted under the name before."""
        with self._lock:
            self._made[name] = (revision, value)
            self._made.move_to_end(name)
            if len(self._made) > self._most:
                self._made.popitem(last=False)
