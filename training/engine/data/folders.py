"""Loads image folders: training/image_folders/ finds their files, which are decoded here."""

import logging
import os
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path

import PIL
import torch

from training.engine.data.cache import decoded_once
from training.engine.data.dataset import Dataset, Split
from training.engine.data.decoding import DecodingOptions, decode_files, named
from training.engine.data.identity import sorted_by_content
from training.engine.data.stores import Decoded, Reserve
from training.errors import DatasetInvalid
from training.image_folders import ImageFolder, find_images
from training.names import listed, shown

DECODER_VERSION = 3  # to be raised with every change by which a file gives other pixels: the cache then decodes anew

Files = dict[str, list[str]]  # paths by class, both sorted; as Path objects they would add a tenth to the loading time

logger = logging.getLogger(__name__)


def load_folder(folder: Path, options: DecodingOptions, cache_dir: Path | None) -> Dataset:
    """The data set in `folder`, with classes in the order of their names. Images lie in the order of their names, and
    are numbered as samples by class and content, so that no name changes what is computed. Raises DatasetInvalid, and
    OSError where the disk is full.
    """
    found = find_images(folder)
    train, test = ({name: each.files for name, each in found.splits[split].items()} for split in ("train", "test"))
    files = [*chain(*train.values()), *chain(*test.values())]

    def decode(reserve: Reserve) -> Decoded:
        decoded = decode_files(folder, files, options, reserve)
        _check_classes_left(folder, train, test, decoded)
        return decoded

    key = f"{folder.resolve()}\0{options.cache_key}"
    fingerprint = _fingerprint(folder, files, options) if cache_dir else ""
    decoded = decoded_once(cache_dir, folder.name, key, fingerprint, decode)
    if decoded.unreadable:
        left_out = named(folder, files, decoded.unreadable, most=100)
        logger.warning("%d images cannot be read and are left out: %s", len(decoded.unreadable), left_out)
    if found.ignored.count:
        examples = listed([shown(place) for place in found.ignored.examples])
        logger.warning("%d files of %s are no images, such as %s", found.ignored.count, folder.name, examples)
    return _dataset(found, folder, files, decoded)


def _dataset(found: ImageFolder, folder: Path, files: Sequence[str], decoded: Decoded) -> Dataset:
    train, test = ({name: each.files for name, each in found.splits[split].items()} for split in ("train", "test"))
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
        name=folder.name,
        classes=tuple(train),
        train=train_split,
        test=test_split,
        source="folder",
        dropped=len(left_out),
        ignored=found.ignored.count,
        ignored_examples=tuple(shown(place) for place in found.ignored.examples),
        digests=digests,
        files=[file[len(f"{folder}/") :] for row, file in enumerate(files) if row not in decoded.unreadable],
    )


def _fingerprint(folder: Path, files: Sequence[str], options: DecodingOptions) -> str:
    """Changes with every change of the files, and of the code that decodes them.

    Size and modification time are not enough: users can set both, and two files that are exchanged may have equal
    ones. So the inode and the change time count too. The inode changes when another file takes the place of this one,
    also by way of a folder or a link. The change time, which nobody can set, changes when the file is written to. It
    also changes with the file's rights or names; then the images are decoded again without need.
    """
    digest = sha256(f"{DECODER_VERSION} {PIL.__version__} {options.largest_megapixels}\0".encode())
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 - as Path objects, 60,000 files would take twice as long
            seen = f"{status.st_ino} {status.st_ctime_ns} {status.st_size} {status.st_mtime_ns}"
        except OSError as error:  # a link to nowhere, say
            seen = f"{error.strerror}"
        digest.update(os.fsencode(f"{file.removeprefix(str(folder))}\0{seen}\0"))
    return digest.hexdigest()


def _check_classes_left(folder: Path, train: Files, test: Files, decoded: Decoded) -> None:
    """Raises DatasetInvalid where a class has lost all its images of a split."""
    first, empty, lost = 0, [], dict[int, str]()
    for split, classes in (("train", train), ("test", test)):
        for name, files in classes.items():
            rows = range(first, first + len(files))
            first = rows.stop
            if all(row in decoded.unreadable for row in rows):
                empty.append(shown(f"{split}/{name}"))
                lost.update({row: decoded.unreadable[row] for row in rows})
    if empty:
        files = [*chain(*train.values()), *chain(*test.values())]
        raise DatasetInvalid(
            f"{folder.name} has classes without an image that can be read: {listed(empty)}. "
            f"Cannot be read as an image: {named(folder, files, lost)}.",
            "Every class needs images in both splits: replace what is broken, or remove the class from both.",
        )
