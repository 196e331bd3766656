"""The parts for cross-validation: complete, even, and a function of the images alone."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from numpy.typing import NDArray

from training.images.folds import fold_numbers


def digests(*contents: int) -> NDArray[np.uint8]:
    """Of images, by numbers that stand for their content."""
    found = np.zeros((len(contents), 32), np.uint8)
    found[:, :4] = np.array(contents, ">u4")[:, None].view(np.uint8)
    return found


LABELS = some.lists(some.integers(0, 6), min_size=1, max_size=300).map(lambda labels: np.array(labels))


@given(labels=LABELS, folds=some.integers(2, 20), seed=some.integers(0, 2**32 - 1))
def test_each_image_is_in_one_part_and_parts_are_even_in_every_class(
    labels: NDArray[np.int64], folds: int, seed: int
) -> None:
    found = fold_numbers(labels, digests(*range(len(labels))), folds, seed)
    assert found.shape == labels.shape
    assert set(found.tolist()) <= set(range(folds))
    sizes = np.bincount(found, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for label in range(7):
        of_class = np.bincount(found[labels == label], minlength=folds)
        assert of_class.max() - of_class.min() <= 1


@given(
    images=some.lists(some.tuples(some.integers(0, 3), some.integers(0, 40)), min_size=1, max_size=100),
    order=some.randoms(use_true_random=False),
)
def test_copies_stay_together_and_the_order_has_no_effect(images: list[tuple[int, int]], order: Random) -> None:
    def parts(of: list[tuple[int, int]]) -> dict[int, set[int]]:
        labels, contents = zip(*of, strict=True)
        found = fold_numbers(np.array(labels), digests(*contents), 4, 7).tolist()
        by_content: dict[int, set[int]] = {}
        for content, part in zip(contents, found, strict=True):
            by_content.setdefault(content, set()).add(part)
        return by_content

    shuffled = list(images)
    order.shuffle(shuffled)
    first = parts(images)
    assert all(len(part) == 1 for part in first.values())
    assert parts(shuffled) == first


def test_another_seed_deals_otherwise() -> None:
    labels, of = np.arange(1000) % 10, digests(*range(1000))
    one, again, other = (fold_numbers(labels, of, 5, seed) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert np.mean(one == other) == pytest.approx(0.2, abs=0.06)  # as by chance
