"""Reads images and labels from an .npz file without unpickling anything, a block at a time. Torch-free.

numpy's own reader of a header believes the length that it states, and hands it to Python's parser. Here a header is
bounded before it is read, and is one of what numpy writes or an error.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.archives.arrays import MOST_DIMENSIONS, ImageArray, Labels, labels_of, texts
from training.archives.classes import check_classes, check_count, class_of
from training.archives.limits import Budget, in_bytes
from training.archives.member_names import told_name
from training.archives.members import Entry, Member, Readable, Skipped, Split, WithFront, shown_names
from training.archives.splits import SPLIT_NAMES, meant_splits, other_splits
from training.archives.zips import ZipReader
from training.errors import DatasetInvalid

LONGEST_HEADER = 10_000  # bytes; numpy's own bound
WHAT = (
    "Save train_images, train_labels, test_images and test_labels, or images and labels to have them split, and "
    "classes if they have names, with `numpy.savez`."
)
OTHER_ARRAYS = "arrays of other names"

_DTYPE = re.compile(r"""['"]descr['"]: *['"]([<>|=]?[a-zA-Z]\d{0,6})['"]""")
_FORTRAN = re.compile(r"""['"]fortran_order['"]: *(True|False)""")
_SHAPE = re.compile(r"""['"]shape['"]: *\(((?:\d{1,18}L?, *)*(?:\d{1,18}L?)?)\)""")
_SPLIT = "|".join(SPLIT_NAMES)
_NAME = re.compile(rf"(?:({_SPLIT})_)?(images?|labels?|x|y)|(images?|labels?|x|y)_({_SPLIT})")


@dataclass(frozen=True, slots=True)
class _Array:
    """An array of the file, its header read and its numbers not yet."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    body: Readable

    def read(self, most: int) -> NDArray[Any]:
        """All of it. Raises DatasetInvalid where that has more than `most` bytes."""
        size = prod(self.shape) * self.dtype.itemsize
        if size > most:
            raise DatasetInvalid(
                f"{told_name(self.name)} has {in_bytes(size)}, and labels may have {in_bytes(most)}.",
                "Save labels as numbers, in the smallest type that holds them.",
            )
        return np.frombuffer(self.body.read(size), self.dtype).reshape(self.shape)


def npz_members(reader: ZipReader, budget: Budget, skipped: Skipped) -> Iterator[Member]:
    """Each image, with its split and class. Raises DatasetInvalid."""
    arrays = _arrays(reader, skipped)
    classes = _classes(arrays, budget)
    pairs = _pairs(arrays, skipped)
    splits = _splits([split for split, _, _ in pairs], skipped)
    read = [(labels.name, labels.read(budget.limits.labels_bytes)) for _, _, labels in pairs]
    named = labels_of(read, classes)
    found: list[tuple[ImageArray, Readable, Labels, Split | None]] = []
    for (split, images, labels), each in zip(pairs, named, strict=True):
        images_array = ImageArray.of(images.name, images.shape, images.dtype, budget.limits)
        if images_array.count != len(each.rows):
            raise DatasetInvalid(
                f"{told_name(images.name)} has {images_array.count:,} images, and {told_name(labels.name)} has "
                f"{len(each.rows):,} labels.",
                "Save one label for each image, in the same order.",
            )
        found.append((images_array, images.body, each, splits[split]))
    skipped.other_splits += other_splits(splits, {split: images.shape[0] for split, images, _ in pairs})
    check_splits([(meant, each) for _, _, each, meant in found], "The file", WHAT)
    for images_array, body, each, meant in found:
        yield from images_array.members(body, each, meant, budget)


def check_splits(labels: Sequence[tuple[Split | None, Labels]], where: str, how: str) -> None:
    """Raises DatasetInvalid unless there are two classes or more, the same ones in each split."""
    by_split: dict[Split | None, set[str]] = {}
    for split, each in labels:
        by_split.setdefault(split, set()).update(each.used())
    check_classes(by_split, where, how)


def _arrays(reader: ZipReader, skipped: Skipped) -> dict[str, _Array]:
    """Those whose names say what they are."""
    found: dict[str, _Array] = {}
    for entry in reader.entries():
        name = entry.name.removesuffix(".npy").casefold()
        if name != "classes" and not _NAME.fullmatch(name):
            skipped.add(OTHER_ARRAYS, entry.name)
        elif name in found:
            raise DatasetInvalid(f"The file has two arrays called {told_name(name)}.", "Save only one of them.")
        else:
            found[name] = _opened(entry)
    return found


def _opened(entry: Entry) -> _Array:
    name = entry.name.removesuffix(".npy")
    front = entry.body.read(12 + LONGEST_HEADER)
    wide = front[6:7] in (b"\2", b"\3")
    begin = 12 if wide else 10
    length = int.from_bytes(front[8:begin], "little")
    header = front[begin : begin + length].decode("latin-1")
    dtype, fortran, shape = _DTYPE.search(header), _FORTRAN.search(header), _SHAPE.search(header)
    if front[:6] != b"\x93NUMPY" or len(header) < length or not fortran or not shape:
        raise DatasetInvalid(f"{told_name(name)} has a header that no array of numpy has.", WHAT)
    if dtype is None or "O" in dtype[1]:
        raise DatasetInvalid(
            f"{told_name(name)} is an array of Python objects or of records, which are never unpickled.",
            "Save images as uint8 and labels as whole numbers or text, each in an array of one shape.",
        )
    sides = tuple(int(side.strip(" L")) for side in shape[1].split(",") if side.strip())
    try:
        kind = np.dtype(dtype[1])
    except TypeError:
        raise DatasetInvalid(f"{told_name(name)} has numbers of a type that is not known.", WHAT) from None
    if fortran[1] == "True" and sum(side > 1 for side in sides) > 1:
        raise DatasetInvalid(
            f"{told_name(name)} is stored column by column (in Fortran's order).",
            "Save `numpy.ascontiguousarray(array)` instead.",
        )
    size = begin + length + prod(sides) * kind.itemsize
    fits = prod(side or 1 for side in sides) * kind.itemsize < 2**63  # numpy refuses others, even without numbers
    if len(sides) > MOST_DIMENSIONS or kind.itemsize == 0 or size != entry.size or not fits:
        raise DatasetInvalid(
            f"{told_name(name)} says that it is {kind} of shape {[*sides[:MOST_DIMENSIONS]]}, which would be "
            f"{in_bytes(size)} with its header, and has {in_bytes(entry.size)}.",
            WHAT,
        )
    return _Array(name, sides, kind, WithFront(front[begin + length :], entry.body))


def _classes(arrays: dict[str, _Array], budget: Budget) -> list[str] | None:
    array = arrays.pop("classes", None)
    if array is None:
        return None
    if len(array.shape) != 1 or array.dtype.kind not in "US":
        raise DatasetInvalid(
            f"classes is {array.dtype} of shape {[*array.shape]}: it names the classes, in the order of their numbers.",
            "Save it as a list of text.",
        )
    check_count(array.shape[0], "classes")
    names = [class_of(name) for name in texts(array.read(budget.limits.labels_bytes), "classes")]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DatasetInvalid(f"classes has a name more than once: {shown_names(twice)}.", "Name each class once.")
    return names


def _pairs(arrays: dict[str, _Array], skipped: Skipped) -> list[tuple[str, _Array, _Array]]:
    """Images and labels that belong together, with the name of their split; empty where none is said."""
    by_split: dict[str, dict[str, _Array]] = {}
    for name, array in arrays.items():
        found = _NAME.fullmatch(name)
        assert found is not None
        what = "images" if (found[2] or found[3]).startswith(("i", "x")) else "labels"
        if by_split.setdefault(found[1] or found[4] or "", {}).setdefault(what, array) is not array:
            raise DatasetInvalid(f"{told_name(array.name)} and another array are both the {what}.", WHAT)
    whole = [(split, pair["images"], pair["labels"]) for split, pair in sorted(by_split.items()) if len(pair) == 2]
    halves = [array.name for pair in by_split.values() if len(pair) == 1 for array in pair.values()]
    if halves:
        raise DatasetInvalid(
            f"The file has images without labels, or labels without images: {', '.join(halves)}.", WHAT
        )
    if not whole:
        told = f" It has {skipped.told()}." if skipped.total else ""
        raise DatasetInvalid(f"The file has no arrays of images and labels.{told}", WHAT)
    return whole


def _splits(names: list[str], skipped: Skipped) -> dict[str, Split | None]:
    if len(names) == 1:
        return {names[0]: None}
    if "" in names:
        raise DatasetInvalid("The file has both images and images of a split.", WHAT)
    splits, notes = meant_splits(names, "The file")
    for note in notes:
        skipped.note(note)
    return dict(splits)
