"""Whether a network's confidence is how often it is right, and the temperature that brings it nearer to that (Guo and
others 2017, arXiv:1706.04599)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.evaluation.outcomes import SMALLEST, Labels, Outcomes, Probabilities, Values, blocks

BINS = 15
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.05, 20.0  # of a network without mistakes, the best would be 0
LEAST_IMAGES = 20  # fewer tell nothing of a temperature
MOST_VALUES, LEAST_KEPT = 2**23, 1000  # of more probabilities, evenly spread images are taken, at least so many
_PRECISION = 1e-6  # of a temperature, relative
_MOST_STEPS = 60

VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Bin:
    """Images whose confidence is above `low` and at most `high`. Means over them; None where there are none."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """Between the two, 0 where there are no images."""
        return abs(self.accuracy - self.confidence) if self.accuracy is not None and self.confidence is not None else 0


@dataclass(frozen=True, slots=True)
class Reliability:
    """`ece`: expected calibration error, the mean of |accuracy - confidence| over BINS bins of equal width, weighted by
    their images, in [0, 1]. `adaptive_ece`: of BINS bins with equally many images. None where there are no images."""

    ece: float | None
    adaptive_ece: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logits are to be divided by `temperature`. `fitted_on`: the split, and how many `images`
    of it. What is measured stands for images that the temperature was not fitted on: those that are evaluated; where it
    was fitted on these, each half of them is measured with the temperature of the other (`cross_fitted`).
    Losses are mean cross-entropies."""

    temperature: float
    fitted_on: str
    images: int
    cross_fitted: bool
    measured_images: int
    ece_before: float
    ece_after: float
    loss_before: float
    loss_after: float
    reliability: Reliability = field(repr=False)  # with the temperature


def reliability(confidences: Values, right: NDArray[np.bool_]) -> Reliability:
    """Of images with these `confidences`, [N] in [0, 1]; those that are NaN do not count."""
    there = ~np.isnan(confidences)
    confidences, right = confidences[there], right[there]
    edges = np.linspace(0, 1, BINS + 1)
    numbers = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, BINS - 1)
    bins = [_bin(edges[each], edges[each + 1], confidences, right, numbers == each) for each in range(BINS)]
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    equal = [_bin(0, 1, confidences[part], right[part], np.ones(len(part), np.bool_)) for part in parts]
    return Reliability(_error(bins), _error(equal), tuple(bins))


def fit_temperature(labels: Labels, probabilities: Probabilities) -> float:
    """The temperature T, in [LEAST_TEMPERATURE, MOST_TEMPERATURE], for which softmax(logits / T) has the least
    cross-entropy with `labels`; `probabilities` are softmax(logits), of images that the network was not trained on.
    Rows that are not numbers are left out.

    In 1 / T the cross-entropy is convex: Newton's method, kept between bounds. Raises ValueError where no row is left.
    """
    there = np.isfinite(probabilities).all(axis=1)
    labels, probabilities = labels[there], probabilities[there]
    if not len(labels):
        raise ValueError("there is no image to fit a temperature on")
    low, high = 1 / MOST_TEMPERATURE, 1 / LEAST_TEMPERATURE
    if _derivatives(labels, probabilities, high)[0] <= 0:
        return 1 / high
    if _derivatives(labels, probabilities, low)[0] >= 0:
        return 1 / low
    inverse = 1.0
    for _step in range(_MOST_STEPS):
        slope, curvature = _derivatives(labels, probabilities, inverse)
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        following = inverse - slope / curvature if curvature > 0 else low
        if not low < following < high:
            following = float(np.sqrt(low * high))
        if abs(following - inverse) <= _PRECISION * inverse:
            return 1 / following
        inverse = following
    return 1 / inverse


def scaled(labels: Labels, probabilities: Probabilities, temperature: float) -> tuple[Values, Values]:
    """What softmax(logits / temperature) gives to the largest class and to the true one, float64 [N] each."""
    largest, own = np.empty(len(labels)), np.empty(len(labels))
    for rows in blocks(probabilities):
        weights = np.exp(_below_largest(probabilities[rows]) / temperature)
        total = weights.sum(axis=1)
        largest[rows] = 1 / total
        own[rows] = weights[np.arange(len(total)), labels[rows]] / total
    return largest, own


def calibrate(
    evaluated: tuple[Labels, Probabilities], split: str, held_out: tuple[Labels, Probabilities] | None
) -> Calibration | None:
    """Labels and probabilities of the `split` that is evaluated, and of a validation split where there is one. None
    where there are fewer than LEAST_IMAGES."""
    labels, probabilities = _usable(*evaluated)
    fitting = _usable(*held_out) if held_out else None
    if len(labels) < LEAST_IMAGES:
        return None
    if fitting is not None and len(fitting[0]) >= LEAST_IMAGES:
        temperature = fit_temperature(*fitting)
        after = scaled(labels, probabilities, temperature)
        return _measured(temperature, VALIDATION, len(fitting[0]), labels, probabilities, after)
    temperature = fit_temperature(labels, probabilities)
    return _measured(temperature, split, len(labels), labels, probabilities, _cross_fitted(labels, probabilities))


def evenly(count: int, classes: int) -> Labels:
    """Which of `count` images a temperature is fitted on, and measured on: all of them, unless they have more than
    MOST_VALUES probabilities together."""
    most = max(LEAST_KEPT, MOST_VALUES // max(1, classes))
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).round().astype(np.int64)


def _usable(labels: Labels, probabilities: Probabilities) -> tuple[Labels, Probabilities]:
    chosen = evenly(*probabilities.shape)
    if len(chosen) < len(labels):
        labels, probabilities = labels[chosen], probabilities[chosen]
    there = np.isfinite(probabilities).all(axis=1)
    return (labels, probabilities) if there.all() else (labels[there], probabilities[there])


def _cross_fitted(labels: Labels, probabilities: Probabilities) -> tuple[Values, Values]:
    """Every other image is in the same half, as images of a class stand together in many splits."""
    largest, own = np.empty(len(labels)), np.empty(len(labels))
    halves = slice(0, None, 2), slice(1, None, 2)
    for half, other in (halves, halves[::-1]):
        temperature = fit_temperature(labels[other], probabilities[other])
        largest[half], own[half] = scaled(labels[half], probabilities[half], temperature)
    return largest, own


def _measured(
    temperature: float,
    fitted_on: str,
    images: int,
    labels: Labels,
    probabilities: Probabilities,
    after: tuple[Values, Values],
) -> Calibration:
    before = Outcomes.of(labels, probabilities)
    old, new = reliability(before.confidences, before.right), reliability(after[0], before.right)
    assert old.ece is not None
    assert new.ece is not None
    return Calibration(
        temperature=temperature,
        fitted_on=fitted_on,
        images=images,
        cross_fitted=fitted_on != VALIDATION,
        measured_images=len(labels),
        ece_before=old.ece,
        ece_after=new.ece,
        loss_before=cross_entropy(before.label_probabilities),
        loss_after=cross_entropy(after[1]),
        reliability=new,
    )


def cross_entropy(label_probabilities: Values) -> float:
    """The mean of -log, over at least one image."""
    return float(-np.log(np.maximum(label_probabilities, SMALLEST)).mean())


def _derivatives(labels: Labels, probabilities: Probabilities, inverse: float) -> tuple[float, float]:
    """The first and the second derivative of the mean cross-entropy by `inverse`, 1 / temperature."""
    slope = curvature = 0.0
    for rows in blocks(probabilities):
        logits = _below_largest(probabilities[rows])
        weights = np.exp(logits * inverse)
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights * logits).sum(axis=1)
        slope += float((mean - logits[np.arange(len(mean)), labels[rows]]).sum())
        curvature += float(((weights * logits * logits).sum(axis=1) - mean * mean).sum())
    return slope / len(labels), curvature / len(labels)


def _below_largest(probabilities: Probabilities) -> Values:
    """Logits less the largest of their row: what a softmax is made of but for a constant."""
    logits: Values = np.log(np.maximum(probabilities, SMALLEST), dtype=np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits


def _bin(low: float, high: float, confidences: Values, right: NDArray[np.bool_], among: NDArray[np.bool_]) -> Bin:
    images = int(among.sum())
    if not images:
        return Bin(float(low), float(high), 0, None, None)
    return Bin(float(low), float(high), images, float(confidences[among].mean()), float(right[among].mean()))


def _error(bins: Sequence[Bin]) -> float | None:
    images = sum(each.images for each in bins)
    if not images:
        return None
    return sum(each.images * each.gap for each in bins) / images
