"""How sharp an image is, whatever it shows and however large it is.

In photographs, detail of each size has about the same contrast (Field, Relations between the statistics of natural
images and the response properties of cortical cells, 1987). Blur takes the finest detail first. So the second
differences of neighbouring pixels are compared with those of an image of half the size, as wavelets do it (Tong et al.,
Blur Detection for Digital Images Using Wavelet Transform, 2004).

Measured by benchmarks/data_checks.py: a sharp photograph has 0.4 to 1.2, a blurred one 0.1 to 0.35.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Cells of an image are judged one by one, and the sharpest counts: behind what a photograph shows, blur is wanted.
MOST_CELLS = 4  # a side
LEAST_SIDE = 16  # pixels
SMALLEST_CELL = 32  # pixels a side: in smaller ones, chance decides
LEAST_SHARE = 0.5  # of the strongest cell's contrast: in cells with less, noise would pass for fine detail
NOISE = 2.0  # levels: what rounding and compression alone make of second differences


def sharpness(views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Of luma, uint8 [height, width] each: float32 [images]; 0 where there is no edge, NaN where there is no room."""
    found = np.full(len(views), np.nan, np.float32)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, view in enumerate(views):
        by_shape.setdefault(view.shape, []).append(place)
    for shape, places in by_shape.items():
        if min(shape) < LEAST_SIDE:
            continue
        at_once = max(1, 2**18 // (shape[0] * shape[1]))  # of what stays in a processor's cache
        for begin in range(0, len(places), at_once):
            some = places[begin : begin + at_once]
            found[some] = _of_one_shape(np.stack([views[place] for place in some]))
    return found


def _of_one_shape(views: NDArray[np.uint8]) -> NDArray[np.float32]:
    full = views.astype(np.int16)
    height, width = full.shape[1] // 2 * 2, full.shape[2] // 2 * 2
    rows = full[:, :height:2] + full[:, 1:height:2]
    half = rows[:, :, :width:2] + rows[:, :, 1:width:2]  # four times what it shows
    cells = min(max(1, min(full.shape[1:]) // SMALLEST_CELL), MOST_CELLS)
    fine = _means(_second_differences(full), cells)
    coarse = _means(_second_differences(half), cells) / 4
    strong = coarse >= LEAST_SHARE * coarse.max(axis=1, keepdims=True)
    ratios: NDArray[np.float32] = np.where(strong, fine / (coarse + NOISE), 0).max(axis=1)
    return ratios


def _second_differences(pixels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Absolute ones along rows and columns, summed: int16 [images, height - 2, width - 2]."""
    twice = 2 * pixels[:, 1:-1, 1:-1]
    along = np.abs(twice - pixels[:, 1:-1, :-2] - pixels[:, 1:-1, 2:])
    across = np.abs(twice - pixels[:, :-2, 1:-1] - pixels[:, 2:, 1:-1])
    return np.asarray(along + across)


def _means(values: NDArray[np.int16], cells: int) -> NDArray[np.float32]:
    """Of `cells` times `cells` equal parts: float32 [images, cells²]."""
    images, height, width = values.shape
    high, wide = height // cells, width // cells
    parts = values[:, : high * cells, : wide * cells].reshape(images, cells, high, cells, wide)
    return np.asarray(parts.mean(axis=(2, 4), dtype=np.float32)).reshape(images, -1)
