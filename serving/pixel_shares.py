"""A bound on the pixels that are decoded at once, which projects share."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from training.images.pixel_budget import SMALL


class PixelShares:
    """A semaphore that counts pixels, for which projects take turns. So another's largest images delay a project's by
    those that are being decoded, and by none that wait. Thread-safe."""

    def __init__(self, pixels: int) -> None:
        self._free = pixels
        self._changed = Condition()
        self._waiting: dict[str, deque[object]] = {}  # by project, in the order in which they came
        self._held: Counter[str] = Counter()  # reservations, by project
        self._turns = 0
        self._last_turn: dict[str, int] = {}  # of those that hold or wait for some

    @contextmanager
    def reserved(self, project: str, pixels: int) -> Iterator[None]:
        """Wait until `pixels` are free, and hold them. There must be so many."""
        if pixels <= SMALL:
            yield
            return
        self._take(project, pixels)
        try:
            yield
        finally:
            self._give_back(project, pixels)

    def _take(self, project: str, pixels: int) -> None:
        ticket = object()
        with self._changed:
            own = self._waiting.setdefault(project, deque())
            own.append(ticket)
            # Smaller ones wait for the next one as well, so that they cannot starve a large one.
            self._changed.wait_for(lambda: self._next is ticket and self._free >= pixels)
            own.popleft()
            if not own:
                del self._waiting[project]
            self._free -= pixels
            self._held[project] += 1
            self._turns += 1
            self._last_turn[project] = self._turns
            self._changed.notify_all()

    def _give_back(self, project: str, pixels: int) -> None:
        with self._changed:
            self._free += pixels
            self._held[project] -= 1
            if not self._held[project]:
                del self._held[project]
                if project not in self._waiting:
                    del self._last_turn[project]
            self._changed.notify_all()

    @property
    def _next(self) -> object:
        """Of the project whose last turn is longest ago, or that had none; there is one."""
        return self._waiting[min(self._waiting, key=lambda project: self._last_turn.get(project, 0))][0]
