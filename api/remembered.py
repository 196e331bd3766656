"""What answers were made of."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

MOST_REMEMBERED = 10_000  # addresses


@dataclass(frozen=True, slots=True)
class Made:
    """Of what an answer was made, and what a 304 in its place has to say."""

    revision: int
    etag: str
    headers: Mapping[str, str]


class Remembered:
    """Which revision of its job an answer was made of: as long as that stays, nothing has to be read to know that the
    client has it already."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._lock = Lock()

    def at(self, address: str, revision: int) -> Made | None:
        """What this address answers at `revision`, where that is known."""
        with self._lock:
            made = self._made.get(address)
        return made if made and made.revision == revision else None

    def note(self, address: str, made: Made) -> None:
        """Of the latest answer at an address."""
        with self._lock:
            self._made[address] = made
            self._made.move_to_end(address)
            if len(self._made) > MOST_REMEMBERED:
                self._made.popitem(last=False)
