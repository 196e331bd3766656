"""Predictions of networks whose temperature is known."""

import numpy as np
from numpy.typing import NDArray

from training.images.predictions import Predictions


def predictions(
    images: int, classes: int, *, temperature: float = 1.0, held_out: int = 0, skill: float = 2.5, seed: int = 0
) -> Predictions:
    """Labels are drawn from the softmax of some logits; the network gives these times `temperature`: divided by that,
    its probabilities are exactly how often it is right."""
    random = np.random.default_rng(seed)
    total = images + held_out
    logits = random.normal(size=(total, classes)) * skill
    labels = (softmax(logits).cumsum(1) > random.random((total, 1))).argmax(1)
    return Predictions(
        classes=tuple(f"class {number}" for number in range(classes)),
        dataset_identity="made",
        splits=np.repeat([0, 1], [held_out, images]).astype(np.uint8),
        labels=labels.astype(np.int32),
        digests=random.integers(0, 256, (total, 32), np.uint8),
        probabilities=softmax(logits * temperature).astype(np.float32),
    )


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis."""
    weights: NDArray[np.float64] = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return weights
