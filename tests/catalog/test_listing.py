import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from catalog.datasets import scanning
from catalog.datasets.listing import Catalogue, DatasetEntry, DatasetsUnavailable
from catalog.datasets.scanning import SingleFlight
from training.image_folders import listing
from training.known.dataset_names import is_name
from training.known.datasets import KNOWN_DATASETS
from training.spec import TrainingSpec

REPOSITORY = Path(__file__).parents[2]


def touch(folder: Path, *places: str) -> None:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(b"never opened")


def write_pets(datasets_dir: Path, name: str = "pets") -> Path:
    touch(datasets_dir / name, *(f"{split}/{kind}/0.png" for split in ("train", "test") for kind in ("cat", "dog")))
    return datasets_dir / name


@contextmanager
def catalogue(datasets_dir: Path, *, checked: bool = True) -> Iterator[Catalogue]:
    made = Catalogue(datasets_dir, checked=checked)
    yield made
    made.close()


def entries(datasets_dir: Path) -> dict[str, DatasetEntry]:
    with catalogue(datasets_dir) as made:
        return {entry.name: entry for entry in made.entries()}


def conflicts(datasets_dir: Path, *, checked: bool = True, **body: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with catalogue(datasets_dir, checked=checked) as made:
        return [(path, reason) for path, _, reason in made.conflicts(TrainingSpec.model_validate(body))]


def test_known_datasets_are_listed_where_there_are_no_folders(tmp_path: Path) -> None:
    listed = entries(tmp_path / "none")
    assert list(listed) == sorted(KNOWN_DATASETS)
    digits = listed["digits"]
    assert (digits.source, digits.licence, digits.usable) == ("shipped", "CC BY 4.0", True)
    assert (digits.classes, digits.train_images, digits.test_images) == (10, 1437, 360)
    assert (digits.image_size, digits.channels) == (8, 1)


def test_a_folder_is_counted_not_opened(tmp_path: Path) -> None:
    touch(tmp_path / "pets/train", "cat/0.png", "cat/deep/er/1.JPEG", "dog/2.jfif")
    touch(tmp_path / "pets/test", "cat/0.png", "dog/1.tiff")
    touch(tmp_path / "pets/train", "cat/.hidden.png", "cat/.hidden/1.png", "cat/Thumbs.db", "loose.png", ".git/0.png")
    assert entries(tmp_path)["pets"] == DatasetEntry(
        name="pets",
        title="Image folder pets",
        source="folder",
        classes=2,
        train_images=3,
        test_images=2,
        ignored_files=1,
        ignored_examples=[],  # names of images are not kept
    )


def test_a_folder_hides_the_known_dataset_of_its_name(tmp_path: Path) -> None:
    write_pets(tmp_path, "cifar10")
    listed = entries(tmp_path)
    assert (listed["cifar10"].source, listed["cifar10"].train_images) == ("folder", 2)
    assert len(listed) == len(KNOWN_DATASETS)


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        (("train/cat/0.png",), "has no folder test: it holds train"),
        (("train/cat/0.png", "val/cat/0.png"), "Rename val to test"),
        (("train/cat/0.png", "test/0.png"), "classes in train but not in test: cat"),
        (("train/cat/0.png", "test/cat/0.png"), "one class only"),
        (("train/cat/0.mp4", "train/dog/0.png", "test/cat/0.png", "test/dog/0.png"), "train/cat (ignored: 0.mp4)"),
    ],
)
def test_what_is_no_data_set_is_listed_with_the_reason_and_refused_with_it(
    tmp_path: Path, places: tuple[str, ...], reason: str
) -> None:
    touch(tmp_path / "pets", *places)
    touch(tmp_path, "file.zip")
    listed = entries(tmp_path)
    assert listed.keys() == {*KNOWN_DATASETS, "pets"}
    told = listed["pets"].reason
    assert told is not None
    assert reason in told
    assert str(tmp_path) not in told
    assert (listed["pets"].usable, listed["pets"].train_images) == (False, None)
    assert conflicts(tmp_path, dataset="pets") == [(("dataset",), told)]


def test_a_link_to_nowhere_is_listed_and_refused(tmp_path: Path) -> None:
    (tmp_path / "pets").symlink_to("/mnt/away/pets")
    assert "pets is a link to nowhere" in (entries(tmp_path)["pets"].reason or "")
    assert "pets is a link to nowhere" in conflicts(tmp_path, dataset="pets")[0][1]


@pytest.mark.parametrize(
    "name", ["pets", "a", "0.1-b_c", "a" * 64, "-pets", "my pets", "a" * 65, "pets\n", "\u00e9", "\udcff"]
)
def test_names_are_those_that_a_spec_accepts(tmp_path: Path, name: str) -> None:
    write_pets(tmp_path, name)
    [entry] = [entry for entry in entries(tmp_path).values() if entry.source == "folder"]
    entry.name.encode()
    try:
        TrainingSpec(dataset=name)
    except ValidationError:
        assert "rename the folder" in (entry.reason or "")
    else:
        assert is_name(name)
        assert (entry.name, entry.usable) == (name, True)


def test_a_folder_may_not_have_the_name_of_what_comes_with_epochal(tmp_path: Path) -> None:
    write_pets(tmp_path, "digits")
    digits = entries(tmp_path)["digits"]
    assert (digits.source, digits.usable) == ("shipped", False)
    assert conflicts(tmp_path, dataset="digits") == [(("dataset",), digits.reason)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Digits", "digits"),
        ("CIFAR-10", "cifar10"),
        ("cifar_100", "cifar100"),
        ("Fashion-MNIST", "fashion_mnist"),
        ("my.flowers", "my-flowers"),
        ("pest", "pets"),
        ("mnist", None),
    ],
)
def test_an_unknown_name_is_refused_with_the_one_that_was_meant(tmp_path: Path, name: str, meant: str | None) -> None:
    write_pets(tmp_path)
    write_pets(tmp_path, "my-flowers")
    [(path, reason)] = conflicts(tmp_path, dataset=name)
    assert path == ("dataset",)
    assert f"no data set {name!r}" in reason
    assert "cifar10, cifar100, digits, fashion_mnist, my-flowers, pets, svhn" in reason
    assert ("Did you mean" in reason, f"Did you mean {meant!r}?" in reason) == (meant is not None, meant is not None)
    assert str(tmp_path) not in reason


def test_an_api_that_does_not_have_the_data_sets_refuses_none(tmp_path: Path) -> None:
    assert conflicts(tmp_path / "none", dataset="pets")
    assert conflicts(tmp_path / "none", checked=False, dataset="pets") == []


def test_what_the_counts_conflict_with_is_refused(tmp_path: Path) -> None:
    write_pets(tmp_path)
    [(path, reason)] = conflicts(tmp_path, dataset="pets")
    assert path == ("batch_size",)
    assert "a batch of 128 is larger than the training set: at most 2" in reason
    assert conflicts(tmp_path, dataset="pets", batch_size=2) == []
    assert conflicts(tmp_path, dataset="pets", batch_size="full") == []
    crop: dict[str, Any] = {"batch_size": 2, "augmentation": {"crop": {"padding": 8}}}
    assert conflicts(tmp_path, dataset="pets", **crop) == [], "its images may be larger"
    assert conflicts(tmp_path, dataset="pets", image_size=8, **crop)[0][0] == ("augmentation", "crop", "padding")
    assert conflicts(tmp_path, dataset="cifar10", batch_size=50_001)[0][0] == ("batch_size",)
    assert conflicts(tmp_path, dataset="cifar10", batch_size=50_000) == []
    grey: dict[str, Any] = {"augmentation": {"colour": {"hue": 0.1}}}
    assert conflicts(tmp_path, dataset="fashion_mnist", **grey)[0][0] == ("augmentation", "colour", "hue")
    write_pets(tmp_path, "fashion_mnist")
    assert conflicts(tmp_path, dataset="fashion_mnist", batch_size=2, **grey) == [], "a folder hides the download"


def test_what_has_no_effect_on_a_known_data_set_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"dataset": "cifar10", "resize": "pad", "unreadable_images": "drop", "batch_size": 2}
    assert [path for path, _ in conflicts(tmp_path, **options)] == [("resize",), ("unreadable_images",)]
    write_pets(tmp_path, "cifar10")
    assert conflicts(tmp_path, **options) == [], "a folder hides the download"


def test_a_folder_that_has_not_changed_is_not_walked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pets = write_pets(tmp_path)
    for directory in (tmp_path, *[path for path in tmp_path.rglob("*") if path.is_dir()]):
        os.utime(directory, (1, 1))
    monkeypatch.setattr(scanning, "SETTLED_SECONDS", -10.0)  # that the directories are new cannot be changed
    monkeypatch.setattr(scanning, "MAX_AGE_SECONDS", 0.0)
    walked: list[str] = []
    real = listing.list_directory

    def walk(directory: str, most: int | None) -> listing.Listing:
        walked.append(directory)
        return real(directory, most)

    monkeypatch.setattr(scanning, "list_directory", walk)
    with catalogue(tmp_path) as made:
        spec = TrainingSpec(dataset="pets", batch_size=2)
        assert made.conflicts(spec) == []
        assert len(walked) == 7
        walked.clear()
        assert made.conflicts(spec) == []
        assert walked == []
        (pets / "train/cat/0.png").unlink()
        assert "without an image: train/cat" in made.conflicts(spec)[0][2]
        assert walked == [str(pets / "train/cat")]


def test_nobody_waits_for_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pets(tmp_path)
    released = threading.Event()
    monkeypatch.setattr("catalog.datasets.listing.find_images", lambda *_: released.wait(60))
    monkeypatch.setattr("catalog.datasets.listing.SUBMISSION_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("catalog.datasets.listing.LISTING_WAIT_SECONDS", 0.01)
    with catalogue(tmp_path) as made:
        made._names.get("", 60)  # only the folder itself hangs
        assert made.conflicts(TrainingSpec(dataset="pets")) == []
        [pets] = [entry for entry in made.entries() if entry.name == "pets"]
        assert (pets.usable, pets.train_images) == (True, None)
        released.set()


def test_those_who_ask_at_once_share_a_look() -> None:
    begun, released, looked = threading.Event(), threading.Event(), []

    def look(name: str) -> str:
        looked.append(name)
        begun.set()
        released.wait(60)
        return name.upper()

    made = SingleFlight(look)
    assert made.get("a", 0) is None
    assert begun.wait(60)
    assert made.get("a", 0) is None
    released.set()
    assert made.get("a", 3600) == "A"
    assert looked == ["a"]
    made.close()


def test_a_datasets_dir_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetsUnavailable, match="cannot be read: Not a directory") as caught:
        entries(tmp_path / "file")
    assert str(tmp_path) not in str(caught.value)
    assert conflicts(tmp_path / "file", dataset="pets") == [], "what cannot be seen is left to the worker"


def test_listing_needs_no_torch() -> None:
    check = "import sys, catalog.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=REPOSITORY, check=False).returncode == 0
