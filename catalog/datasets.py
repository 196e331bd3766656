"""The data sets that a job can name. Torch-free: images are counted, not opened."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.known_datasets import KNOWN_DATASETS, SHIPPED, KnownDataset

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # what a spec accepts
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm")


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A data set as far as it is known without opening an image; None is what only loading it would tell."""

    name: str
    title: str
    source: Literal["shipped", "download", "folder"]
    classes: int | None
    train_images: int | None
    test_images: int | None
    image_size: int | None  # side in pixels
    channels: int | None  # 1 for grey, 3 for RGB
    licence: str | None


def list_datasets(datasets_dir: Path) -> list[DatasetEntry]:
    """Known data sets, and the image folders of `datasets_dir`, which hide known ones of their name; by name.

    A folder counts where both its train and its test hold a class. Whether it can be trained on is found when it is
    loaded. A `datasets_dir` that does not exist holds no folders; one that cannot be read raises OSError.
    """
    known = {name: _known_entry(dataset) for name, dataset in KNOWN_DATASETS.items()}
    try:
        names = [name for name in _visible_folders(datasets_dir) if NAME.fullmatch(name) and name not in SHIPPED]
    except FileNotFoundError:
        names = []
    folders = {name: entry for name in names if (entry := _folder_entry(datasets_dir / name))}
    return sorted((known | folders).values(), key=lambda entry: entry.name)


def _known_entry(known: KnownDataset) -> DatasetEntry:
    return DatasetEntry(
        name=known.name,
        title=known.title,
        source=known.source,
        classes=known.classes,
        train_images=known.train_images,
        test_images=known.test_images,
        image_size=known.image_size,
        channels=known.channels,
        licence=known.licence,
    )


def _folder_entry(folder: Path) -> DatasetEntry | None:
    """None where `folder` is not laid out as a data set, cannot be read, or changes while it is counted."""
    try:
        classes = {split: _visible_folders(folder / split) for split in ("train", "test")}
        images = {split: sum(_count_images(folder / split / name) for name in classes[split]) for split in classes}
    except OSError:
        return None
    if not classes["train"] or not classes["test"]:
        return None
    return DatasetEntry(
        name=folder.name,
        title=f"Image folder {folder.name}",
        source="folder",
        classes=len(classes["train"]),
        train_images=images["train"],
        test_images=images["test"],
        image_size=None,
        channels=None,
        licence=None,
    )


def _visible_folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and os.path.isdir(entry)]


def _count_images(folder: Path) -> int:
    """At any depth. Each directory is entered once, so that links in a circle end."""
    count = 0
    entered: set[str] = set()
    for directory, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(directory)) in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        count += sum(not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES) for name in names)
    return count
