"""Image folders: `<data set>/{train,test}/<class>/`, with images at any depth below a class."""

import os
from itertools import chain
from pathlib import Path

import torch

from training.data.dataset import Dataset, DatasetInvalid, Split, listed
from training.data.decoding import decode_files

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm")

Files = dict[str, list[str]]  # paths by class, both sorted; as Path objects they would add a tenth to the loading time


def load_folder(folder: Path, image_size: int | None) -> Dataset:
    """The data set in `folder`, with classes in the order of their names and images in that of theirs. Hidden files
    and those without an image's suffix are ignored. Raises DatasetInvalid.
    """
    try:
        train, test = (_find_files(folder, split) for split in ("train", "test"))
    except OSError as error:
        raise DatasetInvalid(
            f"{error.filename} cannot be read: {error.strerror}.", "Give the worker's user the right to read it."
        ) from error
    _check_classes(folder, train, test)
    images = decode_files(folder, [*chain(*train.values()), *chain(*test.values())], image_size)
    train_labels, test_labels = (
        torch.repeat_interleave(torch.tensor([len(files) for files in split.values()])) for split in (train, test)
    )
    return Dataset(
        name=folder.name,
        classes=tuple(train),
        train=Split(images[: len(train_labels)], train_labels),
        test=Split(images[len(train_labels) :], test_labels),
        source="folder",
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
