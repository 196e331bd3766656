"""A test split that is a function of the images and the seed alone."""

from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from training.archives.splitting import split_off_test
from training.errors import DatasetInvalid

RANDOM = np.random.default_rng(0)


def digests(*contents: object) -> NDArray[np.uint8]:
    return np.array([list(sha256(str(content).encode()).digest()) for content in contents], np.uint8).reshape(-1, 32)


def chosen(labels: NDArray[np.int64], rows: NDArray[np.uint8], in_test: NDArray[np.bool_]) -> set[tuple[int, bytes]]:
    return {(int(label), row.tobytes()) for label, row in zip(labels[in_test], rows[in_test], strict=True)}


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.2, 0.25, 0.5, 0.99])
def test_each_class_gives_its_share_and_keeps_some(fraction: float) -> None:
    sizes = [2, 3, 7, 10, 100]
    labels = np.repeat(np.arange(5), sizes)
    in_test = split_off_test(labels, digests(*range(len(labels))), fraction, 0)
    assert in_test.dtype == np.bool_
    assert [int(in_test[labels == label].sum()) for label in range(5)] == [
        min(max(1, round(size * fraction)), size - 1) for size in sizes
    ]


def test_the_order_of_images_does_not_matter_and_the_seed_does() -> None:
    labels, rows = np.arange(200) % 4, digests(*range(200))
    first = split_off_test(labels, rows, 0.2, 7)
    order = RANDOM.permutation(200)
    assert np.array_equal(split_off_test(labels[order], rows[order], 0.2, 7), first[order])
    assert np.array_equal(split_off_test(list(labels), rows, 0.2, 7), first)
    assert not np.array_equal(split_off_test(labels, rows, 0.2, 8), first)


def test_the_names_of_classes_do_not_matter_and_more_images_keep_most() -> None:
    labels, rows = np.arange(200) % 4, digests(*range(200))
    first = chosen(labels, rows, split_off_test(labels, rows, 0.2, 7))
    assert {(3 - label, row) for label, row in first} == chosen(
        3 - labels, rows, split_off_test(3 - labels, rows, 0.2, 7)
    )
    more, of = digests(*range(220)), np.arange(220) % 4
    assert len(first & chosen(of, more, split_off_test(of, more, 0.2, 7))) > 0.8 * len(first)


def test_it_is_what_the_docstring_says_for_ever() -> None:
    rows = digests(*range(10))
    in_test = split_off_test(np.zeros(10, int), rows, 0.3, 5)
    keys = [sha256((5).to_bytes(8, "big") + row.tobytes()).digest() for row in rows]
    assert set(np.flatnonzero(in_test)) == set(sorted(range(10), key=keys.__getitem__)[:3])
    assert np.flatnonzero(in_test).tolist() == FROZEN


FROZEN = [0, 3, 9]


def test_equal_images_stay_on_one_side() -> None:
    contents = [number // 5 for number in range(100)]
    labels = np.array([content % 2 for content in contents])
    for seed in range(20):
        rows = digests(*contents)
        in_test = split_off_test(labels, rows, 0.2, seed)
        assert not chosen(labels, rows, in_test) & chosen(labels, rows, ~in_test)
        assert [int(in_test[labels == label].sum()) for label in (0, 1)] == [10, 10]


def test_images_of_two_classes_are_trained_on_in_both() -> None:
    contents = [*range(20), *range(15, 35)]
    labels, rows = np.repeat([0, 1], 20), digests(*contents)
    for seed in range(20):
        in_test = split_off_test(labels, rows, 0.5, seed)
        assert not {row for _, row in chosen(labels, rows, in_test)} & {
            row for _, row in chosen(labels, rows, ~in_test)
        }
        assert [int(in_test[labels == label].sum()) for label in (0, 1)] == [10, 10]


def test_where_every_image_is_there_too_often_the_rarest_is_tested_on() -> None:
    rows = digests(*["a"] * 6, *["b"] * 4)
    assert np.flatnonzero(split_off_test([0] * 10, rows, 0.1, 0)).tolist() == [6, 7, 8, 9]


def test_classes_that_cannot_be_split_are_named_together() -> None:
    rows = digests("a", "a", "b", "c", "d", "e", "f", "e", "f")
    with pytest.raises(DatasetInvalid, match="to test on: ant, cow, dog, eel") as caught:
        split_off_test([0, 0, 1, 2, 1, 3, 3, 4, 4], rows, 0.2, 0, ["ant", "bee", "cow", "dog", "eel"])
    assert "two different ones" in caught.value.hint
    with pytest.raises(DatasetInvalid, match="number 0"):
        split_off_test([0], digests("a"), 0.2, 0)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2, float("nan")])
def test_a_fraction_is_one(fraction: float) -> None:
    with pytest.raises(ValueError, match="splits nothing"):
        split_off_test([0, 0], digests(1, 2), fraction, 0)
