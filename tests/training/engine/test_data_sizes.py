"""Which size and how many channels the images of a folder are decoded to."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from training.engine.data import Dataset, DatasetInvalid, decoding, load_dataset
from training.images import sizes
from training.images.decoding import open_image
from training.spec import TrainingSpec

Size = tuple[int, int]


def write_folder(folder: Path, sizes: list[Size], modes: list[str]) -> Path:
    """Classes cat and dog; the images go to four places in turn."""
    places = ["train/cat", "train/dog", "test/cat", "test/dog"]
    for number, (size, mode) in enumerate(zip(sizes, modes, strict=True)):
        file = folder / places[number % 4] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size).save(file)
    return folder


def load(folder: Path, image_size: int | None = None) -> Dataset:
    return load_dataset(folder.name, image_size=image_size, datasets_dir=folder.parent, downloads_dir=folder)


def count_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []

    def open_and_note(file: str) -> AbstractContextManager[Image.Image]:
        opened.append(file)
        return open_image(file)

    monkeypatch.setattr(decoding, "open_image", open_and_note)
    return opened


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(20, 20)] * 4, 20),  # all share one square size
        ([(300, 300)] * 4, 300),  # even above 224
        ([(30, 20)] * 4, 20),  # one size, but not a square
        ([(20, 20), (20, 20), (20, 20), (21, 21)], 20),
        ([(10, 90), (90, 12), (14, 99), (99, 16)], 12),  # the lower median
        ([(400, 300), (300, 400), (500, 500), (600, 600)], 224),
        ([(4, 4), (4, 5), (4, 4), (4, 4)], 8),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_default_size(tmp_path: Path, sizes: list[Size], expected: int, backwards: bool) -> None:
    folder = write_folder(tmp_path / "set", sizes[::-1] if backwards else sizes, ["RGB"] * 4)
    assert load(folder).image_size == expected


@pytest.mark.parametrize("sizes", [[(20, 20)] * 4, [(20, 30), (90, 40), (12, 12), (7, 7)]])
def test_image_size_given(tmp_path: Path, sizes: list[Size]) -> None:
    dataset = load(write_folder(tmp_path / "set", sizes, ["RGB"] * 4), image_size=16)
    assert dataset.train.images.shape == (2, 16, 16, 3)
    assert dataset.test.images.shape == (2, 16, 16, 3)


@pytest.mark.parametrize("size", [4, 1025])
def test_shared_size_that_no_network_takes(tmp_path: Path, size: int) -> None:
    folder = write_folder(tmp_path / "set", [(size, size)] * 4, ["1"] * 4)
    with pytest.raises(DatasetInvalid, match=f"images of set are {size} x {size} pixels") as caught:
        load(folder)
    assert "image_size" in caught.value.hint
    assert load(folder, image_size=8).image_size == 8


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        (sizes.SMALLEST_IMAGE - 1, False),
        (sizes.SMALLEST_IMAGE, True),
        (sizes.LARGEST_IMAGE, True),
        (sizes.LARGEST_IMAGE + 1, False),
    ],
)
def test_the_bounds_are_those_of_a_spec(size: int, fits: bool) -> None:
    if fits:
        TrainingSpec(dataset="set", image_size=size)
    else:
        with pytest.raises(ValidationError):
            TrainingSpec(dataset="set", image_size=size)


@pytest.mark.parametrize("image_size", [None, 12])
@pytest.mark.parametrize(
    ("modes", "channels"),
    [
        (["L", "1", "I;16", "LA"], 1),
        (["RGB", "L", "L", "L"], 3),
        (["L", "L", "L", "RGB"], 3),  # the only one in colour is a test image
        (["L", "P", "L", "L"], 3),
        (["RGBA", "RGBA", "RGBA", "RGBA"], 3),
    ],
)
def test_channels(tmp_path: Path, modes: list[str], channels: int, image_size: int | None) -> None:
    dataset = load(write_folder(tmp_path / "set", [(16, 16)] * 4, modes), image_size)
    assert dataset.channels == channels


@pytest.mark.parametrize("image_size", [None, 12])
def test_images_that_are_alike_are_opened_once(
    tmp_path: Path, image_size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", [(16, 16)] * 40, ["RGB"] * 40)
    opened = count_opened(monkeypatch)
    assert load(folder, image_size).train.images.shape[0] == 20
    assert len(opened) == 40 + 1  # the guess looks at the first


def test_images_that_differ_are_opened_twice_at_most_after_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", [(16, 16), (20, 10)] * 500, ["RGB"] * 1000)
    opened = count_opened(monkeypatch)
    assert load(folder).image_size == 10
    assert len(opened) < 2500  # the headers, the pixels, and what the threads had begun on the guess


def test_broken_files_are_all_named_where_sizes_differ_too(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", [(16, 16), (20, 10)] * 50, ["RGB"] * 100)
    for broken in ("train/cat/12.png", "test/dog/99.png"):
        (folder / broken).write_bytes((folder / broken).read_bytes()[:45])
    with pytest.raises(DatasetInvalid, match=r"set/train/cat/12\.png .*, set/test/dog/99\.png "):
        load(folder)


def test_a_guess_that_would_not_fit_memory_is_not_held_against_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first image is a large square; the median of all is small."""
    folder = write_folder(tmp_path / "set", [(900, 900), (9, 10), (9, 10), (9, 10)], ["RGB"] * 4)
    monkeypatch.setattr("training.engine.data.memory.available_memory", lambda: 3000)
    assert load(folder).image_size == 9


def test_many_chunks_keep_their_order(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for number in range(300):
            file = tmp_path / "set" / split / f"{number // 150}" / f"{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), number % 256).save(file)
    dataset = load(tmp_path / "set")
    assert dataset.train.images[:, 3, 4, 0].tolist() == [number % 256 for number in range(300)]
    assert dataset.test.images[:, 0, 7, 0].tolist() == [number % 256 for number in range(300)]
