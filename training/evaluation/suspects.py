"""Images whose label is probably wrong: the off-diagonal images of the confident joint (Northcutt, Jiang and Chuang
2021, arXiv:1911.00068, equation 1), from what a network makes of images that it was not trained on.

An audit (`worker.audit`) finds more: it judges training images, too, by several networks, and prunes by the estimated
rate of noise. This takes nothing but the predictions at hand, and one pass over them.
"""

import numpy as np

from training.evaluation.outcomes import Labels, Outcomes, Probabilities, blocks

_TOLERANCE = 1e-6  # a class's threshold is a mean, which rounding must not keep an image below


def label_suspects(outcomes: Outcomes, probabilities: Probabilities) -> tuple[Labels, Labels]:
    """The rows of suspects, those first whose label the network believes in least, and the class that each is likely to
    have, int64 [n] each. `outcomes` are those of `probabilities`.

    An image counts as confidently of a class if the network gives to it at least what it gives on average to the class
    of images that have its label; of several, that with the largest probability.
    """
    thresholds = _thresholds(outcomes, probabilities.shape[1])
    likely = np.full(len(outcomes), -1)
    for rows in blocks(probabilities):
        block = probabilities[rows]
        confident = block >= thresholds
        best = np.where(confident, block, -1).argmax(axis=1)
        likely[rows] = np.where(confident.any(axis=1), best, -1)
    found = np.flatnonzero((likely >= 0) & (likely != outcomes.labels) & ~outcomes.right & outcomes.decided)
    order = np.argsort(outcomes.label_probabilities[found], kind="stable")
    return found[order], likely[found[order]]


def _thresholds(outcomes: Outcomes, classes: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of each class, [classes]: what the network gives to it on average for images that have its label; of a class
    without images, more than any probability."""
    decided = outcomes.decided
    labels = outcomes.labels[decided]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, outcomes.label_probabilities[decided], minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1) - _TOLERANCE, 2.0)
