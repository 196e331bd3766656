"""Types of the API: dataset reports.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class ClassCount(Record):
    """How many images a class has in each split."""

    name: str
    train: int = 0
    test: int = 0


@record(frozen=True, slots=True, kw_only=True)
class ImageSizes(Record):
    """Width and height in pixels, as the files say."""

    smallest: tuple[int, ...]
    """Of the image with the fewest pixels: width, height."""
    median: tuple[int, ...]
    largest: tuple[int, ...]
    distinct: int
    """How many different sizes there are."""


@record(frozen=True, slots=True, kw_only=True)
class FindingExample(Record):
    """One of the images, or files, of a finding."""

    image: str | None = None
    """Id of an image; None for a file that is none."""
    other: str | None = None
    """Of a pair, the id of the other image."""
    value: float | None = None
    """By which it was judged, as the finding's message says."""
    detail: str = ""
    """Split and class of an image; or the name of a file, and the reason."""


@record(frozen=True, slots=True, kw_only=True)
class DatasetFinding(Record):
    """Something that the validation has found. It is a question: look at the images before they are changed."""

    code: str
    """As an edit names it; it never changes its meaning."""
    severity: Literal["error", "warning", "info"] = "info"
    """`error`: labels or accuracies are wrong until it is mended. `warning`: training probably suffers. `info`: to
    know."""
    count: int = 0
    """Of images, if the message says nothing else."""
    message: str = ""
    """What was found, in a sentence."""
    hint: str = ""
    """What to do."""
    examples: tuple[FindingExample, ...] = ()
    """The worst first, 20 at most."""


@record(frozen=True, slots=True, kw_only=True)
class DatasetReport(Record):
    """Counts, sizes and findings. Of two uploads with the same images, each has its own."""

    images: int = 0
    classes: tuple[ClassCount, ...] = ()
    """In label order."""
    sizes: ImageSizes | None = None
    modes: dict[str, int] = field(default_factory=dict)
    """How many images have which of Pillow's modes, such as RGB."""
    encoded_bytes: int = 0
    """Of all files together."""
    mean: tuple[float, ...] = ()
    """Of each channel, from 0 to 1, over all pixels of the training images."""
    deviation: tuple[float, ...] = ()
    """The standard deviation, likewise."""
    findings: tuple[DatasetFinding, ...] = ()
    """Errors first."""
    notes: tuple[str, ...] = ()
    """How it was read: which folder was taken for which split, and what was passed over."""
