"""What is measured of an image while it is decoded: all that a report needs, so that none is decoded twice.

A data set's features are one structured array of FEATURES, a row an image: `numpy.concatenate` joins them, an index
takes some of them, and `numpy.savez` keeps them.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.image_checks.hashing import (
    CHROMA_SIDE,
    SIGNATURE_SIDE,
    THUMBNAIL_SIDE,
    WINDOWS,
    chroma_signatures,
    hashes,
    luma,
    luma_signatures,
)
from training.image_checks.sharpness import sharpness

PERCENTILES = (1, 5, 50, 95, 99)  # of an image's pixels, by brightness
LEVELS = 256  # of a channel
LONGEST_VIEW = 256  # pixels: sharpness is judged at this size, since a camera's single pixels are soft
BLOCK = 256  # images whose numbers are worked out together

FEATURES = np.dtype(
    [
        ("width", np.uint32),  # pixels, upright, as the file says
        ("height", np.uint32),
        ("mode", "S8"),  # the file's own, as the caller calls it
        ("channels", np.uint8),  # as decoded: 1 (grey) or 3 (RGB)
        ("encoded_bytes", np.uint64),
        ("brightness", np.float32, (len(PERCENTILES),)),  # luma at PERCENTILES, from 0 (black) to 1 (white)
        ("entropy", np.float32),  # of luma's histogram, in bits: from 0 (one level) to 8 (all levels, equally often)
        ("sharpness", np.float32),  # from 0 to about 1, or NaN, see training/image_checks/sharpness.py
        ("colour", np.uint8),  # levels by which the channels of one pixel differ at most, at 32 by 32; 0 where grey
        ("pixels", np.uint64),  # as decoded, whose sums the next two are
        ("sums", np.uint64, (3,)),  # of red, green and blue in levels from 0 to 255; thrice the same where grey
        ("squares", np.uint64, (3,)),  # of their squares
        # See training/image_checks/hashing.py.
        ("hashes", np.uint64, (len(WINDOWS),)),
        ("luma", np.uint8, (SIGNATURE_SIDE, SIGNATURE_SIDE)),
        ("chroma", np.int8, (CHROMA_SIDE, CHROMA_SIDE, 2)),
    ]
)
Features = NDArray[np.void]  # of FEATURES, [images]


def measure(image: Image.Image, *, mode: str, encoded_bytes: int, size: tuple[int, int] | None = None) -> Features:
    """One row of FEATURES, as an array of length 1. Many images are measured faster by a Measurer."""
    measurer = Measurer()
    measurer.add(image, mode=mode, encoded_bytes=encoded_bytes, size=size)
    return measurer.finish()


@dataclass(slots=True)
class _Block:
    """Of up to BLOCK images: what is known of each, until the rest is worked out for all of them."""

    rows: Features = field(default_factory=lambda: np.zeros(BLOCK, FEATURES))
    colours: NDArray[np.int64] = field(default_factory=lambda: np.zeros((BLOCK, 3, LEVELS), np.int64))
    greys: NDArray[np.int64] = field(default_factory=lambda: np.zeros((BLOCK, LEVELS), np.int64))
    thumbnails: NDArray[np.uint8] = field(
        default_factory=lambda: np.zeros((BLOCK, THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3), np.uint8)
    )
    views: list[NDArray[np.uint8]] = field(default_factory=list)


class Measurer:
    """Measures images, one after the other, and works their numbers out in blocks.

    It is not shared between threads: each has its own, and the caller joins what they `finish`.
    """

    def __init__(self) -> None:
        self._done: list[Features] = []
        self._block = _Block()

    def add(self, image: Image.Image, *, mode: str, encoded_bytes: int, size: tuple[int, int] | None = None) -> None:
        """Measure an image that is decoded whole: upright and opaque, in Pillow's mode L or RGB.

        `mode`: what the file has, by at most 8 ASCII characters, such as "RGBA" or "L16"; the report counts them.
        `size`: width and height of the file's image where that was decoded at a smaller size.
        """
        block, at = self._block, len(self._block.views)
        row = block.rows[at]
        row["width"], row["height"] = size or image.size
        row["mode"], row["channels"], row["encoded_bytes"] = mode.encode("ascii"), len(image.getbands()), encoded_bytes
        row["pixels"] = image.width * image.height
        block.colours[at] = np.asarray(image.histogram()).reshape(-1, LEVELS)
        view = _view(image)
        thumbnail = view.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)
        block.thumbnails[at] = np.asarray(thumbnail).reshape(THUMBNAIL_SIDE, THUMBNAIL_SIDE, -1)
        grey = view.convert("L")
        block.greys[at] = grey.histogram()
        block.views.append(np.asarray(grey))
        if len(block.views) == BLOCK:
            self._flush()

    def finish(self) -> Features:
        """A row for every image that was added, in this order."""
        self._flush()
        return np.concatenate([np.zeros(0, FEATURES), *self._done])

    def _flush(self) -> None:
        block, count = self._block, len(self._block.views)
        rows = block.rows[:count]
        _tell_levels(rows, block.greys[:count], block.colours[:count])
        grey = luma(block.thumbnails[:count])
        rows["hashes"], rows["luma"] = hashes(grey), luma_signatures(grey)
        rows["chroma"] = chroma_signatures(block.thumbnails[:count])
        red, green, blue = np.moveaxis(block.thumbnails[:count], -1, 0)
        highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        rows["colour"] = (highest - lowest).max(axis=(1, 2))
        rows["sharpness"] = sharpness(block.views)
        self._done.append(rows.copy())
        block.views.clear()


def _view(image: Image.Image) -> Image.Image:
    """Made smaller by a whole number, so that neither side is above LONGEST_VIEW."""
    factor = -(-max(image.size) // LONGEST_VIEW)
    return image if factor == 1 else image.reduce((min(factor, image.width), min(factor, image.height)))


def _tell_levels(rows: Features, greys: NDArray[np.int64], colours: NDArray[np.int64]) -> None:
    """All that follows from the histograms [images, levels] and [images, 3, levels]."""
    levels = np.arange(LEVELS)
    rows["sums"] = colours @ levels
    rows["squares"] = colours @ levels**2
    below = np.cumsum(greys, axis=1)
    seen = below[:, -1:]  # pixels of a view
    for place, percent in enumerate(PERCENTILES):
        rows["brightness"][:, place] = (below * 100 >= percent * seen).argmax(axis=1) / (LEVELS - 1)
    shares = greys / seen
    rows["entropy"] = -(shares * np.log2(shares, where=shares > 0, out=np.zeros_like(shares))).sum(axis=1)
