"""How alike two images are that have nearly the same hash: compared by the few pixels that are kept of each."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.image_checks.hashing import CHROMA_SIDE, SIGNATURE_SIDE, WINDOWS, resampling

PIXELS = SIGNATURE_SIDE * SIGNATURE_SIDE
CHROMA_VALUES = CHROMA_SIDE * CHROMA_SIDE * 2
AT_ONCE = 512  # pairs that are compared at once: 29 MB
GREY = 2.0  # levels of chroma: an image with less, on average, is a grey one
LEAST_CHROMA = 6.0  # levels: differences are taken relative to at least so much


def _high_pass() -> NDArray[np.float32]:
    """The matrix that takes from each pixel of a signature the mean of the 3 by 3 around it. What is left tells images
    apart; light and dark regions alone are alike in all skies, and in all pictures of things on a white ground."""
    side = SIGNATURE_SIDE
    row = np.zeros((side, side))
    for shift in (-1, 0, 1):
        row[np.arange(side), np.clip(np.arange(side) + shift, 0, side - 1)] += 1 / 3
    return (np.eye(side * side) - np.kron(row, row)).astype(np.float32)


def _by_window() -> NDArray[np.float32]:
    """The matrix [pixels, WINDOWS * pixels] that crops signatures to each window, and takes the high pass."""
    side, high_pass = SIGNATURE_SIDE, _high_pass()
    crops = [
        np.kron(resampling(upper, share, side, side), resampling(left, share, side, side))
        for left, upper, share in WINDOWS
    ]
    return np.concatenate([(high_pass @ crop).T for crop in crops], axis=1).astype(np.float32)


_BY_WINDOW = _by_window()


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of pairs of luma signatures, uint8 [pairs, 16, 16] each: the largest correlation of their high passes that any
    of the windows of one gives with the whole other, float32 [pairs], from -1 to 1. Contrast and brightness do not
    count."""
    found = np.empty(len(one), np.float32)
    for begin, end in pairwise([*range(0, len(one), AT_ONCE), len(one)]):
        pixels = [part[begin:end].reshape(end - begin, -1).astype(np.float32) for part in (one, other)]
        cropped = [_unit((part @ _BY_WINDOW).reshape(end - begin, len(WINDOWS), -1)) for part in pixels]
        whole = [part[:, :1] for part in cropped]
        found[begin:end] = np.maximum(
            (cropped[0] * whole[1]).sum(axis=2).max(axis=1), (cropped[1] * whole[0]).sum(axis=2).max(axis=1)
        )
    return found


def likeness_of_all(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of every pair among few images, each pair once, and without windows."""
    whole = _unit(_high_passed(luma))
    return np.asarray((whole @ whole.T)[np.triu_indices(len(luma), 1)])


def pixels_that_count(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """By how many of its 256 pixels an image can be told from others: how many would share the energy of the high pass
    if all had equal parts (its participation ratio), float32 [images]. A photograph has about 60, a plain ground with a
    thing in one corner 10."""
    return np.asarray(1 / np.maximum((_unit(_high_passed(luma)) ** 4).sum(axis=1), 1e-6))


def levels_apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of pairs of luma signatures: how far their pixels are apart on average, in levels, float32 [pairs]."""
    return np.asarray(np.abs(one.astype(np.int16) - other).mean(axis=(1, 2), dtype=np.float32))


def colour_difference(one: NDArray[np.int8], other: NDArray[np.int8]) -> NDArray[np.float32]:
    """Of pairs of chroma signatures, int8 [pairs, 4, 4, 2] each: how far they are apart, relative to the stronger
    of both: float32 [pairs], from 0 to 2. It is 0 where one of them is grey: a grey copy is a copy."""
    first, second = (part.reshape(len(part), CHROMA_VALUES).astype(np.float32) for part in (one, other))
    strong = [np.sqrt((part * part).mean(axis=1)) for part in (first, second)]
    apart = np.sqrt(((first - second) ** 2).mean(axis=1)) / np.maximum(np.maximum(*strong), LEAST_CHROMA)
    grey = np.minimum(*strong) < GREY
    return np.where(grey, 0, apart).astype(np.float32)


def _high_passed(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(luma.reshape(len(luma), PIXELS).astype(np.float32) @ _BY_WINDOW[:, :PIXELS])


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of length 1, and without their mean."""
    centred = vectors - vectors.mean(axis=-1, keepdims=True)
    lengths = np.sqrt((centred * centred).sum(axis=-1, keepdims=True))
    return np.asarray(centred / np.maximum(lengths, 1e-3))
