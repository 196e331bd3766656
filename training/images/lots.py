"""Draws images by lot, so that what is drawn is a function of the images and a seed alone."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray


def lots(words: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A number for each image, of the beginning of its digest, `words` uint64 [N], and the seed: those with the least
    are drawn. The finalizer of splitmix64, so that no release of numpy draws others."""
    salt = np.uint64(int.from_bytes(sha256(str(seed).encode()).digest()[:8], "big"))
    mixed = words ^ salt
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
