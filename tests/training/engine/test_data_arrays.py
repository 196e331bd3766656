"""Data sets of arrays, as a notebook makes them."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.engine.data import Dataset


def arrays(**changes: Any) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    return {
        "name": "own",
        "train_images": draw.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
        "train_labels": np.array([0, 1, 2, 0, 1, 2]),
        "test_images": draw.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8),
        "test_labels": np.array([2, 1, 0]),
        "classes": ["a", "b", "c"],
        **changes,
    }


def test_arrays_make_a_data_set() -> None:
    given = arrays()
    dataset = Dataset.of_arrays(**given)
    assert (dataset.name, dataset.source, dataset.classes, dataset.dropped) == ("own", "arrays", ("a", "b", "c"), 0)
    assert (dataset.image_size, dataset.channels) == (8, 3)
    assert np.array_equal(dataset.train.images, given["train_images"])
    assert dataset.test.labels.tolist() == [2, 1, 0]


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_labels_may_be_integers_of_any_size(kind: Any) -> None:
    dataset = Dataset.of_arrays(**arrays(test_labels=np.array([2, 1, 0], kind)))
    assert dataset.test.labels.dtype == torch.int64
    assert dataset.test.labels.tolist() == [2, 1, 0]


def test_images_may_lie_in_any_order_in_memory() -> None:
    planes = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), dtype=np.uint8)
    dataset = Dataset.of_arrays(**arrays(train_images=planes.transpose(0, 2, 3, 1)))
    assert dataset.train.images.is_contiguous()
    assert np.array_equal(dataset.train.images[:, :, :, 1], planes[:, 1])


def zeros(*shape: int, kind: Any = np.uint8) -> NDArray[Any]:
    return np.zeros(shape, kind)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train_images": zeros(6, 8, 8, 3, kind=np.float32)}, "uint8"),
        ({"train_images": zeros(6, 8, 8)}, "square"),
        ({"train_images": zeros(6, 8, 9, 3)}, "square"),
        ({"train_images": zeros(6, 3, 8, 8)}, "square"),
        ({"train_images": zeros(6, 8, 8, 4)}, "1 channel or 3"),
        ({"test_images": zeros(0, 8, 8, 3), "test_labels": zeros(0, kind=np.int64)}, "there must be some"),
        ({"test_images": zeros(3, 8, 8, 1)}, "to train on, of"),
        ({"test_images": zeros(3, 9, 9, 3)}, "to train on, of"),
        ({"train_labels": np.array([0, 1])}, "one integer label an image"),
        ({"train_labels": np.zeros(6)}, "one integer label an image"),
        ({"train_labels": np.zeros((6, 1), np.int64)}, "one integer label an image"),
        ({"train_labels": np.array([0, 1, 2, 3, 0, 1])}, "positions in the 3 classes: 0 to 2"),
        ({"test_labels": np.array([0, -1, 2])}, "positions in the 3 classes: 0 to 2"),
        ({"classes": ["a", "b"]}, "positions in the 2 classes: 0 to 1"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Dataset.of_arrays(**arrays(**changes))
