"""A bound on the pixels that decoding processes hold in memory at the same time, all of them together.

Each token is a lock on a byte of a file, which the system releases however its holder ends. Who needs tokens queues for
a lock of its own first: no two of them can hold a part of what they need and wait for each other.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.images.pixel_budget import SMALL, pixels_of_this_machine

TOKEN = 2**22  # pixels
MOST = 2**28  # pixels: of a largest image, or of 20 photographs
LOOK_SECONDS = 0.005  # between two looks for tokens that are free

_QUEUE = 0  # the byte of the file behind which the tokens' bytes begin


class SharedBudget:
    """Of the processes that are forked from one. `path`: of a file that is not there yet."""

    def __init__(self, path: Path, pixels: int | None = None) -> None:
        """`pixels`: by default what this machine has memory for."""
        self._path = path
        self.tokens = max(1, min(MOST, pixels_of_this_machine() if pixels is None else pixels) // TOKEN)
        path.touch()

    @contextmanager
    def reserved(self, pixels: int) -> Iterator[None]:
        """Wait until `pixels` are free, and hold them. A reservation of more than there is takes all of it. Not to be
        nested."""
        if pixels <= SMALL:
            yield
            return
        descriptor = os.open(self._path, os.O_RDWR)  # closing it releases all
        try:
            self._take(descriptor, min(-(-pixels // TOKEN), self.tokens))
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int, wanted: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _QUEUE)
        others = [*range(1, 1 + self.tokens)]
        while wanted:
            for token in others.copy():
                if wanted and _took(descriptor, token):
                    others.remove(token)
                    wanted -= 1
            if wanted:
                time.sleep(LOOK_SECONDS)
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _QUEUE)


def _took(descriptor: int, token: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, token)
    except OSError:
        return False
    return True
