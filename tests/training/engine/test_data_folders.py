import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from training.engine.data import Dataset, DatasetInvalid, load_dataset

Size = tuple[int, int]


def write_image(file: Path, size: Size = (8, 8), mode: str = "RGB", colour: Any = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file)


def write_folder(folder: Path, size: Size = (8, 8), mode: str = "RGB") -> Path:
    """Classes cat and dog, two training images and one test image each."""
    for name in ("cat", "dog"):
        for place in ("train/{}/0.png", "train/{}/1.png", "test/{}/0.png"):
            write_image(folder / place.format(name), size, mode)
    return folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets")


def load(folder: Path, image_size: int | None = None) -> Dataset:
    return load_dataset(
        folder.name, image_size=image_size, datasets_dir=folder.parent, downloads_dir=folder.parent / "downloads"
    )


def load_limited(folder: Path, megapixels: int) -> Dataset:
    return load_dataset(
        folder.name,
        image_size=8,
        datasets_dir=folder.parent,
        downloads_dir=folder.parent,
        largest_image_megapixels=megapixels,
    )


def error_of(folder: Path, image_size: int | None = None) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        load(folder, image_size)
    assert caught.value.hint
    return caught.value


def test_classes_and_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    names = ["b.png", "a.png", "below/deeper/c.png", "a/z.png"]
    for number, (kind, name) in enumerate((kind, name) for kind in ("dog", "cat") for name in names):
        write_image(folder / "train" / kind / name, mode="L", colour=number)
    write_image(folder / "test/cat/x.png", mode="L", colour=100)
    write_image(folder / "test/dog/x.png", mode="L", colour=200)
    dataset = load(folder)
    assert (dataset.name, dataset.source, dataset.classes) == ("pets", "folder", ("cat", "dog"))
    assert dataset.train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert dataset.test.labels.tolist() == [0, 1]
    # a.png, a/z.png, b.png, below/deeper/c.png
    assert dataset.train.images[:, 0, 0, 0].tolist() == [5, 7, 4, 6, 1, 3, 0, 2]
    assert dataset.test.images[:, 0, 0, 0].tolist() == [100, 200]


def test_splits_are_contiguous_uint8_images_and_int64_labels(pets: Path) -> None:
    dataset = load(pets)
    assert dataset.train.images.shape == (4, 8, 8, 3)
    assert dataset.test.images.shape == (2, 8, 8, 3)
    for split in (dataset.train, dataset.test):
        assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
        assert split.images.is_contiguous()


def test_a_folder_comes_before_a_download_of_its_name(tmp_path: Path) -> None:
    assert load(write_folder(tmp_path / "cifar10")).classes == ("cat", "dog")


def test_a_folder_may_not_have_the_name_of_what_comes_with_epochal(tmp_path: Path) -> None:
    assert error_of(write_folder(tmp_path / "digits")).hint == "Rename the folder."


def test_hidden_files_and_other_suffixes_are_ignored_and_suffixes_know_no_case(pets: Path) -> None:
    for name in (".hidden.png", "._0.png", "Thumbs.db", "notes.txt", ".hidden/1.png"):
        (pets / "train/cat" / name).parent.mkdir(exist_ok=True)
        (pets / "train/cat" / name).write_text("not an image")
    (pets / "train/.ipynb_checkpoints").mkdir()
    (pets / "train/cat/0.png").rename(pets / "train/cat/0.PNG")
    dataset = load(pets)
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]


def test_links_are_followed_once_and_circles_end(pets: Path) -> None:
    write_image(pets.parent / "elsewhere/2.png")
    for link, target in {"more": "../../../elsewhere", "again": "more", "here": ".", "self": "self"}.items():
        (pets / "train/cat" / link).symlink_to(target)
    (pets.parent / "elsewhere/back").symlink_to("../pets/train/cat")
    dataset = load(pets)
    assert dataset.train.labels.tolist() == [0] * 3 + [1] * 2
    assert dataset.ignored_examples == ("pets/train/cat/self",)


def test_a_link_to_nowhere_is_named(pets: Path) -> None:
    (pets / "train/cat/9.png").symlink_to("gone.png")
    assert "pets/train/cat/9.png (No such file or directory)" in error_of(pets).detail


@pytest.mark.parametrize("name", ["dgits", "Digits", "cifar-10", "petz", "../pets", "", ".", "..", ".hidden"])
def test_unknown_name(pets: Path, name: str) -> None:
    (pets.parent / ".hidden").mkdir()
    with pytest.raises(DatasetInvalid) as caught:
        load_dataset(name, datasets_dir=pets.parent, downloads_dir=pets.parent)
    assert f"no data set {name!r}" in caught.value.detail
    assert "cifar10, cifar100, digits" in caught.value.hint
    assert "<name>/train/<class>/" in caught.value.hint
    assert str(pets.parent) not in str(caught.value), "which goes to whoever submitted the job"
    assert str(pets.parent) in caught.value.__notes__[0], "which a notebook shows"


@pytest.mark.parametrize(
    ("name", "meant"), [("dgits", "digits"), ("Digits", "digits"), ("CIFAR-100", "cifar100"), ("Petz", "pets")]
)
def test_a_close_name_is_suggested(pets: Path, name: str, meant: str) -> None:
    with pytest.raises(DatasetInvalid) as caught:
        load_dataset(name, datasets_dir=pets.parent, downloads_dir=pets.parent)
    assert caught.value.hint.startswith(f"Did you mean {meant!r}? ")


def test_known_datasets_need_no_datasets_dir(tmp_path: Path) -> None:
    assert load_dataset("digits", datasets_dir=tmp_path / "none", downloads_dir=tmp_path).source == "shipped"


def test_datasets_dir_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetInvalid, match="cannot be read: Not a directory"):
        load_dataset("digits", datasets_dir=tmp_path / "file", downloads_dir=tmp_path)


@pytest.mark.parametrize("place", ["train", "train/cat"])
def test_folder_that_cannot_be_read(pets: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not bind the superuser, as whom tests may run, so the refusal is put in."""
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path) == pets / place:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert error_of(pets).detail == f"pets/{place} cannot be read: Permission denied."


@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_split(pets: Path, split: str) -> None:
    (pets / split).rename(pets / "validation")
    error = error_of(pets)
    assert f"pets has no folder {split}" in error.detail
    assert "validation" in error.detail


def test_no_classes(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_image(tmp_path / "pets" / split / "loose.png")
    assert "no classes" in error_of(tmp_path / "pets").detail


def test_one_class(pets: Path) -> None:
    for split in ("train", "test"):
        (pets / split / "dog").rename(pets / f"{split}-dog")
    assert "one class only, cat" in error_of(pets).detail


@pytest.mark.parametrize(("split", "other"), [("train", "test"), ("test", "train")])
def test_classes_that_differ(pets: Path, split: str, other: str) -> None:
    write_image(pets / split / "bird/0.png")
    assert f"in {split} but not in {other}: bird" in error_of(pets).detail


def test_long_lists_are_cut(pets: Path) -> None:
    for number in range(9):
        write_image(pets / f"train/bird{number}/0.png")
    assert "bird0, bird1, bird2, bird3, bird4 and 4 more" in error_of(pets).detail


@pytest.mark.parametrize("split", ["train", "test"])
def test_class_with_nothing_but_ignored_files(pets: Path, split: str) -> None:
    for file in (pets / split / "cat").iterdir():
        file.unlink()
    for name in ("Thumbs.db", ".0.png", "readme.md"):
        (pets / split / "cat" / name).write_text("x")
    assert f"without an image: {split}/cat" in error_of(pets).detail


def test_class_name_that_is_not_utf_8(pets: Path) -> None:
    for split in ("train", "test"):
        os.rename(pets / split / "dog", os.fsencode(pets / split) + b"/d\xf6g")
    error = error_of(pets)
    assert "not UTF-8" in error.detail
    error.detail.encode()


@pytest.mark.parametrize("image_size", [None, 8, 16])
def test_broken_files_are_all_named(pets: Path, image_size: int | None) -> None:
    whole = (pets / "train/cat/0.png").read_bytes()
    (pets / "train/cat/0.png").write_bytes(whole[:45])
    (pets / "train/dog/text.jpg").write_text("no image")
    (pets / "test/dog/empty.gif").write_bytes(b"")
    detail = error_of(pets, image_size).detail
    assert "pets/train/cat/0.png (" in detail
    assert "pets/train/dog/text.jpg (it is text and no image)" in detail
    assert "pets/test/dog/empty.gif (it is an empty file" in detail


def test_truncated_jpeg_is_named_not_filled_with_grey(tmp_path: Path) -> None:
    pets = write_folder(tmp_path / "pets", size=(64, 64))
    Image.effect_noise((64, 64), 100).save(file := pets / "train/cat/2.jpg")
    file.write_bytes(file.read_bytes()[:-400])
    assert "pets/train/cat/2.jpg (it is cut off: its end is missing)" in error_of(pets).detail


@pytest.mark.parametrize("factor", [1, 3])
def test_decompression_bomb_is_named(pets: Path, factor: int) -> None:
    """Pillow warns from one time its limit on, and refuses from two times."""
    before = Image.MAX_IMAGE_PIXELS
    write_image(pets / "test/dog/bomb.png", size=(1001, 1000 * factor), mode="1")
    with pytest.raises(DatasetInvalid, match="EPOCHAL_LARGEST_IMAGE_MEGAPIXELS") as caught:
        load_limited(pets, 1)
    assert f"pets/test/dog/bomb.png (it has {factor}.0 megapixels, and the largest" in caught.value.detail
    assert len(load_limited(pets, 1 + factor).test.labels) == 3
    assert before == Image.MAX_IMAGE_PIXELS, "other code of the process keeps its bound"


def test_the_error_survives_a_pipe() -> None:
    error = pickle.loads(pickle.dumps(DatasetInvalid("Wrong.", "Right.")))
    assert (error.detail, error.hint, str(error)) == ("Wrong.", "Right.", "Wrong. Right.")


def test_memory_is_asked_before_decoding(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 6 * 8 * 8 * 3
    monkeypatch.setattr("training.engine.data.memory.available_memory", lambda: 2 * needed)
    assert load(pets).image_size == 8
    monkeypatch.setattr("training.engine.data.memory.available_memory", lambda: 2 * needed - 1)
    for image_size in (None, 8):
        error = error_of(pets, image_size)
        assert "6 images of pets" in error.detail
        assert "image_size to 7 or less" in error.hint


def test_memory_is_asked_before_a_download(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match=r"99,289 images of svhn take 312\.3 GB when decoded to 1024 x 1024"):
        load(tmp_path / "svhn", image_size=1024)


def test_a_named_pipe_is_not_waited_for(pets: Path) -> None:
    os.mkfifo(pets / "train" / "cat" / "z.png")
    assert "it is not a regular file" in error_of(pets).detail
