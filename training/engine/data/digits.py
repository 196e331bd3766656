"""The data set that ships with Epochal: 1,797 handwritten digits of 8 x 8 grey pixels (DIGITS-LICENCE.md)."""

from pathlib import Path

import numpy as np
import torch

from training.engine.data.dataset import Dataset, Split

DIGITS = Path(__file__).with_name("digits.npz")
INK_STEPS = 16  # the published pixels count the dark ones of 4 x 4 scanned pixels, 0 to 16


def load_digits() -> Dataset:
    """1,437 images to train on and 360 to test.

    Sorted by class, every fifth image is a test image: each class gives a fifth of itself, and there is no shuffle to
    remember. Every fifth in the published order would not do: its writers wrote 0 to 9 in turn for long stretches, so
    that one class would give a ninth of itself and another a quarter. Both splits show the hands of the same writers.
    """
    with np.load(DIGITS) as arrays:
        published, labels = arrays["images"], arrays["labels"].astype(np.int64)
    images = ((published.astype(np.uint16) * 255 + INK_STEPS // 2) // INK_STEPS).astype(np.uint8)[..., np.newaxis]
    in_test = np.zeros(len(labels), dtype=bool)
    in_test[np.argsort(labels, kind="stable")[::5]] = True
    train, test = (
        Split(torch.from_numpy(images[chosen]), torch.from_numpy(labels[chosen])) for chosen in (~in_test, in_test)
    )
    return Dataset("digits", tuple("0123456789"), train, test, source="shipped")
