"""The index of a version's images (`training.images.packs`) as the API reads it: nothing of it is made into Python's
objects before it is asked for.

`ImageIndex` makes a string of each name and id, for which the interpreter's lock is held: 14 ms for 60,000 images, and
0.6 s for a million. Here numpy does everything that grows with the number of images, and gives the lock back meanwhile.
"""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from training.images.packs import ID_DIGITS, SPLITS, IndexInvalid

_ID = re.compile(rf"([0-9a-f]{{{ID_DIGITS}}})(?:-([1-9][0-9]{{0,8}}))?")
_NAMES = b'"names": ['
_COLUMNS = ("splits", "labels", "packs", "offsets", "lengths")
_QUOTE, _BACKSLASH = ord('"'), ord("\\")

Rows = NDArray[np.int64]


class Place(NamedTuple):
    """Where the file of an image lies: pack, offset and length in bytes."""

    pack: int
    offset: int
    length: int


@dataclass(frozen=True, eq=False, slots=True)
class ImageTable:
    """The images of a version, in the order of the index: split, class, digest and name."""

    classes: tuple[str, ...]
    splits: NDArray[np.uint8]
    labels: NDArray[np.int32]
    _packs: NDArray[np.int32]
    _offsets: NDArray[np.int64]
    _lengths: NDArray[np.int64]
    words: NDArray[np.uint64]  # the beginning of each image's digest, of which its id is made
    _names: bytes  # JSON strings
    _name_bounds: NDArray[np.int64]  # where each begins, and ends: [N, 2]
    _sorted: Rows  # rows by word, and then by their order
    _numbers: NDArray[np.int32]  # of each image among those with its word, from 1

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Of an index as `ImageIndex.to_bytes` made it. Raises IndexInvalid."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                names, about = _divided(arrays["about"])
                splits, labels, packs, offsets, lengths = (arrays[name] for name in _COLUMNS)
                words = np.ascontiguousarray(arrays["digests"][:, :8]).view(">u8").ravel().astype(np.uint64)
            bounds = _string_bounds(names)
            classes = tuple(json.loads(about)["classes"])
        except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise IndexInvalid("it is no index of images") from error
        if {len(bounds), *map(len, (splits, labels, packs, offsets, lengths))} != {len(words)}:
            raise IndexInvalid("its columns are not equally long")
        by_word = np.argsort(words, kind="stable")
        numbers = _numbers(words, by_word)
        return cls(classes, splits, labels, packs, offsets, lengths, words, names.tobytes(), bounds, by_word, numbers)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size_bytes(self) -> int:
        """What it takes of memory."""
        sent = (self.splits, self.labels, self._packs, self._offsets, self._lengths, self.words)
        made = (self._name_bounds, self._sorted, self._numbers)
        return sum(column.nbytes for column in (*sent, *made)) + len(self._names)

    def rows(self, label: int | None, split: str | None) -> Rows:
        """Of the images of a class and a split, in order; None: of any."""
        wanted = np.ones(len(self), np.bool_)
        if label is not None:
            wanted &= self.labels == label
        if split is not None:
            wanted &= self.splits == SPLITS.index(split)
        return np.flatnonzero(wanted)

    def id_of(self, row: int) -> str:
        """As `ImageIndex.ids` has it."""
        number = self._numbers[row]
        name = f"{self.words[row]:0{ID_DIGITS}x}"
        return name if number == 1 else f"{name}-{number}"

    def row_of(self, image: str) -> int | None:
        """The row of an id; None where there is none."""
        found = _ID.fullmatch(image)
        if found is None or found[2] == "1":
            return None
        alike = self._alike(np.uint64(int(found[1], 16)))
        number = int(found[2] or 1)
        return int(alike[number - 1]) if number <= len(alike) else None

    def names_of(self, rows: Sequence[int]) -> Sequence[str]:
        """What the files of some images were called as they were sent."""
        strings = [self._names[start:end] for start, end in self._name_bounds[list(rows)].tolist()]
        names: list[str] = json.loads(b"[" + b",".join(strings) + b"]")
        return names

    def class_of(self, row: int) -> str:
        """The name of its class."""
        return self.classes[int(self.labels[row])]

    def split_of(self, row: int) -> str:
        """`train` or `test`."""
        return SPLITS[int(self.splits[row])]

    def place_of(self, row: int) -> Place:
        """Where its file lies."""
        return Place(int(self._packs[row]), int(self._offsets[row]), int(self._lengths[row]))

    def counts(self, label: int) -> Sequence[int]:
        """How many images a class has in each of SPLITS."""
        counts: list[int] = np.bincount(self.splits[self.labels == label], minlength=len(SPLITS)).tolist()
        return counts

    def _alike(self, word: np.uint64) -> Rows:
        """The rows with this word, in order."""
        start = np.searchsorted(self.words, word, "left", sorter=self._sorted)
        end = np.searchsorted(self.words, word, "right", sorter=self._sorted)
        alike: Rows = self._sorted[start:end]
        return alike


def _numbers(words: NDArray[np.uint64], by_word: Rows) -> NDArray[np.int32]:
    """The place of each row among the rows with its word, from 1. `by_word`: the rows by word and then by order."""
    places = np.arange(len(words))
    in_order = words[by_word]
    is_first = np.concatenate([[True], in_order[1:] != in_order[:-1]])[: len(words)]
    numbers = np.empty(len(words), np.int32)
    numbers[by_word] = places - np.maximum.accumulate(np.where(is_first, places, 0)) + 1
    return numbers


def _divided(about: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bytes]:
    """The names in the JSON `about`, which come last there, and the rest of it. Raises ValueError."""
    start = about.tobytes().find(_NAMES)  # no string in JSON has unescaped quotes: it is a key
    if start < 0:
        raise ValueError("it has no names")
    return about[start + len(_NAMES) :], about[:start].tobytes().rstrip(b", ") + b"}"


def _string_bounds(strings: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where each of a list of JSON strings begins and ends, quotes included."""
    quotes = np.flatnonzero(strings == _QUOTE)
    backslashes = strings == _BACKSLASH
    if backslashes.any():
        quotes = quotes[~_is_escaped(quotes, backslashes)]
    bounds: NDArray[np.int64] = quotes.reshape(-1, 2) + np.array([0, 1])
    return bounds


def _is_escaped(quotes: Rows, backslashes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether an odd number of backslashes stands before each quote."""
    others = np.flatnonzero(~backslashes)  # quotes among them
    before = np.concatenate([[-1], others])[np.searchsorted(others, quotes)]
    odd: NDArray[np.bool_] = (quotes - before - 1) % 2 == 1
    return odd
