import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from catalog.datasets import IMAGE_SUFFIXES, NAME, DatasetEntry, list_datasets
from training.data import folders
from training.known_datasets import KNOWN_DATASETS
from training.spec import TrainingSpec

REPOSITORY = Path(__file__).parents[2]


def touch(folder: Path, *places: str) -> None:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(b"never opened")


def entries(datasets_dir: Path) -> dict[str, DatasetEntry]:
    return {entry.name: entry for entry in list_datasets(datasets_dir)}


def test_known_datasets_are_listed_where_there_are_no_folders(tmp_path: Path) -> None:
    listed = list_datasets(tmp_path / "none")
    assert [entry.name for entry in listed] == sorted(KNOWN_DATASETS)
    digits = next(entry for entry in listed if entry.name == "digits")
    assert (digits.source, digits.licence) == ("shipped", "CC BY 4.0")
    assert (digits.classes, digits.train_images, digits.test_images) == (10, 1437, 360)
    assert (digits.image_size, digits.channels) == (8, 1)


def test_a_folder_is_counted_not_opened(tmp_path: Path) -> None:
    touch(tmp_path / "pets/train", "cat/0.png", "cat/deep/er/1.JPEG", "dog/2.webp")
    touch(tmp_path / "pets/test", "cat/0.png", "dog/1.tiff")
    touch(tmp_path / "pets/train", "cat/.hidden.png", "cat/.hidden/1.png", "cat/Thumbs.db", "loose.png", ".git/0.png")
    assert entries(tmp_path)["pets"] == DatasetEntry(
        name="pets",
        title="Image folder pets",
        source="folder",
        classes=2,
        train_images=3,
        test_images=2,
        image_size=None,
        channels=None,
        licence=None,
    )


def test_a_folder_hides_the_known_dataset_of_its_name(tmp_path: Path) -> None:
    touch(tmp_path / "cifar10", "train/cat/0.png", "test/cat/0.png")
    assert entries(tmp_path)["cifar10"].source == "folder"
    assert len(list_datasets(tmp_path)) == len(KNOWN_DATASETS)


@pytest.mark.parametrize(
    "places",
    [("train/cat/0.png",), ("test/cat/0.png",), ("train/cat/0.png", "test/0.png"), ("train/0.png", "test/cat/0.png")],
)
def test_what_is_not_laid_out_as_a_dataset_is_left_out(tmp_path: Path, places: tuple[str, ...]) -> None:
    touch(tmp_path / "pets", *places)
    touch(tmp_path, "file.zip")
    assert entries(tmp_path).keys() == KNOWN_DATASETS.keys()


@pytest.mark.parametrize(
    "name", ["pets", "a", "0.1-b_c", "a" * 64, ".pets", "-pets", "my pets", "a" * 65, "pets\n", "é"]
)
def test_names_are_those_that_a_spec_accepts(tmp_path: Path, name: str) -> None:
    touch(tmp_path / name, "train/cat/0.png", "test/cat/0.png")
    try:
        TrainingSpec(dataset=name)
    except ValidationError:
        assert name not in entries(tmp_path)
    else:
        assert NAME.fullmatch(name)
        assert name in entries(tmp_path)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    touch(tmp_path / "pets", "train/cat/0.png", "test/cat/0.png")
    (tmp_path / "pets/train/cat/again").symlink_to(".")
    (tmp_path / "pets/train/self").symlink_to("self")
    (tmp_path / "loop").symlink_to("loop")
    assert entries(tmp_path)["pets"].train_images == 1


def test_counts_are_those_that_loading_finds(tmp_path: Path) -> None:
    places = [f"cat/{number}{suffix}" for number, suffix in enumerate(IMAGE_SUFFIXES)]
    touch(tmp_path / "pets/train", *places, "cat/.0.png", "cat/0.txt", "cat/more/0.PNG", "cat/.more/0.png", "dog/0.gif")
    touch(tmp_path / "pets/test", "cat/0.png", "dog/0.png")
    (tmp_path / "pets/train/dog/link").symlink_to(tmp_path / "pets/train/cat/more")
    (tmp_path / "pets/train/dog/gone.png").symlink_to("nowhere")
    entry = entries(tmp_path)["pets"]
    found = folders._find_files(tmp_path / "pets", "train")
    assert IMAGE_SUFFIXES == folders.IMAGE_SUFFIXES
    assert entry.train_images == sum(map(len, found.values())) == len(IMAGE_SUFFIXES) + 1 + 3
    assert entry.classes == len(found)


def test_listing_needs_no_torch() -> None:
    check = "import sys, catalog.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=REPOSITORY, check=False).returncode == 0
