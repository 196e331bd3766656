"""Checks of single images: whether one can be seen on them at all, and whether they are like the others.

Lists and first thresholds are CleanVision's (version 0.3.7), the measures of sharpness and of odd sizes are our own.
benchmarks/data_checks.py measures what each finds in photographs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.image_checks.features import PERCENTILES
from training.image_checks.findings import Checked, Example, Finding, Severity, counted

# Beside each: what 60,000 images of CIFAR-100 and 305 photographs of 200 pixels and more have, in which nobody would
# find the fault.
DARKEST = 0.32  # too dark: 99 % of the pixels are darker; from 0 (black) to 1 (white). 0.35 or more, but for 0.1 %
BRIGHTEST = 0.90  # too bright: 95 % of the pixels are brighter. At most 0.88: things on a white ground
LEAST_ENTROPY = 1.2  # bits. 1.3 or more: tools on a white ground
LEAST_SHARPNESS = 0.36  # 0.37 or more, but for 0.1 % of CIFAR-100; 0.44 or more in photographs
BLANK_DEVIATION = 2.0  # levels of 255, in each channel. 7 or more
LEAST_ASPECT = 0.35  # shorter side by longer side
ODD_SIZE_SPREADS = 3.0  # distances between the quartiles, of the logarithm of size, outside of them
LEAST_ODD_OCTAVES = 1.0  # and at least twice as large, or half as large, as the quartile
MOST_GREY = 4.0  # levels by which the channels of a pixel differ: scans and compression make that of grey
# What is true of more than a half is how these images are, such as digits, drawings or X-rays, and no fault of any.
NATURE = 0.5


Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Check:
    """`what` follows "12 of 345 images ", for one and for more. `values`: by which images are judged, float64 [images];
    the least are the worst. `detail`: says the `shown` number of one image. `is_nature`: whether it may be how all of a
    data set's images are."""

    code: str
    severity: Severity
    what: tuple[str, str]
    hint: str
    detail: str
    is_nature: bool = True

    def finding(
        self, checked: Checked, found: Mask, values: Numbers, shown: Numbers | None = None
    ) -> Iterator[Finding]:
        """None where nothing is `found`, bool [images]."""
        count, numbers = int(found.sum()), values if shown is None else shown
        if not count:
            return
        examples = tuple(
            Example(
                checked.ids[place],
                None,
                round(float(numbers[place]), 4),
                f"{checked.where(place)}: {self.detail.format(numbers[place])}",
            )
            for place in self._worst(checked, found, values)
        )
        natural = self.is_nature and count > NATURE * len(checked)
        yield Finding(
            self.code,
            "info" if natural else self.severity,
            count,
            f"{counted(count)} of {len(checked):,} {self.what[count != 1]}.",
            _NATURAL if natural else self.hint,
            examples,
            tuple(np.flatnonzero(found).tolist()),
        )

    def _worst(self, checked: Checked, found: Mask, values: Numbers) -> list[int]:
        places = np.flatnonzero(found)
        worst: list[int] = places[np.argsort(values[places], kind="stable")[: checked.most_examples]].tolist()
        return worst


_NATURAL = "That is true of most images here, so it is probably what they are like, and nothing needs to be done."

_BLANK = _Check(
    "blank",
    "warning",
    ("is blank: of one colour", "are blank: of one colour each"),
    "Exclude them: nothing can be learned from them.",
    "deviates by {:.1f} levels of 255",
    is_nature=False,
)
_DARK = _Check(
    "too_dark",
    "warning",
    ("is very dark", "are very dark"),
    "Brighten them, and exclude those on which nothing can be recognised.",
    "99 % of it is darker than {:.2f} of white",
)
_BRIGHT = _Check(
    "too_bright",
    "warning",
    ("is very bright", "are very bright"),
    "They may be overexposed: exclude those on which nothing can be recognised.",
    "95 % of it is brighter than {:.2f} of white",
)
_LOW_INFORMATION = _Check(
    "low_information",
    "warning",
    ("has few levels of brightness", "have few levels of brightness"),
    "Placeholders and drawings look so: exclude those that do not show what their label says.",
    "{:.2f} bits of entropy",
)
_BLURRED = _Check(
    "blurred",
    "warning",
    ("is blurred", "are blurred"),
    "Exclude those on which nothing can be recognised. Where small images were enlarged, take the originals.",
    "sharpness {:.2f}",
)
_ODD_ASPECT = _Check(
    "odd_aspect",
    "warning",
    ("is very wide or very high", "are very wide or very high"),
    "Cut out what the label means: when such an image becomes square, most of it is cut off or shrinks.",
    "the shorter side is {:.2f} of the longer one",
)
_ODD_SIZE = _Check(
    "odd_size",
    "info",
    ("has a size far from the others", "have sizes far from the others"),
    "Check where they come from: small images become blurred where they are enlarged.",
    "as large as a square of {:.0f} pixels a side",
    is_nature=False,
)
_GREY = _Check(
    "grey_among_colour",
    "info",
    ("is grey, and most are coloured", "are grey, and most are coloured"),
    "Check whether some classes have more of them: a network would learn that, instead of what the images show.",
    "the channels of a pixel differ by at most {:.0f} levels",
    is_nature=False,
)


def quality_findings(checked: Checked) -> Iterator[Finding]:
    """One for each check that found images. Of what hides what an image shows, each image has the first reason only."""
    features = checked.features
    brightness = features["brightness"].astype(np.float64)
    dark, bright = brightness[:, PERCENTILES.index(99)], brightness[:, PERCENTILES.index(5)]
    entropy, sharpness = features["entropy"].astype(np.float64), features["sharpness"].astype(np.float64)
    deviation = _deviations(checked)
    hidden = np.zeros(len(checked), np.bool_)
    for check, is_found, values, shown in (
        (_BLANK, deviation < BLANK_DEVIATION, deviation, deviation),
        (_DARK, dark < DARKEST, dark, dark),
        (_BRIGHT, bright > BRIGHTEST, -bright, bright),
        (_LOW_INFORMATION, entropy < LEAST_ENTROPY, entropy, entropy),
        (_BLURRED, sharpness < LEAST_SHARPNESS, sharpness, sharpness),
    ):
        yield from check.finding(checked, is_found & ~hidden, values, shown)
        hidden |= is_found
    yield from _odd_shapes(checked)
    colour = features["colour"].astype(np.float64)
    grey = colour <= MOST_GREY
    if grey.mean() < NATURE:
        yield from _GREY.finding(checked, grey, colour)


def _deviations(checked: Checked) -> Numbers:
    """Of the channel that deviates most, in levels of 255, float64 [images]."""
    pixels = checked.features["pixels"].astype(np.float64)[:, None]
    variances = checked.features["squares"] / pixels - (checked.features["sums"] / pixels) ** 2
    return np.asarray(np.sqrt(np.maximum(variances, 0).max(axis=1)))


def _odd_shapes(checked: Checked) -> Iterator[Finding]:
    width, height = (checked.features[name].astype(np.float64) for name in ("width", "height"))
    aspect = np.minimum(width, height) / np.maximum(width, height)
    yield from _ODD_ASPECT.finding(checked, aspect < LEAST_ASPECT, aspect)
    size = np.log2(width * height) / 2
    lower, upper = np.percentile(size, [25, 75])
    beyond = np.maximum(lower - size, size - upper)
    margin = max(ODD_SIZE_SPREADS * (upper - lower), LEAST_ODD_OCTAVES)
    yield from _ODD_SIZE.finding(checked, beyond > margin, -beyond, 2**size)
