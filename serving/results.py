"""What a predictor answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.served_model import ServedModel


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """A class and its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one image. `labels`: the most probable first, as many as were asked for. `logits` and `probabilities`, by
    class: float32 [classes]. `activation_map`: a PNG, where it was asked for."""

    labels: tuple[LabelProbability, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    activation_map: bytes | None = None


@dataclass(frozen=True, slots=True)
class ImageRefused:
    """In place of a prediction, why the image cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Predictions:
    """Of one request, in the order of its images."""

    model: ServedModel
    images: Sequence[Prediction | ImageRefused]


def probabilities_of(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Softmax of logits [images, classes] at a temperature."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def most_probable(classes: Sequence[str], probabilities: NDArray[np.float32], top: int) -> tuple[LabelProbability, ...]:
    """The `top` first, of probabilities [classes]. Of equal ones, the class that comes first."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    return tuple(LabelProbability(classes[index], float(probabilities[index])) for index in order)
