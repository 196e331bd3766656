"""Decodes images in processes of their own, a chunk of images a process.

A process that dies, or takes too long, is the fault of one of its images. Its chunk is divided and tried again, until
the image is alone: it counts as unreadable, and no other is lost. Results come back as files without pickled objects.
"""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.dataset_check.examining import Examined, examine
from training.image_checks.features import FEATURES
from training.images.decoding import PackedFile, strict_pillow
from training.images.identity import DIGEST_BYTES
from training.parent_death_signal import die_with_parent
from worker.validation.limits import limit_decoder

CHUNK = 512  # images: a process is started for each, in some milliseconds
CHUNK_BYTES = 64 * 2**20  # of encoded images
CHUNK_SECONDS = 300.0  # that a process may take

TOO_MUCH = "it takes more memory or time to decode than is allowed, or its decoder crashes on it"


@dataclass(slots=True)
class _Running:
    first: int
    files: Sequence[tuple[int, int]]
    result: Path
    until: float


@dataclass(slots=True)
class DecodingPool:
    """Decodes chunks of images of `pack`, with up to `processes` processes at once."""

    pack: Path
    folder: Path
    processes: int
    largest_megapixels: int
    done: list[Examined] = field(default_factory=list)
    images_done: int = 0
    _running: dict[int, _Running] = field(default_factory=dict)
    _waiting: list[tuple[int, Sequence[tuple[int, int]]]] = field(default_factory=list)

    def add(self, first: int, files: Sequence[tuple[int, int]]) -> None:
        """Decode the images at these offsets and lengths; `first` is the row of the first. Waits while every process is
        at work."""
        self._waiting.append((first, files))
        while self._waiting:
            self._start_some()
            if self._waiting:
                self._wait()

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
            result = self.folder / f"chunk-{first}-{len(files)}.npz"
            pid = os.fork()
            if pid == 0:
                _decode_and_exit(self.pack, files, result, self.largest_megapixels)
            self._running[pid] = _Running(first, files, result, time.monotonic() + CHUNK_SECONDS)

    def _wait(self) -> None:
        """For one process to end, or a moment."""
        ended = False
        for pid, running in list(self._running.items()):
            if time.monotonic() > running.until:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self._running[pid]
                self._settle(running, status)
                ended = True
        if not ended:
            time.sleep(0.002)

    def _settle(self, running: _Running, status: int) -> None:
        count = len(running.files)
        if status == 0:
            self.done.append(_read(running.first, running.result))
            running.result.unlink()
            self.images_done += count
        elif count == 1:
            self.done.append(_unreadable(running.first))
            self.images_done += 1
        else:
            half = count // 2
            self._waiting.append((running.first, running.files[:half]))
            self._waiting.append((running.first + half, running.files[half:]))


def _unreadable(row: int) -> Examined:
    return Examined(
        row,
        np.zeros((1, DIGEST_BYTES), np.uint8),
        np.zeros(1, FEATURES),
        np.zeros(1, np.bool_),
        {row: TOO_MUCH},
    )


def _read(first: int, result: Path) -> Examined:
    with np.load(result, allow_pickle=False) as arrays:
        told = json.loads(arrays["unreadable"].tobytes())
        unreadable = {first + int(row): reason for row, reason in told.items()}
        return Examined(first, arrays["digests"], arrays["features"], arrays["grey"], unreadable)


def _decode_and_exit(pack: Path, files: Sequence[tuple[int, int]], result: Path, largest_megapixels: int) -> None:
    """The life of a process that decodes. It never returns."""
    status = 1
    die_with_parent(signal.SIGKILL)
    try:
        limit_decoder()
        with strict_pillow(largest_megapixels):
            _decode(pack, files, result)
        status = 0
    except MemoryError:
        pass
    finally:
        os._exit(status)


def _decode(pack: Path, files: Sequence[tuple[int, int]], result: Path) -> None:
    sources = [PackedFile(pack, offset, length) for offset, length in files]
    found = examine(sources, [length for _, length in files])
    told = np.frombuffer(json.dumps(found.unreadable).encode(), np.uint8)
    np.savez(
        result,
        digests=found.digests,
        grey=found.grey,
        features=found.features,
        unreadable=told,
        allow_pickle=False,
    )
