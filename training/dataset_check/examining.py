"""Looks at images one after the other: what they are by content, what is measured of them, and which cannot be read."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.image_checks.features import FEATURES, Features, Measurer
from training.images.decoding import ImageFile, ImageUnreadable, draft, is_grey, open_image, whole_image
from training.images.identity import DIGEST_BYTES, Digests, digest_of

LONGEST_MODE = 8  # characters


@dataclass(frozen=True, eq=False, slots=True)
class Examined:
    """What is known of the images from the row `first` on. `unreadable`: by row, why. All arrays have a row for each
    image; those of unreadable ones mean nothing."""

    first: int
    digests: Digests
    features: Features
    grey: NDArray[np.bool_]  # by what its header says
    unreadable: dict[int, str]


class Watch(Protocol):
    """Whoever watches an examination, to bound what it takes."""

    def begin(self, row: int, encoded_bytes: int) -> bool:
        """An image is next. False: it is not to be looked at, and the examination ends before it."""

    def holding(self, pixels: int) -> AbstractContextManager[None]:
        """While the context lasts, so many pixels are in memory."""


def examine(files: Sequence[ImageFile], sizes: Sequence[int], first: int = 0, watch: Watch | None = None) -> Examined:
    """`sizes`: bytes of each file. Call it within `strict_pillow`.

    Where an image takes more memory than there is and is not the first, the cause may be those before it: `examine`
    raises MemoryError, or with a `watch` ends before this image, with fewer rows than files. As the first, it is
    unreadable.
    """
    digests = np.zeros((len(files), DIGEST_BYTES), np.uint8)
    grey = np.zeros(len(files), np.bool_)
    readable, unreadable, measurer = np.ones(len(files), np.bool_), dict[int, str](), Measurer()
    count = len(files)
    for row, (file, size) in enumerate(zip(files, sizes, strict=True)):
        if watch is not None and not watch.begin(row, size):
            count = row
            break
        try:
            digest, grey[row] = _examine_one(file, size, measurer, watch)
            digests[row] = np.frombuffer(digest, np.uint8)
        except ImageUnreadable as error:
            if isinstance(error.__cause__, MemoryError) and row > 0:
                if watch is None:
                    raise MemoryError from error
                count = row
                break
            unreadable[first + row], readable[row] = str(error), False
    features = np.zeros(count, FEATURES)
    features[readable[:count]] = measurer.finish()
    return Examined(first, digests[:count], features, grey[:count], unreadable)


def _examine_one(file: ImageFile, size: int, measurer: Measurer, watch: Watch | None) -> tuple[bytes, bool]:
    """The digest of an image, and whether it is grey. Its pixels are gone when this returns. Raises ImageUnreadable."""
    with open_image(file) as image:
        grey, stated, mode = is_grey(image), image.size, image.mode.split(";")[0][:LONGEST_MODE]
        pixels = draft(image)
        with nullcontext() if watch is None else watch.holding(pixels):
            whole = whole_image(image)
            digest = digest_of(whole)
            is_upright = (whole.width > whole.height) == (stated[0] > stated[1])
            measurer.add(whole, mode=mode, encoded_bytes=size, size=stated if is_upright else stated[::-1])
    return digest, grey
