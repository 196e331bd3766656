"""Images and labels as arrays in an .npz: what is read, what is refused, and that nothing is ever unpickled."""

import io
import pickle
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.archives.builders import make_zip, npy_header, npz, read
from training.archives.limits import MIB
from training.archives.members import OtherSplit
from training.archives.reading import Limits, Member, Skipped, read_members
from training.errors import DatasetInvalid

GREY = np.arange(6 * 2 * 5, dtype=np.uint8).reshape(6, 2, 5)
RGB = np.arange(6 * 2 * 5 * 3, dtype=np.uint8).reshape(6, 2, 5, 3)
LABELS = np.array([0, 1, 2, 0, 1, 2])
NAMES = ["ant", "bee", "cow"]


def refusal(archive: bytes, limits: Limits | None = None) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        read(archive, limits)
    assert caught.value.hint
    return caught.value


def classes(members: list[Member]) -> list[str | None]:
    return [member.class_name for member in members]


def pixels(member: Member) -> np.ndarray[Any, Any]:
    """Of a PNM image, read as its format says."""
    mark, size, most, content = member.content.split(b"\n", 3)
    width, height = map(int, size.split())
    assert most == b"255"
    return np.frombuffer(content, np.uint8).reshape((height, width) if mark == b"P5" else (height, width, 3))


def test_a_pillow_reads_the_images_that_become_of_arrays() -> None:
    for images in (GREY, RGB):
        for member, image in zip(read(npz(images=images, labels=LABELS)).members, images, strict=True):
            with Image.open(io.BytesIO(member.content)) as opened:
                assert np.array_equal(np.asarray(opened), image)


@pytest.mark.parametrize("compressed", [False, True])
def test_splits_and_names_of_classes(*, compressed: bool) -> None:
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(buffer, train_images=GREY, train_labels=LABELS, test_images=GREY[:3], test_labels=LABELS[:3], classes=NAMES)
    found = read(buffer.getvalue())
    assert [member.split for member in found.members] == ["test"] * 3 + ["train"] * 6
    assert classes(found.members) == NAMES * 3
    assert [member.name for member in found.members[:2]] == ["test_images[0]", "test_images[1]"]
    assert all(np.array_equal(pixels(member), image) for member, image in zip(found.members[3:], GREY, strict=True))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (GREY[:, None], GREY),
        (RGB, RGB),
        (RGB.transpose(0, 3, 1, 2).copy(), RGB),
        (GREY % 2 == 0, np.where(GREY % 2 == 0, 255, 0)),
        (GREY.astype(np.int64), GREY),
        (GREY.astype(">u2"), GREY),
    ],
)
def test_every_form_of_images(images: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    found = read(npz(images=images, labels=LABELS))
    assert all(np.array_equal(pixels(member), image) for member, image in zip(found.members, expected, strict=True))
    assert len(found.members) == 6


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (LABELS[:, None], ["0", "1", "2"] * 2),
        (LABELS.astype(np.uint8), ["0", "1", "2"] * 2),
        (LABELS == 0, ["1", "0", "0"] * 2),
        (LABELS * 50 + 5, ["005", "055", "105"] * 2),
        (np.array(NAMES * 2), NAMES * 2),
        (np.array(NAMES * 2).astype("S"), NAMES * 2),
        (np.array(["é", "e\u0301", "z"] * 2), None),
    ],
)
def test_every_form_of_labels(labels: np.ndarray[Any, Any], expected: list[str] | None) -> None:
    archive = npz(images=GREY, labels=labels)
    if expected is None:
        assert "nobody could tell apart" in refusal(archive).detail
    else:
        assert classes(read(archive).members) == expected


def test_other_common_names_of_arrays() -> None:
    keras = npz(x_train=GREY, y_train=LABELS, x_test=GREY, y_test=LABELS)
    assert [member.split for member in read(keras).members] == ["test"] * 6 + ["train"] * 6
    splits = {
        f"{split}_{what}": array
        for split in ("train", "val", "test")
        for what, array in (("images", GREY), ("labels", LABELS))
    }
    found = read(npz(**splits))
    assert sorted({(member.name.partition("[")[0], member.split) for member in found.members}) == [
        ("test_images", "test"),
        ("train_images", "train"),
        ("val_images", "train"),
    ]
    assert found.skipped.other_splits == [OtherSplit("val", "train", 6)]
    found = read(npz(images=GREY, labels=LABELS, ids=LABELS))
    assert found.skipped.examples == {"arrays of other names": ["ids.npy"]}
    assert {member.split for member in found.members} == {None}


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "floats": ({"images": GREY / 255, "labels": LABELS}, "images has floating-point numbers (float64)", "* 255"),
    "16 bits": ({"images": GREY.astype(np.uint16) * 200, "labels": LABELS}, "as pixels: they are 0 to 255", "Scale it"),
    "negative": ({"images": GREY.astype(np.int16) - 9, "labels": LABELS}, "values from -9 to", "Scale it"),
    "complex": ({"images": GREY.astype(complex), "labels": LABELS}, "numbers of type complex128", "uint8"),
    "flat": ({"images": GREY.reshape(6, 10), "labels": LABELS}, "The shape of images is [6, 10]", "reshape"),
    "alpha": ({"images": np.zeros((6, 8, 8, 4), np.uint8), "labels": LABELS}, "is [6, 8, 8, 4]", "transparency"),
    "two channels": (
        {"images": np.zeros((6, 8, 8, 2), np.uint8), "labels": LABELS},
        "no array of images has",
        "[N, height",
    ),
    "either way": ({"images": np.zeros((6, 3, 8, 3), np.uint8), "labels": LABELS}, "channels first or last", "grey"),
    "none": ({"images": GREY[:0], "labels": LABELS[:0]}, "images is empty", "Send images"),
    "fewer labels": (
        {"images": GREY, "labels": LABELS[:5]},
        "images has 6 images, and labels has 5 labels",
        "one label",
    ),
    "one-hot": ({"images": GREY, "labels": np.eye(6)[LABELS].astype(int)}, "The shape of labels is [6, 6]", "argmax"),
    "float labels": ({"images": GREY, "labels": LABELS / 2}, "labels of type float64", "whole numbers"),
    "negative labels": ({"images": GREY, "labels": LABELS - 1}, "has labels from -1 to 1", "without a label"),
    "labels beyond classes": (
        {"images": GREY, "labels": LABELS, "classes": NAMES[:2]},
        "has the label 2, and classes has 2",
        "Name every",
    ),
    "classes twice": (
        {"images": GREY, "labels": LABELS, "classes": ["a", "b", "a "]},
        "a name more than once: a",
        "once",
    ),
    "classes of numbers": ({"images": GREY, "labels": LABELS, "classes": LABELS}, "classes is int64", "text"),
    "text and numbers": (
        {"train_images": GREY, "train_labels": LABELS, "test_images": GREY, "test_labels": np.array(NAMES * 2)},
        "several kinds: test_labels has text, train_labels has numbers",
        "same way",
    ),
    "text and bytes": (
        {
            "train_images": GREY,
            "train_labels": np.array(NAMES * 2),
            "test_images": GREY,
            "test_labels": np.array([b"\xff"] * 6),
        },
        "several kinds: test_labels has bytes, train_labels has text",
        "same way",
    ),
    "a character that does not exist": (
        {"images": GREY, "labels": np.array([0x41, 0x7FFFFFFF] * 6, "<u4").view("<U2")},
        "labels has text with characters that do not exist",
        "text",
    ),
    "a surrogate": (
        {"images": GREY, "labels": np.array([0x41, 0xD800] * 6, ">u4").view(">U2")},
        "labels has text with characters that do not exist",
        "text",
    ),
    "classes of characters that do not exist": (
        {"images": GREY, "labels": LABELS, "classes": np.array([0x41, 0x42, 0x110000], "<u4").view("<U1")},
        "classes has text with characters that do not exist",
        "text",
    ),
    "bytes that are no text": (
        {"images": GREY, "labels": np.array([b"\xff", b"a"] * 3)},
        "text that is not UTF-8",
        "text",
    ),
    "too many classes": (
        {"images": np.zeros((25_001, 1, 1), np.uint8), "labels": np.arange(25_001)},
        "labels has 25,001 classes, and a data set may have 25,000",
        "Leave out",
    ),
    "too many classes of text": (
        {"images": np.zeros((25_001, 1, 1), np.uint8), "labels": np.arange(25_001).astype("U5")},
        "labels has 25,001 classes, and a data set may have 25,000",
        "Leave out",
    ),
    "too many names": (
        {"images": GREY, "labels": LABELS, "classes": np.arange(25_001).astype("U5")},
        "classes has 25,001 classes, and a data set may have 25,000",
        "Leave out",
    ),
    "one class": ({"images": GREY, "labels": LABELS * 0}, "one class only, 0", "numpy.savez"),
    "a class in one split": (
        {"train_images": GREY, "train_labels": LABELS, "test_images": GREY[:2], "test_labels": LABELS[:2]},
        "classes in train but not in test: 2",
        "numpy.savez",
    ),
    "no labels": ({"images": GREY, "classes": NAMES}, "images without labels", "numpy.savez"),
    "others": (
        {"a": GREY, "b": LABELS},
        "no arrays of images and labels. It has arrays of other names (2, such as a.npy)",
        "savez",
    ),
    "no train": (
        {"test_images": GREY, "test_labels": LABELS, "val_images": GREY, "val_labels": LABELS},
        "and no train",
        "train",
    ),
    "both": (
        {"images": GREY, "labels": LABELS, "test_images": GREY, "test_labels": LABELS},
        "both images and images of a split",
        "savez",
    ),
    "twice": ({"images": GREY, "x": GREY, "labels": LABELS}, "are both the images", "savez"),
    "by columns": (
        {"images": np.asfortranarray(GREY), "labels": LABELS},
        "images is stored column by column",
        "ascontiguousarray",
    ),
    "records": ({"images": np.zeros(6, [("a", "u1")]), "labels": LABELS}, "Python objects or of records", "uint8"),
}


@pytest.mark.parametrize(("arrays", "told", "hint"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_arrays_is_told_by_name(arrays: dict[str, Any], told: str, hint: str) -> None:
    error = refusal(npz(**arrays))
    assert told in error.detail
    assert hint in error.hint


class Evil:
    """Whoever unpickles it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("name", ["images", "labels", "classes"])
def test_nothing_is_unpickled(tmp_path: Path, name: str) -> None:
    made = tmp_path / "made"
    arrays: dict[str, Any] = {"images": GREY, "labels": LABELS, name: np.array([Evil(made)] * 6, object)}
    archive = npz(**arrays)
    with np.load(io.BytesIO(archive), allow_pickle=True) as loaded:
        loaded[name]
    assert made.exists(), "it would do it"
    made.unlink()
    error = refusal(archive)
    assert f"{name} is an array of Python objects or of records, which are never unpickled" in error.detail
    bare = {**{f"{key}.npy": b"" for key in ("images", "labels")}, f"{name}.npy": pickle.dumps(Evil(made))}
    assert "a header that no array of numpy has" in refusal(make_zip(bare)).detail
    assert not made.exists()


SHAPE = "(6, 2, 5)"


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (npy_header("", 2**32 - 1), "a header that no array of numpy has"),
        (npy_header("(" * 9000), "a header that no array of numpy has"),
        (
            npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}"),
            "a header that no array",
        ),
        (
            npy_header(f"{{'descr': '|u1', 'fortran_order': __import__('os'), 'shape': {SHAPE}}}"),
            "a header that no array",
        ),
        (
            npy_header(f"{{'descr': '|x1', 'fortran_order': False, 'shape': {SHAPE}}}") + bytes(60),
            "of a type that is not known",
        ),
        (npy_header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {SHAPE}}}") + bytes(59), "and has"),
        (npy_header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {SHAPE}}}") + bytes(61), "and has"),
        (npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (999999999999999, 2, 2)}"), "which would be"),
        (npy_header("{'descr': '|V0', 'fortran_order': False, 'shape': (9, 2, 2)}"), "which would be"),
        (
            npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (" + "1, " * 99 + ")}") + b"0",
            "says that it is uint8 of shape [1, 1",
        ),
        (b"", "a header that no array of numpy has"),
    ],
)
def test_headers_that_numpy_does_not_write(member: bytes, told: str) -> None:
    labels = io.BytesIO()
    np.save(labels, LABELS)
    archive = make_zip({"images.npy": member, "labels.npy": labels.getvalue()})
    with warnings.catch_warnings(action="error"):
        detail = refusal(archive).detail
    assert detail.startswith("images ")
    assert told in detail


def test_the_same_array_twice() -> None:
    arrays = zipfile.ZipFile(io.BytesIO(npz(images=GREY, labels=LABELS)))
    files = {name: arrays.read(name) for name in arrays.namelist()}
    assert "two arrays called images" in refusal(make_zip({**files, "Images.npy": files["images.npy"]})).detail


def test_images_are_counted_and_bounded_as_files_are() -> None:
    archive = npz(images=GREY, labels=LABELS)
    assert len(read(archive, Limits(members=8)).members) == 6, "with the two arrays"
    assert "more than 7 members" in refusal(archive, Limits(members=7)).detail
    assert "Each image of images has 10 bytes" in refusal(archive, Limits(member_bytes=9)).detail
    assert "labels has 48 bytes, and labels may have 40 bytes" in refusal(archive, Limits(labels_bytes=40)).detail


def test_a_large_array_is_read_a_block_at_a_time() -> None:
    archive = npz(images=np.zeros((48, 1024, 1024), np.uint8), labels=np.arange(48) % 2)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_members(io.BytesIO(archive), len(archive), Limits(), Skipped(), {}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 48
    assert peak < 8 * MIB
