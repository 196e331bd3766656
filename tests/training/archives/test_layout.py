"""Which split and class images have by the folders that they lie in: what is understood, told, and refused."""

import time
import unicodedata
from collections.abc import Iterable
from itertools import product

import pytest

from tests.training.archives.builders import PNG, make_tar, raw_tar, read, tar_file
from training.archives.arrangement import MOST_WRAPPERS, wrappers_of
from training.archives.by_folders import LOOSE, OUTSIDE
from training.archives.layout import Arrangement, arrange
from training.archives.members import OtherSplit, Skipped
from training.errors import DatasetInvalid

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def images(*folders: str, count: int = 2) -> list[str]:
    return [f"{folder}/{number}.png" for folder in folders for number in range(count)]


def refusal(
    names: Iterable[str], tables: dict[str, bytes] | None = None, skipped: Skipped | None = None
) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        arrange([*names], tables or {}, skipped)
    assert caught.value.hint
    assert caught.value.detail.isprintable()
    return caught.value


def found(arrangement: Arrangement) -> list[tuple[str | None, str] | None]:
    return [None if place is None else (place.split, place.class_name) for place in arrangement.places]


@pytest.mark.parametrize("wrapper", ["", "pets/", "home/me/my pets/"])
def test_classes_in_train_and_test_and_classes_alone_below_any_wrapper(wrapper: str) -> None:
    names = images(
        *(f"{wrapper}{split}/{name}/deep" for split in ("train", "test") for name in ("cat", "dog")), count=1
    )
    split = arrange(names, {})
    assert found(split) == [("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")]
    assert (split.classes, split.is_split, split.notes, split.skipped.total) == (("cat", "dog"), True, [], 0)
    plain = arrange(images(f"{wrapper}cat", f"{wrapper}dog/a/b", count=1), {})
    assert found(plain) == [(None, "cat"), (None, "dog")]
    assert (plain.classes, plain.is_split, plain.notes) == (("cat", "dog"), False, [])


@pytest.mark.parametrize("other", ["val", "valid", "validation", "dev", "eval", "testing", "Val", "VALIDATION"])
def test_another_name_of_a_split_counts_as_test_and_beside_test_as_train(other: str) -> None:
    names = [f"{split}/{name}/0.png" for split in ("train", other) for name in ("cat", "dog")]
    without = arrange(names, {})
    assert found(without) == [("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")]
    assert without.skipped.other_splits == [OtherSplit(other, "test", 2)]
    beside = arrange([*names, "test/cat/0.png", "test/dog/0.png"], {})
    assert [place.split for place in beside.places if place] == ["train"] * 4 + ["test"] * 2
    assert beside.skipped.other_splits == [OtherSplit(other, "train", 2)]
    assert (without.notes, beside.notes) == ([], [])


def test_training_is_train_and_that_is_told() -> None:
    arrangement = arrange(images("Training/cat", "Training/dog", "test/cat", "test/dog"), {})
    assert (arrangement.notes, arrangement.skipped.other_splits) == (["Training is taken as train."], [])


def test_train_alone_is_split_later_and_that_is_told() -> None:
    arrangement = arrange(images("pets/train/cat", "pets/train/dog", count=1), {})
    assert found(arrangement) == [(None, "cat"), (None, "dog")]
    assert "All images lie in pets/train/" in arrangement.notes[0]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (images("test/cat", "val/cat", "test/dog", "val/dog"), "has test, val and no train"),
        (images("train/cat", "train/dog", "test/cat"), "classes in train but not in test: dog."),
        (images("train/cat", "test/dog", "test/cat"), "classes in test but not in train: dog."),
        (images("train/Cat", "train/dog", "test/cat", "test/dog"), "Cat and cat differ only in upper and lower case"),
        (images("train/cat", "test/cat"), "one class only, cat"),
        (images("cat"), "one class only, cat"),
        (["0.png", "1.png"], "has no class: there is nothing to tell apart."),
        (["train/0.png", "test/0.png"], "has no class"),
        ([], "has no class"),
        (
            images("cat/train", "cat/test", "dog/train", "dog/test"),
            "has train and test inside of its classes: cat, dog",
        ),
        (images("cat", "cat ", "dog"), "nobody could tell apart: 'cat' and 'cat ' differ only in spaces"),
        (images("cat", "ca\u200bt", "dog"), "nobody could tell apart"),
        (images("cat", "d\x07og"), r"control characters in their names: 'd\x07og'"),
        (images("cat", "d\udc00og"), r"names are not UTF-8: 'd\udc00og'"),
        (images("cat", "\u200b"), "has a class without a name that can be seen"),
        (images("cat", "d" * 256), "more than 255 bytes: …ddd"),
        (
            [f"{number}/0.png" for number in range(25_001)],
            "The archive has 25,001 classes, and a data set may have 25,000.",
        ),
        (
            [f"{number:05}{'é' * 120}/0.png" for number in range(5000)],
            "has 5,000 classes whose names have 1,225,000 bytes together, and may have 1,048,576.",
        ),
    ],
)
def test_what_is_no_data_set(names: list[str], told: str) -> None:
    assert told in refusal(names).detail


def test_why_tables_do_not_count_is_told_of_a_few() -> None:
    folders = ["".join(pair) for pair in product("tT", "rR", "aA", "iI", "nN")]
    tables = {f"{folder}/labels.csv": b"a,b\n" for folder in folders}
    error = refusal([*images(*(f"{folder}/cat" for folder in folders)), "loose.png"], tables)
    assert error.detail.count("has no column file and no label") == 5


def test_names_that_differ_only_in_their_unicode_form_are_one_class() -> None:
    across = arrange(images(f"train/{NFC}", "train/dog", f"test/{NFD}", "test/dog", count=1), {})
    assert across.classes == (NFC, "dog")
    assert across.notes == []
    within = arrange(images(NFC, NFD, "dog", count=1), {})
    assert found(within) == [(None, NFC), (None, NFC), (None, "dog")]
    assert within.notes == [f"Folders whose names differ only in their Unicode form are one class: {NFC}."]


def test_names_that_look_alike_are_classes_of_their_own() -> None:
    assert len(arrange(images("cat", "Cat", "c\u0430t", "dog"), {}).classes) == 4


def test_images_beside_the_folders_of_classes_are_passed_over_and_counted() -> None:
    names = [
        "cover.png",
        *images("pets/train/cat", "pets/train/dog", "pets/test/cat", "pets/test/dog"),
        "pets/train/loose.png",
    ]
    arrangement = arrange([*names, *images("pets/unlabelled/more", count=6)], {})
    assert arrangement.skipped.counts == {LOOSE: 1, OUTSIDE: 7}
    assert arrangement.skipped.examples[LOOSE] == ["pets/train/loose.png"]
    assert arrangement.skipped.examples[OUTSIDE][0] == "cover.png"
    assert arrangement.places[0] is None
    flat = arrange([*images("cat", "dog"), "loose.png"], {})
    assert flat.skipped.counts == {LOOSE: 1}
    assert flat.places[-1] is None


def test_what_was_passed_over_is_told_where_it_may_be_why() -> None:
    skipped = Skipped()
    skipped.add(".txt files", "cat/1.txt")
    assert "Passed over: .txt files (1, such as cat/1.txt)." in refusal(images("cat"), skipped=skipped).hint


def test_folders_of_classes_without_an_image() -> None:
    names = images("pets/train/cat", "pets/train/dog", "pets/test/cat", "pets/test/dog")
    for folder in ("pets/train/cow", "pets/test/cow/deep", f"pets/train/{NFD}"):
        told = folder.removeprefix("pets/").removesuffix("/deep").replace(NFD, NFC)
        error = refusal(names, skipped=Skipped(folders={"pets", "pets/train", "pets/train/cat", folder}))
        assert f"folders of classes without an image: {told}." in error.detail
    for folder in (
        "pets",
        "pets/docs",
        "pets/train",
        "pets/train/.git",
        "pets/train/1.txt",
        "pets/train/cat/empty",
        "other",
    ):
        assert arrange(names, {}, Skipped(folders={folder})).notes == []
    flat = arrange(images("cat", "dog"), {}, Skipped(folders={"cow", "cat", ""}))
    assert flat.notes == ["Folders without an image are no classes: cow."]


def test_a_class_that_is_a_link_does_not_vanish() -> None:
    link = tar_file(b"train/cow", b"", b"2")
    files = raw_tar(
        *(tar_file(name.encode(), PNG) for name in images("train/cat", "train/dog", "test/cat", "test/dog")), link
    )
    reading = read(files)
    error = refusal([*reading.contents], skipped=reading.skipped)
    assert "without an image: train/cow. Passed over: links, which are not followed" in error.detail


def test_a_class_of_which_nothing_is_an_image_does_not_vanish() -> None:
    files = dict.fromkeys(images("train/cat", "train/dog", "test/cat", "test/dog"), PNG)
    reading = read(make_tar({**files, "train/cow/1.mp4": b"a", "test/cow/1.mp4": b"a"}))
    assert "without an image: test/cow, train/cow" in refusal([*reading.contents], skipped=reading.skipped).detail


def test_many_names_and_hostile_depths_take_no_time() -> None:
    begun = time.process_time()
    names = [
        f"a/b/c/{split}/class{number % 100}/{number}.png" for number in range(15_000) for split in ("train", "test")
    ]
    assert len(arrange(names, {}).classes) == 100
    deep = [f"{'a/' * 500}{number}.png" for number in range(3_000)]
    assert len(wrappers_of(deep)) == MOST_WRAPPERS + 1
    assert "one class only" in refusal(deep).detail
    alike = [
        f"{''.join(chr(ord(letter) - 32 * (number >> bit & 1)) for bit, letter in enumerate('abcdefghijkl'))}/0.png"
        for number in range(2**12)
    ]
    assert len(arrange(alike, {}).classes) == 2**12
    assert time.process_time() - begun < 6
