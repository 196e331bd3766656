"""Reads files in the format of MNIST, which is called idx, from an archive: of images and of labels, in pairs, bare or
each compressed by gzip. Torch-free.

The labels are read as the archive is; once all are known, the archive is read again for the images, a block at a time.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.archives.arrays import ImageArray, Labels, labels_of
from training.archives.kinds import GZIP, idx_shape, is_idx
from training.archives.kinds import HOW_IDX as HOW
from training.archives.limits import Budget, in_bytes
from training.archives.member_names import told_name
from training.archives.members import Entry, Member, Readable, Skipped, Split, WithFront, shown_names
from training.archives.npz import check_splits
from training.archives.splits import SPLIT_NAMES, TRAIN_NAMES, meant_splits, other_splits
from training.archives.streams import Gunzipped
from training.errors import DatasetInvalid

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_SPLIT = re.compile(rf"(?<![a-z])(t10k|{'|'.join(sorted(SPLIT_NAMES, key=len, reverse=True))})(?![a-z])")
_WHAT = re.compile(r"[-_. ]*(images?|labels?)[-_. ]*idx\d.*|[-_. ]*(images?|labels?).*")


@dataclass(frozen=True, slots=True)
class _Opened:
    """An idx file, its header read and its numbers not yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    body: Readable


class IdxFiles:
    """The idx files of an archive. Each method raises DatasetInvalid."""

    def __init__(self) -> None:
        self._images: dict[str, ImageArray] = {}  # by the members' names
        self._labels: dict[str, NDArray[Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._images or self._labels)

    def add(self, entry: Entry, head: bytes, budget: Budget) -> None:
        """Note a file of which `head` was read already, and read it where it has labels."""
        opened = _opened(entry, head, budget)
        if len(opened.shape) > 1:
            self._images[entry.name] = ImageArray.of(entry.name, opened.shape, opened.dtype, budget.limits)
            return
        size = prod(opened.shape) * opened.dtype.itemsize
        if size > budget.limits.labels_bytes:
            most = in_bytes(budget.limits.labels_bytes)
            raise DatasetInvalid(f"{told_name(entry.name)} has more than {most} of labels.", f"Send at most {most}.")
        content = opened.body.read(size + 1)
        if len(content) != size:
            raise _wrong_size(entry.name)
        self._labels[entry.name] = np.frombuffer(content, opened.dtype)

    def members(self, entries: Iterator[Entry], budget: Budget, skipped: Skipped) -> Iterator[Member]:
        """Each image, with its split and class, from the archive's `entries` in another pass."""
        labels = self._paired(skipped)
        for entry in entries:
            if entry.name not in labels:
                continue
            split, named = labels[entry.name]
            opened = _opened(entry, b"", budget)
            yield from self._images[entry.name].members(opened.body, named, split, budget)
            if opened.body.read(1):
                raise _wrong_size(entry.name)

    def _paired(self, skipped: Skipped) -> dict[str, tuple[Split | None, Labels]]:
        """The labels and split of each file of images."""
        pairs = self._pairs()
        splits = _splits({images: self._images[images].count for images, _ in pairs}, skipped)
        named = labels_of([(labels, self._labels[labels]) for _, labels in pairs], None)
        for (images, labels), each in zip(pairs, named, strict=True):
            if self._images[images].count != len(each.rows):
                raise DatasetInvalid(
                    f"{told_name(images)} has {self._images[images].count:,} images, and {told_name(labels)} has "
                    f"{len(each.rows):,} labels.",
                    HOW,
                )
        check_splits(
            [(splits[images], each) for (images, _), each in zip(pairs, named, strict=True)], "The archive", HOW
        )
        return {images: (splits[images], each) for (images, _), each in zip(pairs, named, strict=True)}

    def _pairs(self) -> list[tuple[str, str]]:
        """Files of images and labels whose names differ in that only; whatever their names, if there are two files."""
        if len(self._images) == len(self._labels) == 1:
            return [(min(self._images), min(self._labels))]
        by_rest = {_rest(name): name for name in self._labels}
        pairs = [(name, by_rest[_rest(name)]) for name in sorted(self._images) if _rest(name) in by_rest]
        if not 1 <= len(pairs) <= 2 or {len(self._images), len(self._labels)} != {len(pairs)}:
            raise DatasetInvalid(
                f"The archive has idx files that are no pair, or two, of images and labels: "
                f"{shown_names([*self._images, *self._labels])}.",
                HOW,
            )
        return pairs


def _opened(entry: Entry, head: bytes, budget: Budget) -> _Opened:
    """`head`: what was read of it already."""
    head = head or entry.body.read(len(GZIP))
    body: Readable = WithFront(head, entry.body)
    is_packed = head.startswith(GZIP)
    if is_packed:
        body = Gunzipped(body, budget, told_name(entry.name))
    start = body.read(4)
    front = start + body.read(4 * start[3]) if is_idx(start) else b""
    if len(front) < 8 or len(front) < 4 + 4 * front[3]:
        raise _wrong_size(entry.name)
    shape, dtype, length = _header(front)
    if not is_packed and length + prod(shape) * dtype.itemsize != entry.size:
        raise _wrong_size(entry.name)
    return _Opened(shape, dtype, body)


def _header(head: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """The shape, the type of the numbers, and how long the header is."""
    shape, length = idx_shape(head)
    return shape, np.dtype(_TYPES[head[2]]), length


def _rest(name: str) -> str:
    """`name` without what tells images from labels."""
    return _WHAT.sub("", name.casefold())


def _splits(images: Mapping[str, int], skipped: Skipped) -> dict[str, Split | None]:
    """Of each file, of which it is known how many images it has."""
    names = [*images]
    if len(names) == 1:
        return {names[0]: None}
    words = {name: found[-1] for name in names if (found := _SPLIT.findall(name.casefold()))}
    said = {name: "test" if word == "t10k" else word for name, word in words.items()}
    if len(said) < len(names) or sum(word in TRAIN_NAMES for word in said.values()) != 1:
        raise DatasetInvalid(f"The names of two idx files do not say which is to train on: {shown_names(names)}.", HOW)
    splits, notes = meant_splits(said.values(), "The archive")
    for note in notes:
        skipped.note(note)
    skipped.other_splits += other_splits(splits, {word: images[name] for name, word in said.items()})
    return {name: splits[word] for name, word in said.items()}


def _wrong_size(name: str) -> DatasetInvalid:
    return DatasetInvalid(f"{told_name(name)} is an idx file of another size than it says.", "Fetch or save it again.")
