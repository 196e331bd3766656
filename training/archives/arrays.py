"""Images and labels that come as arrays, in .npz or idx files: they become images and classes one by one. Torch-free.

An image is given on as a PNM file, which is a line of text in front of its pixels.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.archives.classes import check_count
from training.archives.limits import MIB, Budget, Limits, in_bytes
from training.archives.member_names import told_name
from training.archives.members import Member, Readable, Split
from training.errors import DatasetInvalid

BLOCK = MIB  # bytes of images that are in memory at once
MOST_DIMENSIONS = 5
LARGEST_LABEL = 10**6

_KINDS = {"U": "text", "S": "bytes"}  # of labels; others are numbers

_SHAPES = "[N, height, width], [N, height, width, 1 or 3] or [N, 1 or 3, height, width]"


@dataclass(frozen=True, slots=True)
class ImageArray:
    """An array of images: how its numbers lie one behind the other, and what they mean."""

    name: str
    count: int
    height: int
    width: int
    channels: int  # 1: grey, 3: RGB
    channels_first: bool
    dtype: np.dtype[Any]

    @property
    def image_bytes(self) -> int:
        """Of one image, as it is in the file."""
        return self.height * self.width * self.channels * self.dtype.itemsize

    @classmethod
    def of(cls, name: str, shape: Sequence[int], dtype: np.dtype[Any], limits: Limits) -> "ImageArray":
        """Raises DatasetInvalid, with `name`, where such an array cannot be one of images."""
        _check_numbers(name, dtype)
        channels, first = _channels(name, shape)
        height, width = shape[2:] if first else shape[1:3]
        found = cls(name, shape[0], height, width, channels, first, dtype)
        if 0 in shape:
            raise DatasetInvalid(f"{told_name(name)} is empty: its shape is {[*shape]}.", "Send images in it.")
        if found.image_bytes > limits.member_bytes:
            raise DatasetInvalid(
                f"Each image of {told_name(name)} has {in_bytes(found.image_bytes)}: its shape is {[*shape]}.",
                f"Send images of at most {in_bytes(limits.member_bytes)}.",
            )
        return found

    def members(self, body: Readable, labels: "Labels", split: Split | None, budget: Budget) -> Iterator[Member]:
        """Each of the images of `body`, which begins with the first. Raises DatasetInvalid where some are missing."""
        header = f"P{5 if self.channels == 1 else 6}\n{self.width} {self.height}\n255\n".encode()
        at_once, length = max(1, BLOCK // self.image_bytes), self.height * self.width * self.channels
        for first in range(0, self.count, at_once):
            count = min(at_once, self.count - first)
            content = body.read(count * self.image_bytes)
            if len(content) < count * self.image_bytes:
                raise DatasetInvalid(
                    f"{told_name(self.name)} is cut off: it has fewer bytes than its shape says.", "Save it again."
                )
            pixels = self._pixels(content, count).data.cast("B")
            for row in range(count):
                budget.count_member()
                name = f"{self.name}[{first + row}]"
                image = header + pixels[row * length : (row + 1) * length]
                yield Member(name, image, split, labels.class_of(first + row))

    def _pixels(self, content: bytes, count: int) -> NDArray[np.uint8]:
        """Of a block of images: uint8 [count, height, width, channels], one behind the other."""
        numbers = np.frombuffer(content, self.dtype)
        if self.dtype.kind == "b":
            pixels = np.where(numbers.view(np.uint8) != 0, np.uint8(255), np.uint8(0))
        elif self.dtype == np.uint8:
            pixels = numbers
        else:
            lowest, highest = numbers.min(), numbers.max()
            if lowest < 0 or highest > 255:
                raise DatasetInvalid(
                    f"{told_name(self.name)} has values from {lowest} to {highest} as pixels: they are 0 to 255.",
                    "Scale it to 0 to 255, and save it as uint8.",
                )
            pixels = numbers.astype(np.uint8)
        if self.channels_first and self.channels > 1:
            pixels = pixels.reshape(count, self.channels, -1).transpose(0, 2, 1)
        return np.ascontiguousarray(pixels)


def _check_numbers(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind == "f":
        raise DatasetInvalid(
            f"{told_name(name)} has floating-point numbers ({dtype}), whose range is unknown.",
            "Save it as uint8: where white is 1.0, `(images * 255).round().astype('uint8')`.",
        )
    if dtype.kind not in "bui":
        raise DatasetInvalid(f"{told_name(name)} has numbers of type {dtype}.", "Save images as uint8.")


def _channels(name: str, shape: Sequence[int]) -> tuple[int, bool]:
    """How many channels images have, and whether these come before height and width."""
    if len(shape) == 3:
        return 1, False
    told = f"The shape of {told_name(name)} is {[*shape[:MOST_DIMENSIONS]]}"
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] in (1, 3):
        raise DatasetInvalid(
            f"{told}: it could have its channels first or last.", "Send grey images as [N, height, width]."
        )
    if len(shape) == 4 and shape[3] in (1, 3):
        return shape[3], False
    if len(shape) == 4 and shape[1] in (1, 3):
        return shape[1], True
    alpha = " Leave the channel of transparency out." if len(shape) == 4 and 4 in (shape[1], shape[3]) else ""
    flat = " Give each row its height and width with `reshape`." if len(shape) == 2 else ""
    raise DatasetInvalid(f"{told}, which no array of images has.", f"Save it as {_SHAPES}.{alpha}{flat}")


@dataclass(frozen=True, eq=False, slots=True)
class Labels:
    """The classes of an array's images. `rows`: int64 [N], positions in `classes`."""

    rows: NDArray[np.int64]
    classes: Sequence[str]

    def class_of(self, image: int) -> str:
        """The name of its class."""
        return self.classes[int(self.rows[image])]

    def used(self) -> set[str]:
        """The classes that have an image."""
        return {self.classes[row] for row in np.unique(self.rows).tolist()}


def labels_of(arrays: Sequence[tuple[str, NDArray[Any]]], classes: Sequence[str] | None) -> list[Labels]:
    """The labels in each of `arrays`, which have names. Numbers are positions in `classes`; without these, a class is
    called by its number, with zeros in front so that classes are in the order of their numbers. Raises DatasetInvalid.
    """
    flat = [(name, _flat(name, labels)) for name, labels in arrays]
    if len({_KINDS.get(labels.dtype.kind, "numbers") for _, labels in flat}) > 1:
        told = ", ".join(f"{told_name(name)} has {_KINDS.get(labels.dtype.kind, 'numbers')}" for name, labels in flat)
        raise DatasetInvalid(f"Labels are of several kinds: {told}.", "Save both in the same way.")
    known, rows = np.unique(np.concatenate([labels for _, labels in flat]), return_inverse=True)
    where = ", ".join(told_name(name) for name, _ in flat)
    check_count(len(known), where)
    names = _names(known, where, classes)
    ends = np.cumsum([len(labels) for _, labels in flat])
    return [Labels(part.astype(np.int64), names) for part in np.split(rows.reshape(-1), ends[:-1])]


def _flat(name: str, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hot = " Of one-hot rows, save `labels.argmax(axis=1)`." if labels.ndim == 2 else ""
        raise DatasetInvalid(
            f"The shape of {told_name(name)} is {[*labels.shape]}: labels are one for each image.", f"Save [N].{hot}"
        )
    if labels.dtype.kind not in "buiUS":
        raise DatasetInvalid(
            f"{told_name(name)} has labels of type {labels.dtype}.", "Save them as whole numbers or as text."
        )
    if labels.dtype.kind in "bui":
        if len(labels) and (labels.min() < 0 or labels.max() > LARGEST_LABEL):
            raise DatasetInvalid(
                f"{told_name(name)} has labels from {labels.min()} to {labels.max()}.",
                f"Number the classes from 0, up to {LARGEST_LABEL:,} at most, and leave out images without a label.",
            )
        labels = labels.astype(np.int64)
    return labels


def _names(known: NDArray[Any], where: str, classes: Sequence[str] | None) -> list[str]:
    """What the classes are called whose labels are `known`, sorted."""
    if known.dtype.kind in "US":
        return texts(known, where)
    if classes is None:
        width = len(str(known[-1])) if len(known) else 1
        return [str(label).zfill(width) for label in known.tolist()]
    if len(known) and known[-1] >= len(classes):
        raise DatasetInvalid(
            f"{where} has the label {known[-1]}, and classes has {len(classes)} names: they are numbered from 0.",
            "Name every class in classes, in the order of their numbers.",
        )
    return [classes[label] for label in known]


def texts(array: NDArray[Any], where: str) -> list[str]:
    """Of an array of text or bytes, [N]. Raises DatasetInvalid."""
    if array.dtype.kind == "U" and not _is_text(array):
        raise DatasetInvalid(f"{where} has text with characters that do not exist.", "Save it as an array of text.")
    try:
        return [text.decode() if isinstance(text, bytes) else text for text in array.tolist()]
    except ValueError:
        raise DatasetInvalid(f"{where} has text that is not UTF-8.", "Save it as an array of text.") from None


def _is_text(array: NDArray[Any]) -> bool:
    """Whether all its numbers are characters. numpy and Python do not look, and make strings that nothing takes."""
    points = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return not ((points > sys.maxunicode) | ((points >= 0xD800) & (points <= 0xDFFF))).any()
