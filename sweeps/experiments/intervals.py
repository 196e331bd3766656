"""How sure a difference of two accuracies is, by the number of images that they were measured on."""

import math

from training.intervals import wilson_interval


def difference(first: float, first_images: int, second: float, second_images: int) -> tuple[float, float]:
    """Newcombe's interval of 95 % for `first` less `second` (Newcombe 1998, Statistics in Medicine 17, method 10).

    It takes the two for independent. Two networks that were tested on the same images are not: what is hard for one is
    hard for the other. So their true interval is narrower, and what is called a difference here is one.
    """
    low1, high1 = wilson_interval(first * first_images, first_images)
    low2, high2 = wilson_interval(second * second_images, second_images)
    apart = first - second
    return (
        apart - math.hypot(first - low1, high2 - second),
        apart + math.hypot(high1 - first, second - low2),
    )
