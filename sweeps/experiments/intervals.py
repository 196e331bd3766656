"""How sure an accuracy is, and a difference of two, by the number of images that they were measured on."""

import math

from training.evaluation.report import CONFIDENCE_LEVEL


def wilson(share: float, images: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share of `images`."""
    z2 = CONFIDENCE_LEVEL**2
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    half = CONFIDENCE_LEVEL * math.sqrt(share * (1 - share) / images + z2 / (4 * images**2)) / (1 + z2 / images)
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(first: float, first_images: int, second: float, second_images: int) -> tuple[float, float]:
    """Newcombe's interval of 95 % for `first` less `second` (Newcombe 1998, Statistics in Medicine 17, method 10).

    It takes the two for independent. Two networks that were tested on the same images are not: what is hard for one is
    hard for the other. So their true interval is narrower, and what is called a difference here is one.
    """
    low1, high1 = wilson(first, first_images)
    low2, high2 = wilson(second, second_images)
    apart = first - second
    return (
        apart - math.hypot(first - low1, high2 - second),
        apart + math.hypot(high1 - first, second - low2),
    )
