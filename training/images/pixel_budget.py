"""A bound on the pixels that decoding threads hold in memory at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Self

from training.host_memory import available_memory

SMALL = 2**20  # pixels: images up to this size are not counted, since all threads together hold little of them
LEAST = 2**26  # pixels, however little memory is available; a larger image is decoded alone
BYTES_PER_PIXEL = 8  # of an image and its intermediate copies, in most cases
LARGEST_SHARE = 0.25  # of the available memory


def pixels_of_this_machine() -> int:
    """For which a quarter of the memory suffices that is available now."""
    return max(LEAST, int(available_memory() * LARGEST_SHARE / BYTES_PER_PIXEL))


class PixelBudget:
    """A semaphore that counts pixels, first come, first served. A reservation of more than there is takes all of it, so
    that the largest images are decoded alone."""

    def __init__(self, pixels: int) -> None:
        self._free = self._all = pixels
        self._changed, self._queue = Condition(), Lock()

    @classmethod
    def of_this_machine(cls) -> Self:
        """Of a quarter of the memory that is available now."""
        return cls(pixels_of_this_machine())

    @contextmanager
    def reserved(self, pixels: int) -> Iterator[None]:
        """Wait until `pixels` are free, and hold them."""
        if pixels <= SMALL:
            yield
            return
        wanted = min(pixels, self._all)
        with self._queue, self._changed:  # later ones queue here, so that small ones cannot starve a large one
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()
