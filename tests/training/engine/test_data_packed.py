"""Versions of uploaded data sets: images that are packed load as the same images in a folder do."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.engine.data import Dataset, DatasetInvalid, load_dataset, load_packed
from training.images.decoding import draft, is_grey, open_image, strict_pillow, whole_image
from training.images.identity import digest_of
from training.images.packs import SPLITS, ImageIndex, packed


def write(root: Path, mode: str = "RGB") -> list[Path]:
    """An image folder `pets` with images of several sizes and kinds."""
    numbers, files = np.random.default_rng(3), []
    for split in SPLITS:
        for name in ("ant", "bee"):
            folder = root / "pets" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = numbers.integers(0, 256, (20 + number, 24, 3), np.uint8)
                files.append(folder / f"{number}.{'png' if number else 'bmp'}")
                Image.fromarray(pixels).convert(mode).save(files[-1])
    return files


def pack(root: Path, files: Sequence[Path], folder: Path) -> tuple[ImageIndex, list[Path]]:
    contents = [file.read_bytes() for file in files]
    places = list(packed([len(content) for content in contents]))
    (folder / "0").write_bytes(b"".join(contents))
    digests, grey = np.empty((len(files), 32), np.uint8), []
    with strict_pillow():
        for row, file in enumerate(files):
            with open_image(file) as image:
                grey.append(is_grey(image))
                draft(image)
                digests[row] = np.frombuffer(digest_of(whole_image(image)), np.uint8)
    parts = [file.relative_to(root / "pets").parts for file in files]
    classes = ("ant", "bee")
    index = ImageIndex(
        classes,
        1 if all(grey) else 3,
        splits=np.array([SPLITS.index(split) for split, _, _ in parts], np.uint8),
        labels=np.array([classes.index(name) for _, name, _ in parts], np.int32),
        packs=np.array([number for number, _ in places], np.int32),
        offsets=np.array([offset for _, offset in places], np.int64),
        lengths=np.array([len(content) for content in contents], np.int64),
        digests=digests,
        names=tuple("/".join(part) for part in parts),
    )
    return index.take(index.canonical_order()), [folder / "0"]


def samples(dataset: Dataset) -> list[tuple[bytes, int]]:
    """Every sample, in order: training first."""
    return [
        (split.images[row].numpy().tobytes(), int(split.labels[row]))
        for split in (dataset.train, dataset.test)
        for row in (range(len(split.labels)) if split.order is None else split.order.tolist())
    ]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_packed_images_are_those_of_the_folder(tmp_path: Path, mode: str) -> None:
    files = write(tmp_path, mode)
    folder = load_dataset("pets", datasets_dir=tmp_path)
    index, packs = pack(tmp_path, files, tmp_path)
    loaded = load_packed("pets@1", index, lambda: packs)
    assert loaded.identity == folder.identity == index.identity
    assert (loaded.name, loaded.classes, loaded.source) == ("pets@1", ("ant", "bee"), "upload")
    assert loaded.train.images.shape == folder.train.images.shape
    assert samples(loaded) == samples(folder)


def test_images_are_decoded_once_for_each_size(tmp_path: Path) -> None:
    index, packs = pack(tmp_path, write(tmp_path), tmp_path)
    asked: list[int] = []

    def fetch() -> Sequence[Path]:
        asked.append(1)
        return packs

    first = load_packed("pets@1", index, fetch, cache_dir=tmp_path)
    again = load_packed("pets@1", index, fetch, cache_dir=tmp_path)
    assert len(asked) == 1
    assert torch.equal(first.train.images, again.train.images)
    assert load_packed("pets@1", index, fetch, cache_dir=tmp_path, image_size=16).image_size == 16
    assert len(asked) == 2


def test_a_pack_that_is_cut_off_is_told(tmp_path: Path) -> None:
    index, packs = pack(tmp_path, write(tmp_path), tmp_path)
    packs[0].write_bytes(packs[0].read_bytes()[:-10])
    with pytest.raises(DatasetInvalid, match="cut off"):
        load_packed("pets@1", index, lambda: packs)
