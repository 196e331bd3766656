"""Twins: images that are the same, or look the same, as one that a network was trained on. It knows their label without
being able to tell it from the picture, and so an accuracy over them is too high."""

import numpy as np
from numpy.typing import NDArray

from training.image_checks import Features, find_duplicates
from training.images.identity import Digests


def leaked(features: Features, digests: Digests, folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images have a twin in another part, bool [N].

    `folds`, int64 [N]: which part of the training images an image is in, by number; -1 for test images. Those are
    judged by the networks of all parts, so that any twin among training images counts; a training image is judged by
    the network that was not trained on its own part, so that a twin in its own part or in the test split does not.
    """
    found = find_duplicates(features, digests)
    parts = int(folds.max(initial=-1)) + 1
    trained = np.flatnonzero(folds >= 0)
    among = np.zeros((len(folds), parts), np.bool_)  # of each look, whether an image of it is in each part
    among[found.look[trained], folds[trained]] = True
    near = among.copy()
    np.logical_or.at(near, found.pairs.first, among[found.pairs.second])
    np.logical_or.at(near, found.pairs.second, among[found.pairs.first])
    twins = near[found.look]
    twins[trained, folds[trained]] = False
    leaks: NDArray[np.bool_] = twins.max(axis=1, initial=False)
    return leaks
