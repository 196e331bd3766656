"""What a network takes images for, as a file."""

import numpy as np
import pytest

from training.images.predictions import Predictions, PredictionsInvalid


def predictions(classes: int = 3) -> Predictions:
    drawn = np.random.default_rng(0)
    return Predictions(
        classes=tuple(f"Klasse {place}" for place in range(classes)),
        dataset_identity="5e" * 32,
        splits=np.array([0, 0, 1], np.uint8),
        labels=np.array([0, 2, 1], np.int32),
        digests=drawn.integers(0, 256, (3, 32), np.uint8),
        probabilities=drawn.dirichlet(np.ones(classes), 3).astype(np.float32),
    )


def test_what_is_written_is_read() -> None:
    found, before = Predictions.from_bytes(predictions().to_bytes()), predictions()
    assert (found.classes, found.dataset_identity, len(found)) == (before.classes, before.dataset_identity, 3)
    for name in ("splits", "labels", "digests", "probabilities"):
        assert np.array_equal(getattr(found, name), getattr(before, name))
    assert predictions().to_bytes() == before.to_bytes()


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_what_is_damaged_is_refused(cut: int) -> None:
    with pytest.raises(PredictionsInvalid):
        Predictions.from_bytes(predictions().to_bytes()[:cut])


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    fewer = predictions()
    content = Predictions(
        fewer.classes[:2], fewer.dataset_identity, fewer.splits, fewer.labels, fewer.digests, fewer.probabilities
    ).to_bytes()
    with pytest.raises(PredictionsInvalid, match="probabilities are float32"):
        Predictions.from_bytes(content)
