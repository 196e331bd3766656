"""Stores for decoded images: in memory, or in a file. Several threads put images into them, in any order."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.images.decoding import Form
from training.images.identity import Digests

Shape = tuple[int, int, int, int]  # images, height, width, channels


@dataclass(frozen=True, eq=False, slots=True)
class Decoded:
    """The images of a data set, uint8 [N, size, size, channels].

    `unreadable`: the files that were left out, by their place among all files, and why. `mapped`: as in Split.
    `digests`: of the images before they were made square.
    """

    images: Tensor
    unreadable: dict[int, str]
    mapped: bool
    digests: Digests


class Store(Protocol):
    """Room for the images of one data set."""

    def put(self, row: int, pixels: NDArray[np.uint8]) -> None:
        """`pixels` is uint8 [size, size, channels]."""
        ...

    def finish(self, rows: Sequence[int]) -> Tensor:
        """The images of `rows`, which ascend. The others are dropped. `put` must not be called afterwards."""
        ...

    @property
    def mapped(self) -> bool:
        """Whether what `finish` returns is mapped from a file."""
        ...


Reserve = Callable[[int, Form], Store]  # room for so many images; raises DatasetInvalid or OSError where there is none


class MemoryStore:
    """Images in memory."""

    mapped = False

    def __init__(self, count: int, form: Form) -> None:
        self._images = torch.empty(shape_of(count, form), dtype=torch.uint8)
        self._pixels = self._images.numpy()

    def put(self, row: int, pixels: NDArray[np.uint8]) -> None:
        """See Store."""
        self._pixels[row] = pixels

    def finish(self, rows: Sequence[int]) -> Tensor:
        """See Store. Images move forward in place, which needs no memory for a second copy."""
        for place, row in enumerate(rows):
            if place != row:
                self._pixels[place] = self._pixels[row]
        return self._images[: len(rows)]


class FileStore:
    """Images in a new file. It is written, and mapped only when it is complete: on a full disk, a write raises OSError,
    but a process that writes to a mapped file is killed.
    """

    mapped = True

    def __init__(self, file: Path, count: int, form: Form) -> None:
        self._file, self._form = file, form
        self._image_bytes = form.bytes_of(1)
        self._opened = file.open("x+b", buffering=0)
        self._opened.truncate(form.bytes_of(count))

    def put(self, row: int, pixels: NDArray[np.uint8]) -> None:
        """See Store."""
        self._write(row, np.ascontiguousarray(pixels).data.cast("B"))

    def finish(self, rows: Sequence[int]) -> Tensor:
        """See Store."""
        for place, row in enumerate(rows):
            if place != row:
                self._write(place, memoryview(self._read(row)))
        self._opened.truncate(self._image_bytes * len(rows))
        os.fsync(self._opened.fileno())
        self.close()
        return map_images(self._file, shape_of(len(rows), self._form))

    def close(self) -> None:
        """Close the file. It keeps its content."""
        self._opened.close()

    def _write(self, row: int, content: memoryview) -> None:
        at = row * self._image_bytes
        while content:
            written = os.pwrite(self._opened.fileno(), content, at)
            content, at = content[written:], at + written

    def _read(self, row: int) -> bytes:
        return os.pread(self._opened.fileno(), self._image_bytes, row * self._image_bytes)


def shape_of(count: int, form: Form) -> Shape:
    """Of `count` images of `form`."""
    return count, form.size, form.size, form.channels


def bytes_of(images: Tensor) -> memoryview:
    """Of contiguous images; not a copy."""
    return images.numpy().data.cast("B")


def map_images(file: Path, shape: Shape) -> Tensor:
    """uint8 of `shape`, mapped from `file`: pages are read when they are accessed. Writing to it kills the process.

    Raises OSError where there is no such file, and ValueError where it has another size.
    """
    if (size := file.stat().st_size) != np.prod(shape):
        raise ValueError(f"{file} holds {size} bytes and not {' x '.join(map(str, shape))}")
    pixels = np.memmap(file, np.uint8, "r", shape=shape)
    # torch.from_file maps only for writing: to the file, or to a private copy that the system must have memory for.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(pixels)
