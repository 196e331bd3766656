"""What an image folder is: which files are its images, which are passed over, and what is refused with which words."""

import unicodedata
from pathlib import Path

import pytest

from training.errors import DatasetInvalid
from training.image_folders import find_images
from training.image_folders.listing import is_companion, list_directory

PNG, JPEG, HEIC = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\0\0\0\x18ftypheic\0\0\0\0mif1"
NFC, NFD = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))


def write(folder: Path, *places: str, content: bytes = PNG) -> None:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes with an image each in both splits."""
    folder = tmp_path / "pets"
    write(folder, *(f"{split}/{name}/0.png" for split in ("train", "test") for name in ("cat", "dog")))
    return folder


def refusal(folder: Path) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        find_images(folder)
    assert caught.value.hint
    assert str(folder.parent) not in str(caught.value), "no path of the server"
    return caught.value


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        *((f"1{suffix}", b"", True) for suffix in (".jfif", ".JPE", ".pgm", ".pnm", ".pbm", ".apng", ".avif", ".jp2")),
        ("1", PNG, True),
        ("no suffix", JPEG, True),
        ("1.dat", PNG, True),
        ("1.jpg_original", JPEG, True),
        ("1.heic", HEIC, True),  # which is not read: it is refused by name, not passed over
        ("1.svg", b"<?xml version='1.0'?><svg xmlns='x'/>", True),
        ("1.svg", b"<!-- drawn -->\n<svg width='1'/>", True),
        ("1", b"some text", False),
        ("1", b"", False),
        ("1.bin", b"\0\1\2\3", False),
        ("1.txt", PNG, False),
        ("1.mp4", b"", False),
        ("1.jpg~", JPEG, False),
        ("1.jpg.part", JPEG, False),
    ],
)
def test_a_file_is_an_image_by_its_suffix_or_by_how_it_begins(
    pets: Path, name: str, content: bytes, *, counts: bool
) -> None:
    write(pets, f"train/cat/below/{name}", content=content)
    found = find_images(pets)
    assert found.count("train") == (3 if counts else 2)
    assert len(found.splits["train"]["cat"].files) == (2 if counts else 1)
    assert (found.ignored.count, found.ignored.examples) == (
        (0, []) if counts else (1, [f"pets/train/cat/below/{name}"])
    )


@pytest.mark.parametrize(
    "place",
    [
        "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "@EADIR/1.jpg",
        "SYNOPHOTO_THUMB_XL.jpg",
        "1.jpg@SynoEAStream",
        "__MACOSX/cat/._1.jpg",
        "__MACOSX/1.jpg",
        "._1.jpg",
        ".DS_Store",
        ".thumbnails/1.jpg",
        "Thumbs.db",
        "desktop.ini",
        "#recycle/1.jpg",
        "@Recycle/1.jpg",
        "$RECYCLE.BIN/1.jpg",
        "lost+found/1.jpg",
        ".ipynb_checkpoints/1.jpg",
        "1.jpg:Zone.Identifier",
        "README.md",
        "LICENSE",
        "labels.txt",
        "classes.csv",
    ],
)
def test_companions_are_neither_images_nor_counted(pets: Path, place: str) -> None:
    write(pets, f"train/cat/{place}", f"train/{place}", f"test/{place}")
    found = find_images(pets)
    assert found.classes == ("cat", "dog")
    assert (found.count("train"), found.ignored.count) == (2, 0)


@pytest.mark.parametrize("name", ["labels", "index", "version", "credits", "images", "thumbs", "recycle"])
def test_a_class_may_be_called_like_what_authors_leave(pets: Path, name: str) -> None:
    write(pets, f"train/{name}/0.png", f"test/{name}/0.png")
    assert name in find_images(pets).classes
    assert not is_companion(name)


def test_what_is_passed_over_is_told_where_it_leaves_a_class_empty(pets: Path) -> None:
    (pets / "train/cat/0.png").unlink()
    write(pets, "train/cat/1.mp4", "train/cat/2.mp4", "train/loose.png")
    assert "without an image: train/cat (ignored: 1.mp4, 2.mp4)" in refusal(pets).detail
    write(pets, "train/cat/3.png")
    found = find_images(pets)
    assert found.ignored.count == 3
    assert "pets/train/loose.png" in found.ignored.examples


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("train/cat/more", "../../test"),
        ("train/cat/more", "../../test/cat"),
        ("train/cat/more", "../dog"),
        ("train/cat/more", ".."),
        ("train/cat/more", "../.."),
        ("train/cat/more", "../dog/below"),
        ("train/cat/1.png", "../dog/0.png"),
        ("train/cat/1.png", "../../test/cat/0.png"),
        ("test/cat/1.png", "../../train/cat/0.png"),
        ("train/bird", "dog"),
        ("train/bird", "dog/below"),
        ("train/bird", "../test/dog"),
        ("train/bird", "."),
    ],
)
def test_what_a_link_brings_in_from_the_data_set_itself_is_refused(pets: Path, link: str, target: str) -> None:
    write(pets, "train/dog/below/1.png")
    (pets / link).symlink_to(target)
    if "bird" in link:
        write(pets, "test/bird/0.png")
    error = refusal(pets)
    assert "under two labels or in both splits" in error.detail
    assert link in error.detail


def test_a_split_that_is_a_link_to_the_other_is_refused(pets: Path) -> None:
    (pets / "test").rename(pets / "old")
    (pets / "test").symlink_to("train")
    assert "test/cat leads by a link to those of train/cat" in refusal(pets).detail


def test_two_classes_that_share_a_folder_elsewhere_are_refused(pets: Path) -> None:
    write(pets.parent, "more/below/1.png")
    (pets / "train/cat/more").symlink_to(pets.parent / "more")
    assert find_images(pets).count("train") == 3
    (pets / "train/dog/more").symlink_to(pets.parent / "more/below")
    assert "under two labels" in refusal(pets).detail


def test_images_that_lie_beside_the_splits_may_be_linked(pets: Path) -> None:
    write(pets, "all/1.png", "more/1.png", "more/2.png")
    (pets / "train/cat/1.png").symlink_to("../../all/1.png")
    (pets / "train/bird").symlink_to("../more")
    (pets / "test/bird").symlink_to(pets.parent / "birds")
    write(pets.parent, "birds/3.png")
    assert find_images(pets).count("train") == 5


@pytest.mark.parametrize("place", ["pool.png", "pets/pool.png", "pets/train/pool.png"])
def test_a_single_image_that_lies_above_the_classes_may_be_linked(pets: Path, place: str) -> None:
    write(pets.parent, place)
    (pets / "train/cat/1.png").symlink_to(pets.parent / place)
    assert find_images(pets).splits["train"]["cat"].count == 2


@pytest.mark.parametrize("place", ["train/bird", "train/cat/more"])
def test_a_link_to_nowhere_is_an_error_that_names_it(pets: Path, place: str) -> None:
    (pets / place).symlink_to("/mnt/away/bird")
    error = refusal(pets)
    assert f"pets/{place} (it is a link to nowhere: is the disk mounted?)" in error.detail


@pytest.mark.parametrize("place", ["pets", "pets/train", "pets/test"])
def test_a_split_or_a_data_set_that_is_a_link_to_nowhere(tmp_path: Path, pets: Path, place: str) -> None:
    (tmp_path / place).rename(tmp_path / "moved")
    (tmp_path / place).symlink_to("/mnt/away")
    assert f"{place} is a link to nowhere" in refusal(pets).detail


def test_one_class_where_only_the_unicode_form_differs_between_the_splits(pets: Path) -> None:
    write(pets, f"train/{NFD}/0.png", f"test/{NFC}/0.png")
    found = find_images(pets)
    assert found.classes == (NFC, "cat", "dog")
    assert found.splits["train"][NFC].files == [f"{pets}/train/{NFD}/0.png"]


def test_two_folders_of_one_split_in_two_forms_are_told_apart(pets: Path) -> None:
    write(pets, *(f"{split}/{name}/0.png" for split in ("train", "test") for name in (NFC, NFD)))
    detail = refusal(pets).detail
    assert "'caf\\xe9'" in detail
    assert "'cafe\\u0301'" in detail
    assert "only in their Unicode form" in detail


@pytest.mark.parametrize("twin", ["bird ", " bird", "bird\u200b", "bi\u00adrd", "\ufeffbird", "bird\u00a0"])
def test_two_folders_of_one_split_that_nobody_sees_apart_are_refused(pets: Path, twin: str) -> None:
    write(pets, *(f"{split}/{name}/0.png" for split in ("train", "test") for name in ("bird", twin)))
    assert "differ only in spaces or invisible characters" in refusal(pets).detail


def test_two_classes_may_differ_in_case_or_alphabet(pets: Path) -> None:
    names = ("a", "A", "\u0430", "a b", "ab")
    write(pets, *(f"{split}/{name}/0.png" for split in ("train", "test") for name in names))
    assert set(names) <= {*find_images(pets).classes}


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ("Bird", "bird", "Bird and bird differ only in upper and lower case"),
        ("bird", "bird ", "'bird' and 'bird ' differ only in spaces or invisible characters"),
        ("bird", "bi\u200brd", "'bird' and 'bi\\u200brd' differ only in spaces or invisible characters"),
        ("bird", "b\u0456rd", "'bird' and 'b\\u0456rd' differ in characters that look alike"),
        ("\uff42ird", "bird", "'\\uff42ird' and 'bird' differ in characters that look alike"),
    ],
)
def test_classes_that_look_alike_are_shown_with_their_difference(pets: Path, here: str, there: str, told: str) -> None:
    write(pets, f"train/{here}/0.png", f"test/{there}/0.png")
    assert told in refusal(pets).detail


def test_a_split_of_another_name(pets: Path) -> None:
    (pets / "test").rename(pets / "val")
    error = refusal(pets)
    assert error.detail == "pets has no folder test: it holds train, val."
    assert error.hint.startswith("Rename val to test, or put images")
    (pets / "val").rename(pets / "Test")
    assert "Test and test differ only in upper and lower case" in refusal(pets).detail


def test_no_more_files_are_opened_than_allowed(tmp_path: Path) -> None:
    write(tmp_path, *(str(number) for number in range(30)))
    listing = list_directory(str(tmp_path), 20)
    assert (listing.count, listing.opened, listing.unknown) == (20, 20, 10)
    assert list_directory(str(tmp_path)).count == 30
