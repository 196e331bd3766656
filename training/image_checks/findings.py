"""What a check may find in a data set, in the form that users read, and what all checks are given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.image_checks.features import Features

MOST_EXAMPLES = 20
TRAIN, TEST = 0, 1
SPLITS = ("train", "test")

# error: the score or the labels are wrong until this is mended. warning: training suffers, probably. info: to know.
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Example:
    """`image`, and `other` where two are meant: ids. `value`: the number by which it was judged, in the unit that the
    finding's message names. `detail`: what a reader wants to know of it."""

    image: str | None
    other: str | None
    value: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` never changes its meaning. `count`: of images, if the message says nothing else. `message`: a sentence
    with what was found, `hint`: what to do. `examples`: worst first, and then by id; up to MOST_EXAMPLES, or as many as
    the caller of `make_report` wanted.

    `mends`: places of the images that an edit by this finding changes: those that were found, of copies all but one,
    and of images that are in test and in train those in train. A report leaves it out.
    """

    code: str
    severity: Severity
    count: int
    message: str
    hint: str
    examples: tuple[Example, ...]
    mends: tuple[int, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """A data set's images, sorted by id. `labels`: places in `classes`, intp [images]; `splits`: TRAIN or TEST, uint8
    [images]."""

    features: Features
    ids: Sequence[str]
    labels: NDArray[np.intp]
    splits: NDArray[np.uint8]
    classes: Sequence[str]
    most_examples: int = MOST_EXAMPLES  # of a finding

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, place: int) -> str:
        """Split and class of an image, for an example's detail."""
        return f"{SPLITS[self.splits[place]]}/{self.classes[self.labels[place]]}"


def counted(number: int, noun: str = "image") -> str:
    """1 image, 1,234 images."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"
