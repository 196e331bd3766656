"""The size to which images are brought where a spec says nothing. Torch-free."""

from collections.abc import Iterable
from statistics import median_low

SMALLEST_IMAGE, LARGEST_IMAGE = 8, 1024  # pixels, the bounds of a spec's image_size
LARGEST_DEFAULT = 224  # pixels, where images of several sizes must agree on one: ImageNet's


def common_size(sizes: Iterable[tuple[int, int]]) -> int | None:
    """Side in pixels, of images with these widths and heights: their own where they all share one and it is square,
    otherwise the median of their shorter sides, LARGEST_DEFAULT at most. None where the one that they share is none
    that a network takes."""
    found = list(sizes)
    if len({*found}) == 1 and found[0][0] == found[0][1]:
        side = found[0][0]
        return side if SMALLEST_IMAGE <= side <= LARGEST_IMAGE else None
    return min(LARGEST_DEFAULT, max(SMALLEST_IMAGE, median_low(min(size) for size in found)))
