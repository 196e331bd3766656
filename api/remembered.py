"""What answers were made of."""

from collections import OrderedDict
from threading import Lock

MOST_REMEMBERED = 10_000  # addresses


class Remembered:
    """Which revision of its job an answer was made of: as long as that stays, nothing has to be read to know that the
    client has it already."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._lock = Lock()

    def at(self, address: str, revision: int) -> str | None:
        """The ETag of what this address answers at `revision`, where that is known."""
        with self._lock:
            made = self._made.get(address)
        return made[1] if made and made[0] == revision else None

    def note(self, address: str, revision: int, etag: str) -> None:
        """Of the latest answer at an address."""
        with self._lock:
            self._made[address] = (revision, etag)
            self._made.move_to_end(address)
            if len(self._made) > MOST_REMEMBERED:
                self._made.popitem(last=False)
