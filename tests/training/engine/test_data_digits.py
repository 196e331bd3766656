from pathlib import Path

import pytest
import torch

from training.engine.data import Dataset, load_dataset
from training.engine.data.digits import load_digits
from training.known.datasets import KNOWN_DATASETS


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_digits()


def test_digits_are_what_the_list_of_known_datasets_says(digits: Dataset) -> None:
    known = KNOWN_DATASETS["digits"]
    assert (digits.name, digits.source) == (known.name, known.source)
    assert (digits.image_size, digits.channels) == (known.image_size, known.channels)
    assert len(digits.classes) == known.classes
    assert digits.train.images.shape == (known.train_images, 8, 8, 1)
    assert digits.test.images.shape == (known.test_images, 8, 8, 1)


def test_published_values_0_to_16_become_0_to_255(digits: Dataset) -> None:
    values = torch.unique(digits.train.images)
    assert values.tolist() == [round(step * 255 / 16 + 1e-9) for step in range(17)]


def test_the_first_two_published_images_are_a_zero_in_test_and_a_one_in_train(digits: Dataset) -> None:
    zero = digits.test.images[0, :, :, 0]
    assert (digits.test.labels[0].item(), digits.train.labels[0].item()) == (0, 1)
    ink = (zero.float() * 16 / 255).round().int()
    assert ink[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]  # as scikit-learn documents its first image


def test_every_class_gives_a_fifth_of_itself_to_the_test_split(digits: Dataset) -> None:
    test = digits.test.labels.bincount(minlength=10)
    whole = test + digits.train.labels.bincount(minlength=10)
    assert (test - whole / 5).abs().max() < 1


def test_no_image_is_in_both_splits_or_lost(digits: Dataset) -> None:
    train = {image.numpy().tobytes() for image in digits.train.images}
    test = {image.numpy().tobytes() for image in digits.test.images}
    assert not train & test
    assert len(train) + len(test) == 1797  # no two published images are alike


def test_digits_are_resized_on_request(tmp_path: Path) -> None:
    resized = load_dataset("digits", image_size=16, datasets_dir=tmp_path, downloads_dir=tmp_path)
    assert resized.train.images.shape == (1437, 16, 16, 1)
    assert resized.test.images.shape == (360, 16, 16, 1)
    ink, ink_before = (split.images.float().mean().item() for split in (resized.train, load_digits().train))
    assert ink == pytest.approx(ink_before, rel=0.05)
