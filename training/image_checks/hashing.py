"""Perceptual hashes of 64 bits, and small signatures, by which images that look alike are found.

The hash is of the family of pHash (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010):
the signs of an image's lowest frequencies. Luma is brought to 32 by 32 pixels; of its discrete cosine transform, the 64
coefficients of the lowest frequencies but the mean are kept. In photographs their median is near 0, so that signs take
the place of comparisons with the median, and the hash of the mirror image follows from the hash: mirroring turns the
sign of each odd horizontal frequency.

A crop of 5 % moves the hash by 7 bits, one of 10 % by 14, and 60,000 images have pairs by chance from 10 bits on. So
each image is hashed as cropped, too: one of its WINDOWS is near to what was cropped by up to 10 %.
"""

import numpy as np
from numpy.typing import NDArray

THUMBNAIL_SIDE = 32
SIGNATURE_SIDE = 16
CHROMA_SIDE = 4
BITS = 64

Window = tuple[float, float, float]  # left and upper edge, and side, as shares of the image's width and height


def _windows() -> tuple[Window, ...]:
    """The whole image, and crops by 4 % in the corners and by 8 % in a grid of nine."""
    return (
        (0.0, 0.0, 1.0),
        *((left, upper, 0.96) for left in (0, 0.04) for upper in (0, 0.04)),
        *((left, upper, 0.92) for left in (0, 0.04, 0.08) for upper in (0, 0.04, 0.08)),
    )


WINDOWS = _windows()


def resampling(begin: float, share: float, side: int, wanted: int) -> NDArray[np.float32]:
    """The matrix [wanted, side] that resamples `share` of a row of `side` pixels, from `begin` on, to `wanted` ones,
    linearly."""
    places = (begin + (np.arange(wanted) + 0.5) / wanted * share) * side - 0.5
    reach = max(1.0, share * side / wanted)
    weights = np.maximum(0, 1 - np.abs(np.arange(side) - places[:, None]) / reach)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _cosines() -> NDArray[np.float32]:
    """Of the discrete cosine transform (II), float32 [frequency, place], orthonormal."""
    frequencies, places = np.mgrid[:THUMBNAIL_SIDE, :THUMBNAIL_SIDE]
    table = np.cos(np.pi * frequencies * (places + 0.5) / THUMBNAIL_SIDE) * np.sqrt(2 / THUMBNAIL_SIDE)
    table[0] /= np.sqrt(2)
    return np.asarray(table, np.float32)


def _lowest() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The vertical and horizontal frequencies of BITS coefficients, lowest first, without the mean."""
    vertical, horizontal = (axis.ravel() for axis in np.mgrid[:THUMBNAIL_SIDE, :THUMBNAIL_SIDE])
    order = np.lexsort((horizontal, np.maximum(vertical, horizontal), vertical + horizontal))[1 : BITS + 1]
    return vertical[order], horizontal[order]


_VERTICAL, _HORIZONTAL = _lowest()
_LOW = _cosines()[: max(_VERTICAL.max(), _HORIZONTAL.max()) + 1]
# Low frequencies are more alike among images than high ones, so each byte has some of both: pairs are found by bytes.
_WEIGHTS = np.uint64(1) << np.arange(BITS, dtype=np.uint64).reshape(8, 8).T.ravel()
_MIRRORED = np.bitwise_or.reduce(_WEIGHTS[_HORIZONTAL % 2 == 1])  # bits whose sign mirroring turns
# Resampling and transform at once, of rows and of columns.
_BY_WINDOW = [
    tuple(_LOW @ resampling(begin, share, THUMBNAIL_SIDE, THUMBNAIL_SIDE) for begin in (upper, left))
    for left, upper, share in WINDOWS
]


def hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Of luma uint8 [images, 32, 32]: uint64 [images, WINDOWS], the whole image first."""
    pixels = thumbnails.astype(np.float32)
    found = np.empty((len(thumbnails), len(WINDOWS)), np.uint64)
    for place, (rows, columns) in enumerate(_BY_WINDOW):
        signs = (rows @ pixels @ columns.T)[:, _VERTICAL, _HORIZONTAL] > 0
        found[:, place] = (signs * _WEIGHTS).sum(axis=1, dtype=np.uint64)
    return found


def mirrored(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hashes of the images mirrored left to right."""
    return np.asarray(hashed ^ _MIRRORED)


def luma(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of red, green and blue, uint8 [images, 32, 32, 3]: uint8 [images, 32, 32], as JPEG weighs them."""
    grey = thumbnails @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.rint(grey), np.uint8)


def luma_signatures(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of luma uint8 [images, 32, 32]: each 2 by 2 pixels' mean, uint8 [images, 16, 16]."""
    parts = thumbnails.reshape(-1, SIGNATURE_SIDE, 2, SIGNATURE_SIDE, 2)
    return np.asarray((parts.sum(axis=(2, 4), dtype=np.uint16) + 2) // 4, np.uint8)


def chroma_signatures(thumbnails: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Of red, green and blue, uint8 [images, 32, 32, 3]: how far blue and red are from luma (Cb and Cr of JPEG) in
    each 8 by 8 pixels, int8 [images, 4, 4, 2]."""
    part = THUMBNAIL_SIDE // CHROMA_SIDE
    means = thumbnails.reshape(-1, CHROMA_SIDE, part, CHROMA_SIDE, part, 3).mean(axis=(2, 4), dtype=np.float32)
    chroma = means @ np.array([[-0.168736, 0.5], [-0.331264, -0.418688], [0.5, -0.081312]], np.float32)
    return np.asarray(np.clip(np.rint(chroma), -128, 127), np.int8)
