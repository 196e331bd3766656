"""Decodes images in processes of their own, a chunk of images a process (`decoder`).

A process that dies, or takes too long, is the fault of the image that it was at. That one counts as unreadable, the
others of its chunk are tried again, and no other is lost. How many images may do so is bounded, and so is the time
that they cost together. Results come back as files without pickled objects.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.dataset_check.examining import Examined
from training.image_checks.features import FEATURES
from training.images.identity import DIGEST_BYTES
from worker.validation.decoder import Files, Seat, decode_and_exit, read_result
from worker.validation.limits import image_seconds
from worker.validation.shared_budget import SharedBudget

CHUNK = 512  # images: a process is started for each, in some milliseconds
CHUNK_BYTES = 64 * 2**20  # of encoded images

MOST_FATAL = 10  # images that end their decoder
# Of wall-clock time to CPU time: more than that an image waits for no processor, but for something that will not come.
PATIENCE = 20.0

TOO_MUCH = "it takes more memory to decode than is allowed, or its decoder crashes on it"


class TooManyFatal(Exception):
    """So many images end their decoder that the rest is not tried. `reasons`: by row."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__()
        self.reasons = reasons


@dataclass(slots=True)
class _Running:
    first: int
    files: Files
    result: Path
    seat: Seat


@dataclass(slots=True)
class DecodingPool:
    """Decodes chunks of images of `pack`, with up to `processes` processes at once."""

    pack: Path
    folder: Path
    processes: int
    largest_megapixels: int
    budget: SharedBudget
    done: list[Examined] = field(default_factory=list)
    images_done: int = 0
    _fatal: dict[int, str] = field(default_factory=dict)
    _running: dict[int, _Running] = field(default_factory=dict)
    _waiting: list[tuple[int, Files]] = field(default_factory=list)

    def add(self, first: int, files: Files) -> Iterator[int]:
        """Decode the images at these offsets and lengths; `first` is the row of the first. Waits while every process is
        at work, and yields meanwhile as `join` does. Raises TooManyFatal, as `join` does."""
        self._waiting.append((first, files))
        while self._waiting:
            self._start_some()
            if self._waiting:
                self._wait()
                yield self.images_done

    def join(self) -> Iterator[int]:
        """Wait for all of them. Yields now and then how many images are done."""
        while self._running or self._waiting:
            self._start_some()
            self._wait()
            yield self.images_done

    def close(self) -> None:
        """End what runs."""
        for pid in list(self._running):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._running.clear()

    def _start_some(self) -> None:
        while self._waiting and len(self._running) < self.processes:
            first, files = self._waiting.pop()
            result, seat = self.folder / f"chunk-{first}-{len(files)}.npz", Seat()
            pid = os.fork()
            if pid == 0:
                decode_and_exit(self.pack, files, result, self.largest_megapixels, seat, self.budget)
            self._running[pid] = _Running(first, files, result, seat)

    def _wait(self) -> None:
        """For one process to end, or a moment."""
        ended = False
        for pid, running in list(self._running.items()):
            is_stuck = _is_stuck(running)
            if is_stuck:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self._running[pid]
                self._settle(running, status, is_stuck=is_stuck)
                ended = True
        if not ended:
            time.sleep(0.002)

    def _settle(self, running: _Running, status: int, *, is_stuck: bool) -> None:
        first, files, row = running.first, running.files, running.seat.row
        if status == 0:
            found = read_result(first, running.result)
            running.result.unlink()
            self.done.append(found)
            self.images_done += len(found.digests)
            self._try_again(first + len(found.digests), files[len(found.digests) :])
        elif len(files) == 1:
            self._name(first, _why(files[0], status, is_stuck=is_stuck))
        elif row is None:
            half = len(files) // 2
            self._try_again(first, files[:half])
            self._try_again(first + half, files[half:])
        else:
            self._try_again(first, files[:row])
            self._try_again(first + row + 1, files[row + 1 :])
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and not is_stuck:
                self._try_again(first + row, files[row : row + 1])  # by somebody else: it may be of no image's making
            else:
                self._name(first + row, _why(files[row], status, is_stuck=is_stuck))

    def _try_again(self, first: int, files: Files) -> None:
        if files:
            self._waiting.append((first, files))

    def _name(self, row: int, reason: str) -> None:
        self.done.append(_unreadable(row, reason))
        self.images_done += 1
        self._fatal[row] = reason
        if len(self._fatal) > MOST_FATAL:
            raise TooManyFatal(self._fatal)


def _is_stuck(running: _Running) -> bool:
    row = running.seat.row
    return row is not None and running.seat.seconds > PATIENCE * image_seconds(running.files[row][1])


def _why(file: tuple[int, int], status: int, *, is_stuck: bool) -> str:
    if is_stuck or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF):
        return f"it takes more than {image_seconds(file[1]):.0f} seconds to decode"
    return TOO_MUCH


def _unreadable(row: int, reason: str) -> Examined:
    return Examined(
        row, np.zeros((1, DIGEST_BYTES), np.uint8), np.zeros(1, FEATURES), np.zeros(1, np.bool_), {row: reason}
    )
