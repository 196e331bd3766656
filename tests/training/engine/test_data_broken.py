"""Broken images that a job asks to be left out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from training.engine.data import Dataset, DatasetInvalid, load_dataset

SHADES = {"cat": 40, "dog": 200}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Five training images and two test images a class; each image has one shade of grey of its own."""
    for name, shade in SHADES.items():
        for split, count in (("train", 5), ("test", 2)):
            for number in range(count):
                file = tmp_path / "pets" / split / name / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (16, 16), shade + number).save(file)
    return tmp_path / "pets"


def load(folder: Path, **options: Any) -> Dataset:
    options = {"unreadable": "drop", **options}
    return load_dataset(folder.name, datasets_dir=folder.parent, downloads_dir=folder.parent, **options)


def refusal(folder: Path, **options: Any) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        load(folder, **options)
    return caught.value


def shades(images: torch.Tensor) -> list[int]:
    return images[:, 3, 4, 0].tolist()


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:45])


@pytest.mark.parametrize("image_size", [None, 16, 8])
def test_broken_images_are_left_out_counted_and_named(
    pets: Path, image_size: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    truncate(pets / "train/cat/0.png")
    (pets / "train/dog/4.png").write_text("no image")
    (pets / "test/cat/1.png").unlink()
    (pets / "test/cat/1.png").symlink_to("gone.png")
    dataset = load(pets, image_size=image_size)
    assert dataset.dropped == 3
    assert shades(dataset.train.images) == [41, 42, 43, 44, 200, 201, 202, 203]
    assert dataset.train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert shades(dataset.test.images) == [40, 200, 201]
    assert dataset.test.labels.tolist() == [0, 1, 1]
    assert "3 images cannot be read" in caplog.text
    for place in ("pets/train/cat/0.png (", "pets/train/dog/4.png (it is text", "pets/test/cat/1.png (No such file"):
        assert place in caplog.text


def test_where_nothing_is_broken_nothing_is_dropped(pets: Path) -> None:
    assert load(pets).dropped == 0
    assert load(pets, unreadable="refuse").dropped == 0


def test_what_is_refused_says_how_to_drop_it(pets: Path) -> None:
    truncate(pets / "train/cat/0.png")
    assert 'set unreadable_images to "drop"' in refusal(pets, unreadable="refuse").hint


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_that_is_left_without_an_image_is_refused(pets: Path, split: str) -> None:
    for file in (pets / split / "dog").iterdir():
        truncate(file)
    truncate(pets / "train/cat/0.png")
    error = refusal(pets)
    assert f"without an image that can be read: {split}/dog." in error.detail
    assert f"pets/{split}/dog/0.png (" in error.detail
    assert "cat/" not in error.detail


def test_a_folder_of_nothing_but_broken_images_is_refused(pets: Path) -> None:
    for file in pets.glob("*/*/*"):
        file.write_text("no image")
    assert "pets/train/cat/0.png (it is text and no image)" in refusal(pets).detail


def test_images_without_a_header_have_no_say_in_size_and_colour(pets: Path) -> None:
    (pets / "train/cat/0.png").write_text("no image")
    dataset = load(pets)
    assert (dataset.image_size, dataset.channels) == (16, 1)


def test_an_image_that_may_be_whole_is_not_dropped(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not bind the superuser, as whom tests may run, so the refusal is put in."""
    opening = Image.open

    @contextmanager
    def refuse(file: str, **options: Any) -> Iterator[Image.Image]:
        if file.endswith("dog/1.png"):
            raise PermissionError(13, "Permission denied", file)
        with opening(file, **options) as image:
            yield image

    monkeypatch.setattr(Image, "open", refuse)
    truncate(pets / "train/cat/0.png")
    error = refusal(pets)
    assert "pets/train/dog/1.png (Permission denied)" in error.detail
    assert "cat/0.png" not in error.detail
    assert "right to read" in error.hint


def test_a_pipe_is_left_out_as_well(pets: Path) -> None:
    os.mkfifo(pets / "train/cat/9.png")
    assert load(pets).dropped == 1
