"""A bound on what threads that decode hold in memory at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Self

from training.host_memory import available_memory

SMALL = 2**20  # pixels: as many threads as there are hold so little that it needs no bound
LEAST = 2**26  # pixels that may always be decoded at once; one image alone may have more
BYTES_PER_PIXEL = 8  # of an image and of what is made of it on the way, most often
LARGEST_SHARE = 0.25  # of the available memory


class PixelBudget:
    """Room for so many pixels. Whoever wants more than there is gets all of it, alone; in the order of asking."""

    def __init__(self, pixels: int) -> None:
        self._free = self._all = pixels
        self._changed, self._turn = Condition(), Lock()

    @classmethod
    def of_this_machine(cls) -> Self:
        """As its memory allows now."""
        return cls(max(LEAST, int(available_memory() * LARGEST_SHARE / BYTES_PER_PIXEL)))

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Waits until there is room for `pixels`."""
        if pixels <= SMALL:
            yield
            return
        wanted = min(pixels, self._all)
        with self._turn, self._changed:  # those behind wait, so that many small ones do not keep a large one out
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()
