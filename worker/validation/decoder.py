"""The life of a process that decodes a chunk of images: it says at which image it is, so that its death names one.

Each image has CPU time of its own (`limits.image_seconds`), after which the kernel ends the process with SIGPROF. A
process that has worked for some seconds ends by itself, with what it has done: little is lost with the next one.
"""

import json
import math
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from mmap import mmap
from pathlib import Path
from struct import Struct

import numpy as np

from training.dataset_check.examining import Examined, examine
from training.images.decoding import PackedFile, strict_pillow
from training.parent_death_signal import die_with_parent
from worker.validation.limits import image_seconds, limit_decoder
from worker.validation.shared_budget import SharedBudget

ENOUGH_SECONDS = 10.0  # of CPU time: a process begins no further image

_STATE = Struct("=qd")  # row of the image at work or -1, and when it began, by the monotonic clock

Files = Sequence[tuple[int, int]]  # offsets and lengths


class Seat:
    """What a decoder says in memory that it shares with its parent."""

    def __init__(self) -> None:
        self._shared = mmap(-1, _STATE.size)
        self.clear()

    def clear(self) -> None:
        """No image is at work."""
        self._shared[: _STATE.size] = _STATE.pack(-1, 0.0)

    def take(self, row: int, *, waits: bool = False) -> None:
        """The image of this row is at work, or waits for others."""
        self._shared[: _STATE.size] = _STATE.pack(row, math.inf if waits else time.monotonic())

    @property
    def row(self) -> int | None:
        """Of the image at work, within its chunk."""
        row, _ = _STATE.unpack(self._shared[: _STATE.size])
        return row if row >= 0 else None

    @property
    def seconds(self) -> float:
        """For how long it has been; below 0 where it waits."""
        row, began = _STATE.unpack(self._shared[: _STATE.size])
        return time.monotonic() - began if row >= 0 else 0.0


class _Watch:
    """Of one decoder."""

    def __init__(self, seat: Seat, budget: SharedBudget) -> None:
        self._seat, self._budget = seat, budget

    def begin(self, row: int, encoded_bytes: int) -> bool:
        """False once it has worked for long enough; never before the first image."""
        if row and time.process_time() > ENOUGH_SECONDS:
            return False
        self._seat.take(row)
        signal.setitimer(signal.ITIMER_PROF, image_seconds(encoded_bytes))
        return True

    def end(self) -> None:
        """No image is at work any more."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._seat.clear()

    @contextmanager
    def holding(self, pixels: int) -> Iterator[None]:
        """Waits for the memory that others hold."""
        row = self._seat.row
        assert row is not None
        self._seat.take(row, waits=True)
        with self._budget.reserved(pixels):
            self._seat.take(row)
            yield


def decode_and_exit(
    pack: Path, files: Files, result: Path, largest_megapixels: int, seat: Seat, budget: SharedBudget
) -> None:
    """In a process of its own. It never returns."""
    status = 1
    die_with_parent(signal.SIGKILL)
    try:
        with suppress(OSError):  # where memory is short, this one is to be killed
            Path("/proc/self/oom_score_adj").write_text("1000")
        limit_decoder()
        with strict_pillow(largest_megapixels):
            _decode(pack, files, result, _Watch(seat, budget))
        status = 0
    except MemoryError:
        pass
    finally:
        os._exit(status)


def _decode(pack: Path, files: Files, result: Path, watch: _Watch) -> None:
    sources = [PackedFile(pack, offset, length) for offset, length in files]
    found = examine(sources, [length for _, length in files], watch=watch)
    watch.end()
    told = np.frombuffer(json.dumps(found.unreadable).encode(), np.uint8)
    np.savez(
        result,
        digests=found.digests,
        grey=found.grey,
        features=found.features,
        unreadable=told,
        allow_pickle=False,
    )


def read_result(first: int, result: Path) -> Examined:
    """What a decoder has found, of at least one image. `first`: the row of the first."""
    with np.load(result, allow_pickle=False) as arrays:
        told = json.loads(arrays["unreadable"].tobytes())
        unreadable = {first + int(row): reason for row, reason in told.items()}
        return Examined(first, arrays["digests"], arrays["features"], arrays["grey"], unreadable)
