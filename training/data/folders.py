"""Image folders: `<data set>/{train,test}/<class>/`, with images at any depth below a class."""

import logging
import os
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path

import PIL
import torch

from training.data.cache import decoded_once
from training.data.dataset import Dataset, DatasetInvalid, Split, listed
from training.data.decoding import Handling, decode_files, named
from training.data.identity import sorted_by_content
from training.data.stores import Decoded, Reserve

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm")
DECODING = 2  # rises whenever the same files come to give other pixels, so that none decoded before are used

Files = dict[str, list[str]]  # paths by class, both sorted; as Path objects they would add a tenth to the loading time

logger = logging.getLogger(__name__)


def load_folder(folder: Path, handling: Handling, cache_dir: Path | None) -> Dataset:
    """The data set in `folder`, with classes in the order of their names. Images lie in the order of their names, and
    are numbered as samples by class and content, so that no name changes what is computed. Hidden files and those
    without an image's suffix are ignored. Raises DatasetInvalid, and OSError where the disk is full.
    """
    try:
        train, test = (_find_files(folder, split) for split in ("train", "test"))
    except OSError as error:
        raise DatasetInvalid(
            f"{error.filename} cannot be read: {error.strerror}.", "Give the worker's user the right to read it."
        ) from error
    _check_classes(folder, train, test)
    files = [*chain(*train.values()), *chain(*test.values())]

    def decode(reserve: Reserve) -> Decoded:
        decoded = decode_files(folder, files, handling, reserve)
        _check_classes_left(folder, train, test, decoded)
        return decoded

    key = f"{folder.resolve()}\0{handling}"
    fingerprint = _fingerprint(folder, files) if cache_dir else ""
    decoded = decoded_once(cache_dir, folder.name, key, fingerprint, decode)
    if decoded.unreadable:
        left_out = named(folder, files, decoded.unreadable, most=100)
        logger.warning("%d images cannot be read and are left out: %s", len(decoded.unreadable), left_out)
    inside = len(f"{folder}/")
    kept = [file[inside:] for row, file in enumerate(files) if row not in decoded.unreadable]
    return _dataset(folder.name, train, test, decoded, kept)


def _dataset(name: str, train: Files, test: Files, decoded: Decoded, kept_files: Sequence[str]) -> Dataset:
    in_train = sum(map(len, train.values()))
    left_out = torch.tensor(list(decoded.unreadable), dtype=torch.int64)
    kept_in_train = in_train - int((left_out < in_train).sum())
    numbers = [len(files) for files in (*train.values(), *test.values())]
    kept = torch.ones(sum(numbers), dtype=torch.bool)
    kept[left_out] = False
    labels = torch.arange(len(train)).repeat(2).repeat_interleave(torch.tensor(numbers))[kept]
    parts = slice(kept_in_train), slice(kept_in_train, None)
    digests = decoded.digests[parts[0]], decoded.digests[parts[1]]
    train_split, test_split = (
        Split(decoded.images[part], labels[part], decoded.mapped, sorted_by_content(labels[part], theirs))
        for part, theirs in zip(parts, digests, strict=True)
    )
    return Dataset(
        name=name,
        classes=tuple(train),
        train=train_split,
        test=test_split,
        source="folder",
        dropped=len(left_out),
        digests=digests,
        files=kept_files,
    )


def visible_folders(folder: Path) -> list[str]:
    """Sorted names of the folders in `folder`. Raises OSError where it cannot be read."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and os.path.isdir(entry))


def _find_files(folder: Path, split: str) -> Files:
    root = folder / split
    if not root.is_dir():
        found = listed(visible_folders(folder)) or "no folder at all"
        raise DatasetInvalid(
            f"{folder.name} has no folder {split}: it holds {found}.",
            f"Put images at {folder}/train/<class>/ and {folder}/test/<class>/, or remove {folder}.",
        )
    return {name: _find_images(root / name) for name in visible_folders(root)}


def _find_images(folder: Path) -> list[str]:
    """Follows links, and enters each directory once, so that links in a circle end. A link to nowhere is found too:
    that the image is missing should be said, not hidden.
    """
    images: list[str] = []
    entered: set[str] = set()
    for directory, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        if (real := os.path.realpath(directory)) in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible = (name for name in names if not name.startswith("."))
        images.extend(f"{directory}/{name}" for name in visible if name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(images)


def _raise(error: OSError) -> None:
    raise error


def _fingerprint(folder: Path, files: Sequence[str]) -> str:
    """Changes with every change of the files, and with what decodes them.

    Sizes and times of writing tell nothing: both may be set, and two files that change places may have both alike. The
    file system's own number of a file (its inode) changes where another takes its place, under this name or under that
    of a folder or a link on the way to it; and the time of its last change, which nobody can set, where it is written
    to in place. That time moves with a change of the file's rights or names as well: then it is decoded again in vain.
    """
    digest = sha256(f"{DECODING} {PIL.__version__}\0".encode())
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 - as Path objects, 60,000 files would take twice as long
            seen = f"{status.st_ino} {status.st_ctime_ns} {status.st_size} {status.st_mtime_ns}"
        except OSError as error:  # a link to nowhere, say
            seen = f"{error.strerror}"
        digest.update(os.fsencode(f"{file.removeprefix(str(folder))}\0{seen}\0"))
    return digest.hexdigest()


def _check_classes(folder: Path, train: Files, test: Files) -> None:
    """Raises DatasetInvalid unless both splits have the same two classes or more, with images in each."""
    layout = f"Every class needs a folder of its own, with images, in both {folder}/train and {folder}/test."
    if not train and not test:
        raise DatasetInvalid(f"{folder.name} has no classes: its train and test hold no folders.", layout)
    for here, there, split, other in ((train, test, "train", "test"), (test, train, "test", "train")):
        if missing := sorted(here.keys() - there.keys()):
            raise DatasetInvalid(f"{folder.name} has classes in {split} but not in {other}: {listed(missing)}.", layout)
    if garbled := [name for name in train if name.encode(errors="ignore").decode() != name]:
        raise DatasetInvalid(f"{folder.name} has classes whose names are not UTF-8: {listed(garbled)}.", layout)
    if len(train) == 1:
        raise DatasetInvalid(
            f"{folder.name} has one class only, {next(iter(train))}: there is nothing to tell apart.", layout
        )
    empty = [
        f"{split}/{name}" for split, files in (("train", train), ("test", test)) for name in files if not files[name]
    ]
    if empty:
        raise DatasetInvalid(f"{folder.name} has class folders without an image: {listed(empty)}.", layout)


def _check_classes_left(folder: Path, train: Files, test: Files, decoded: Decoded) -> None:
    """Raises DatasetInvalid where a class has lost all its images of a split."""
    first, empty, lost = 0, [], dict[int, str]()
    for split, classes in (("train", train), ("test", test)):
        for name, files in classes.items():
            rows = range(first, first + len(files))
            first = rows.stop
            if all(row in decoded.unreadable for row in rows):
                empty.append(f"{split}/{name}")
                lost.update({row: decoded.unreadable[row] for row in rows})
    if empty:
        files = [*chain(*train.values()), *chain(*test.values())]
        raise DatasetInvalid(
            f"{folder.name} has classes without an image that can be read: {listed(empty)}. "
            f"Cannot be read as an image: {named(folder, files, lost)}.",
            "Every class needs images in both splits: replace what is broken, or remove the class from both.",
        )
