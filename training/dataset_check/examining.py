"""Looks at images one after the other: what they are by content, what is measured of them, and which cannot be read."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def examine(files: Sequence[ImageFile], sizes: Sequence[int], first: int = 0) -> Examined:
    """`sizes`: bytes of each file. Call it within `strict_pillow`. Raises MemoryError where one of several images takes
    more memory than there is: alone, it is unreadable."""
    digests = np.zeros((len(files), DIGEST_BYTES), np.uint8)
    grey = np.zeros(len(files), np.bool_)
    readable, unreadable, measurer = np.ones(len(files), np.bool_), dict[int, str](), Measurer()
    for row, (file, size) in enumerate(zip(files, sizes, strict=True)):
        try:
            with open_image(file) as image:
                grey[row] = is_grey(image)
                stated, mode = image.size, image.mode.split(";")[0][:LONGEST_MODE]
                draft(image)
                whole = whole_image(image)
        except ImageUnreadable as error:
            if isinstance(error.__cause__, MemoryError) and len(files) > 1:
                raise MemoryError from error
            unreadable[first + row], readable[row] = str(error), False
            continue
        digests[row] = np.frombuffer(digest_of(whole), np.uint8)
        is_upright = (whole.width > whole.height) == (stated[0] > stated[1])
        measurer.add(whole, mode=mode, encoded_bytes=size, size=stated if is_upright else stated[::-1])
    features = np.zeros(len(files), FEATURES)
    features[readable] = measurer.finish()
    return Examined(first, digests, features, grey, unreadable)
