"""What a data set is, by its content alone: what changes its identity, what does not, and what is said of a change."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.pets import load
from tests.training.samples import NOWHERE
from training.engine.data import Dataset, changes, load_dataset

Change = Callable[[Path], object]


def both(pets: Path, old: str, new: str) -> None:
    for split in ("train", "test"):
        (pets / split / old).rename(pets / split / new)


def swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def paint(file: Path) -> None:
    """Other pixels of the same size, written in place; times as before."""
    pixels = np.array(Image.open(file))
    pixels[0, 0] ^= 1
    before = file.stat()
    Image.fromarray(pixels).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def turn_classes(pets: Path) -> None:
    both(pets, "cat", "zebra")


def exchange_classes(pets: Path) -> None:
    for split in ("train", "test"):
        swap(pets / split / "cat", pets / split / "dog")


def add_class(pets: Path) -> None:
    for split in ("train", "test"):
        (pets / split / "eel").mkdir()
        Image.new("RGB", (8, 8), "blue" if split == "train" else "red").save(pets / split / "eel/0.png")


CHANGES: dict[str, tuple[Change, str]] = {
    "rename a class so that their order turns": (
        turn_classes,
        "class cat is called zebra now; its classes come in another order",
    ),
    "rename a class in its place": (lambda pets: both(pets, "dog", "doge"), "class dog is called doge now"),
    "exchange two classes": (
        exchange_classes,
        "2 images moved from test/cat to test/dog (test/dog/0.png, test/dog/1.png); "
        "2 images moved from test/dog to test/cat (test/cat/0.png, test/cat/1.png); "
        "4 images moved from train/cat to train/dog (train/dog/0.png, train/dog/1.png, train/dog/2.png and 1 more); "
        "4 images moved from train/dog to train/cat (train/cat/0.png, train/cat/1.png, train/cat/2.png and 1 more)",
    ),
    "add a class": (add_class, "1 class came: eel"),
    "swap two images between classes": (
        lambda pets: swap(pets / "train/cat/1.png", pets / "train/dog/2.png"),
        "1 image moved from train/cat to train/dog (train/dog/2.png); "
        "1 image moved from train/dog to train/cat (train/cat/1.png)",
    ),
    "move an image to another class": (
        lambda pets: (pets / "train/cat/3.png").rename(pets / "train/dog/9.png"),
        "1 image moved from train/cat to train/dog (train/dog/9.png)",
    ),
    "move an image from training to test": (
        lambda pets: (pets / "train/cat/3.png").rename(pets / "test/cat/9.png"),
        "1 image moved from train/cat to test/cat (test/cat/9.png)",
    ),
    "add an image": (
        lambda pets: Image.new("RGB", (8, 8), "red").save(pets / "train/cat/9.png"),
        "1 image of train/cat is new (train/cat/9.png)",
    ),
    "add one that is there already": (
        lambda pets: shutil.copy2(pets / "train/cat/0.png", pets / "train/cat/9.png"),
        "1 image of train/cat is new (train/cat/0.png, train/cat/9.png)",
    ),
    "remove an image": (lambda pets: (pets / "test/dog/1.png").unlink(), "1 image of test/dog is gone"),
    "change one pixel": (
        lambda pets: paint(pets / "train/dog/0.png"),
        "1 image of train/dog is new (train/dog/0.png); 1 image of train/dog is gone",
    ),
    "turn an image": (
        lambda pets: Image.open(pets / "test/cat/0.png").rotate(90).save(pets / "test/cat/0.png"),
        "1 image of test/cat is new (test/cat/0.png); 1 image of test/cat is gone",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_data_set_is_another_and_says_in_what(pets: Path, name: str) -> None:
    change, said = CHANGES[name]
    before = load(pets)
    change(pets)
    after = load(pets)
    assert after.identity != before.identity
    assert changes(before.contents, after) == said
    assert load(pets, cache_dir=None).identity == after.identity


def recode(pets: Path) -> None:
    for file in list(pets.glob("*/cat/*.png")):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()


def link(pets: Path) -> None:
    """A class in another place, an image in another, and a second name for a third."""
    away = pets.parent / "away"
    away.mkdir()
    (pets / "train/dog").rename(away / "dog")
    (pets / "train/dog").symlink_to(away / "dog")
    (pets / "train/cat/0.png").rename(away / "0.png")
    (pets / "train/cat/0.png").symlink_to(away / "0.png")
    os.link(pets / "train/cat/1.png", away / "1.png")


def restore(pets: Path) -> None:
    """From a backup, with the times of then."""
    shutil.copytree(pets, pets.parent / "backup")
    shutil.rmtree(pets)
    shutil.copytree(pets.parent / "backup", pets)


def nest(pets: Path) -> None:
    (pets / "train/cat/deeper").mkdir()
    (pets / "train/cat/2.png").rename(pets / "train/cat/deeper/0.png")


def deepen(pets: Path) -> None:
    """Opaque, with a channel that says so; and with a palette."""
    Image.open(pets / "train/cat/0.png").convert("RGBA").save(pets / "train/cat/0.png")
    Image.open(pets / "train/cat/1.png").quantize(256).save(pets / "train/cat/1.png")  # 64 pixels: none is lost


ALIKE: dict[str, Change] = {
    "rename a file within its class": lambda pets: (pets / "train/cat/0.png").rename(pets / "train/cat/9.png"),
    "exchange the names of two": lambda pets: swap(pets / "train/cat/0.png", pets / "train/cat/3.png"),
    "sort files into folders": nest,
    "save in another format": recode,
    "save in another mode": deepen,
    "touch": lambda pets: os.utime(pets / "train/cat/0.png", ns=(0, 1)),
    "chmod": lambda pets: (pets / "train/cat/0.png").chmod(0o600),
    "link": link,
    "restore": restore,
}


@pytest.mark.parametrize("name", ALIKE)
def test_names_times_and_formats_are_no_part_of_it(pets: Path, name: str) -> None:
    before = load(pets)
    ALIKE[name](pets)
    after = load(pets)
    assert after.identity == before.identity
    assert load(pets).identity == before.identity
    for split, other in ((after.train, before.train), (after.test, before.test)):
        samples = torch.arange(len(split.labels))
        assert torch.equal(split.images[split.rows(samples)], other.images[other.rows(samples)])
        assert torch.equal(split.sample_labels, other.sample_labels)


@pytest.mark.parametrize("options", [{"image_size": 16}, {"resize": "pad"}, {"unreadable": "drop"}])
def test_what_is_asked_of_a_data_set_is_no_part_of_it(pets: Path, options: dict[str, Any]) -> None:
    Image.effect_mandelbrot((640, 480), (-3, -2.5, 2, 2.5), 50).convert("RGB").save(pets / "train/cat/large.jpg")
    plain = load(pets, image_size=8)
    assert load(pets, **{"image_size": 8, **options}).identity == plain.identity


def test_what_is_left_out_is_no_part_of_it(pets: Path) -> None:
    before = load(pets, unreadable="drop")
    (pets / "train/cat/00.png").write_bytes(b"broken")
    after = load(pets, unreadable="drop")
    assert (after.identity, after.dropped) == (before.identity, 1)
    assert (pets / "train/cat/0.png").name in after.files[0]


def test_a_data_set_that_ships_is_the_folder_of_its_images(tmp_path: Path) -> None:
    digits = load_dataset("digits", datasets_dir=NOWHERE, downloads_dir=NOWHERE)
    for name, split in (("train", digits.train), ("test", digits.test)):
        for number, (image, label) in enumerate(zip(split.images.numpy(), split.labels.tolist(), strict=True)):
            folder = tmp_path / f"written/{name}/{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[:, :, 0]).save(folder / f"{number}.png", compress_level=0)
    written = load(tmp_path / "written", cache_dir=None)
    assert written.identity == digits.identity
    assert digits.identity == "aa3ccb21c78ee4112ed4dfe26694c3e27b4c953bc3cc8dfa8d23e49de0535af7"
    assert load(tmp_path / "digits", image_size=12).identity == digits.identity


def arrays(order: list[int], labels: list[int], classes: tuple[str, ...] = ("a", "b"), channels: int = 1) -> Dataset:
    draw = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8).repeat(channels, axis=3)
    test_images = (255 - draw[:2]).astype(np.uint8)
    return Dataset.of_arrays("arrays", draw[order], np.array(labels), test_images, np.array([0, 1]), classes)


def test_labels_the_order_of_classes_and_channels_matter_and_the_order_of_images_does_not() -> None:
    plain = arrays([0, 1, 2, 3], [0, 0, 1, 1])
    assert arrays([3, 1, 0, 2], [1, 0, 0, 1]).identity == plain.identity
    others = [
        arrays([0, 1, 2, 3], [0, 1, 0, 1]),
        arrays([0, 1, 2, 3], [0, 0, 1, 1], ("b", "a")),
        arrays([0, 1, 2, 3], [0, 0, 1, 1], channels=3),
        arrays([0, 1, 2, 2], [0, 0, 1, 1]),
    ]
    assert len({plain.identity, *(other.identity for other in others)}) == 5
    assert changes(plain.contents, others[1]).startswith("its classes come in another order; ")
    assert changes(plain.contents, others[2]) == "its images were all grey, and are not now"
    assert changes(plain.contents, others[3]) == "1 image of train/b is new; 1 image of train/b is gone"


def test_what_is_said_of_a_change_has_a_bound(pets: Path) -> None:
    before = load(pets)
    for number in range(30):
        both(pets, "cat" if number == 0 else f"{number - 1:0250}", f"{number:0250}")
        for split in ("train", "test"):
            (pets / split / f"many{number}{'x' * 200}").mkdir()
            Image.new("RGB", (8, 8), (number, len(split), 0)).save(pets / split / f"many{number}{'x' * 200}/0.png")
    assert len(changes(before.contents, load(pets))) < 2000
