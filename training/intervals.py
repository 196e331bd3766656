"""How sure a measured share is."""

CONFIDENCE_LEVEL = 1.959963984540054  # standard deviations of a normal distribution on both sides hold 95 % of it


def wilson_interval(right: float, images: int) -> tuple[float, float]:
    """Where the accuracy on all images of the kind is, with a confidence of 95 %, if `right` of `images`, above 0, are
    right (Wilson 1927)."""
    share, square = right / images, CONFIDENCE_LEVEL**2
    middle = (share + square / (2 * images)) / (1 + square / images)
    spread = share * (1 - share) / images + square / (4 * images**2)
    half = CONFIDENCE_LEVEL / (1 + square / images) * spread**0.5
    return max(0.0, middle - half), min(1.0, middle + half)
