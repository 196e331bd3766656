"""MNIST's files, as they lie on the web: bare or compressed, two or four of them, in any archive and any order."""

import gzip
import itertools
from typing import Any

import numpy as np
import pytest

from tests.training.archives.builders import PETS, idx, make_tar, make_zip, read
from training.archives.members import OtherSplit
from training.archives.reading import Limits
from training.errors import DatasetInvalid

PIXELS = np.arange(6 * 2 * 5, dtype=np.uint8).reshape(6, 2, 5)
LABELS = np.array([7, 3, 7, 3, 7, 3], np.uint8)
MNIST = {
    "train-images-idx3-ubyte": idx(PIXELS),
    "train-labels-idx1-ubyte": idx(LABELS),
    "t10k-images-idx3-ubyte": idx(PIXELS[:2] + np.uint8(100)),
    "t10k-labels-idx1-ubyte": idx(LABELS[:2]),
}
MAKERS = {"zip": make_zip, "tar": make_tar, "tar.gz": lambda files: gzip.compress(make_tar(files))}


def refusal(archive: bytes, limits: Limits | None = None) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        read(archive, limits)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("packed", [False, True])
def test_mnist_s_four_files_in_any_order(maker: str, *, packed: bool) -> None:
    for order in itertools.islice(itertools.permutations(MNIST), 0, None, 5):
        files = {
            f"mnist/{name}{'.gz' * packed}": gzip.compress(MNIST[name]) if packed else MNIST[name] for name in order
        }
        found = read(MAKERS[maker](files))
        by_split = {split: [m for m in found.members if m.split == split] for split in ("train", "test")}
        assert [member.class_name for member in by_split["train"]] == ["7", "3"] * 3
        assert [member.class_name for member in by_split["test"]] == ["7", "3"]
        assert by_split["train"][5].content == b"P5\n5 2\n255\n" + PIXELS[5].tobytes()
        assert by_split["test"][0].content == b"P5\n5 2\n255\n" + (PIXELS[0] + np.uint8(100)).tobytes()
        assert len(found.members) == 8
        assert found.skipped.total == 0


def test_a_second_pair_that_is_called_val_is_the_test_split_and_that_is_told() -> None:
    files = {name.replace("t10k", "val"): content for name, content in MNIST.items()}
    assert read(make_zip(files)).skipped.other_splits == [OtherSplit("val", "test", 2)]


def test_one_pair_has_no_split_whatever_its_names() -> None:
    for names in (("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("a", "b")):
        found = read(make_zip({names[0]: idx(PIXELS), names[1]: idx(LABELS)}))
        assert [(member.split, member.class_name) for member in found.members] == [(None, "7"), (None, "3")] * 3


@pytest.mark.parametrize("shape", [(6, 2, 5, 3), (6, 3, 2, 5), (6, 1, 2, 5)])
def test_files_of_four_dimensions(shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    (first, *_) = read(make_zip({"images": idx(pixels), "labels": idx(LABELS)})).members
    grey = 1 in shape
    expected = pixels[0] if shape[3] == 3 else pixels[0].transpose(1, 2, 0)
    assert first.content == (b"P5" if grey else b"P6") + b"\n5 2\n255\n" + expected.tobytes()


@pytest.mark.parametrize("kind", ["int8", ">i2", ">i4"])
def test_labels_of_other_types_of_numbers(kind: str) -> None:
    found = read(make_zip({"images": idx(PIXELS), "labels": idx(LABELS.astype(kind))}))
    assert [member.class_name for member in found.members] == ["7", "3"] * 3


WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "images alone": ({"images-idx3-ubyte": idx(PIXELS)}, "no pair, or two, of images and labels: images-idx3-ubyte"),
    "labels alone": ({"labels-idx1-ubyte": idx(LABELS)}, "no pair, or two"),
    "three files": ({name: MNIST[name] for name in [*MNIST][:3]}, "no pair, or two"),
    "three pairs": (
        {**MNIST, "more-images": idx(PIXELS), "more-labels": idx(LABELS)},
        "no pair, or two, of images and labels: train-images-idx3-ubyte, t10k-images-idx3-ubyte, more-images",
    ),
    "pairs without a split": (
        {"a-images": idx(PIXELS), "a-labels": idx(LABELS), "b-images": idx(PIXELS), "b-labels": idx(LABELS)},
        "do not say which is to train on: a-images, b-images",
    ),
    "fewer labels": (
        {"images": idx(PIXELS), "labels": idx(LABELS[:5])},
        "images has 6 images, and labels has 5 labels",
    ),
    "cut off": (
        {"images-idx3-ubyte": idx(PIXELS)[:-1], "labels": idx(LABELS)},
        "images-idx3-ubyte is an idx file of another size",
    ),
    "too long": (
        {"images": idx(PIXELS), "labels-idx1-ubyte": idx(LABELS) + b"1"},
        "labels-idx1-ubyte is an idx file of another size",
    ),
    "a labels' file that is too long within": (
        {"images": idx(PIXELS), "labels.gz": gzip.compress(idx(LABELS) + b"1")},
        "labels.gz is an idx file of another size",
    ),
    "two for training": (
        {
            "train1-images": idx(PIXELS),
            "train1-labels": idx(LABELS),
            "train-images": idx(PIXELS),
            "train-labels": idx(LABELS),
        },
        "do not say which is to train on",
    ),
    "a damaged gzip at its beginning": (
        {"images.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 99},
        "is a gzip file itself",
    ),
    "cut off within": ({"images.gz": gzip.compress(idx(PIXELS)[:-1]), "labels": idx(LABELS)}, "images.gz is cut off"),
    "too long within": (
        {"images.gz": gzip.compress(idx(PIXELS) + b"1"), "labels": idx(LABELS)},
        "images.gz is an idx file of another size",
    ),
    "a damaged gzip": ({"images.gz": gzip.compress(idx(PIXELS))[:-9], "labels": idx(LABELS)}, "images.gz is cut off"),
    "a header alone": (
        {"images-idx3-ubyte": idx(PIXELS)[:9], "labels": idx(LABELS)},
        "images-idx3-ubyte is an idx file of another size",
    ),
    "floats": ({"images": idx(PIXELS.astype(">f4")), "labels": idx(LABELS)}, "images has floating-point numbers"),
    "labels of two dimensions": (
        {"images": idx(PIXELS), "labels": idx(LABELS.astype(">i4").reshape(3, 2))},
        "The shape of labels is [3, 2]",
    ),
    "images, too": ({**MNIST, **PETS}, "both images and idx files"),
    "one class": ({"images": idx(PIXELS), "labels": idx(LABELS * 0)}, "one class only, 0"),
    "a class in train alone": (
        {**MNIST, "t10k-labels-idx1-ubyte": idx(LABELS[:1].repeat(2))},
        "classes in train but not in test: 3",
    ),
}


@pytest.mark.parametrize(("files", "told"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_wrong_with_idx_files_is_told_by_name(maker: str, files: dict[str, bytes], told: str) -> None:
    assert told in refusal(MAKERS[maker](files)).detail


def test_a_single_file_is_told_to_come_in_a_pair() -> None:
    for content in (idx(PIXELS), gzip.compress(idx(LABELS))):
        error = refusal(content)
        assert "one idx file" in error.detail
        assert "images and labels, in one archive" in error.hint


def test_what_only_begins_like_an_idx_file_is_none() -> None:
    found = read(make_zip({**PETS, "cat/1.bin": b"\0\0\x08\x03" + bytes(100)}))
    assert found.skipped.examples == {"no image of a kind that is known here": ["cat/1.bin"]}


def test_what_comes_out_of_a_compressed_file_is_bounded() -> None:
    zeros: Any = np.zeros((100, 100, 100), np.uint8)
    files = {"images.gz": gzip.compress(idx(zeros)), "labels": idx(np.arange(100, dtype=np.uint8) % 2)}
    assert len(read(make_zip(files)).members) == 100
    assert "unpacks to more than 100 times" in refusal(make_zip(files), Limits(unpacked_freely=1000)).detail
    labels = {
        "images": idx(PIXELS),
        "labels.gz": gzip.compress(b"\0\0\x08\1" + (2**31).to_bytes(4, "big") + bytes(2**20)),
    }
    assert "labels.gz has more than 64 MiB of labels" in refusal(make_zip(labels)).detail
