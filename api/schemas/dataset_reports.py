"""The report on a version of a data set, as the validation has stored it.

A report of another release may lack something, or have more: what is missing has a default, so that it can be read.
"""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.base import ResponseSchema, published_as


class ClassCount(ResponseSchema):
    """How many images a class has in each split."""

    name: str
    train: int = 0
    test: int = 0


class ImageSizes(ResponseSchema):
    """Width and height in pixels, as the files say."""

    smallest: list[int] = Field(description="Of the image with the fewest pixels: width, height.")
    median: list[int]
    largest: list[int]
    distinct: int = Field(description="How many different sizes there are.")


class FindingExample(ResponseSchema):
    """One of the images, or files, of a finding."""

    image: str | None = Field(default=None, description="Id of an image; null for a file that is none.")
    other: str | None = Field(default=None, description="Of a pair, the id of the other image.")
    value: float | None = Field(default=None, description="By which it was judged, as the finding's message says.")
    detail: str = Field(default="", description="Split and class of an image; or the name of a file, and the reason.")


class DatasetFinding(ResponseSchema):
    """Something that the validation has found. It is a question: look at the images before they are changed."""

    code: str = Field(description="As an edit names it; it never changes its meaning.")
    severity: Annotated[str, published_as(Literal["error", "warning", "info"])] = Field(
        default="info",
        description="`error`: labels or accuracies are wrong until it is mended. `warning`: training probably suffers. "
        "`info`: to know.",
    )
    count: int = Field(default=0, description="Of images, if the message says nothing else.")
    message: str = Field(default="", description="What was found, in a sentence.")
    hint: str = Field(default="", description="What to do.")
    examples: list[FindingExample] = Field(default=[], description="The worst first, 20 at most.")


class DatasetReport(ResponseSchema):
    """Counts, sizes and findings. Of two uploads with the same images, each has its own."""

    images: int = 0
    classes: list[ClassCount] = Field(default=[], description="In label order.")
    sizes: ImageSizes | None = None
    modes: dict[str, int] = Field(default={}, description="How many images have which of Pillow's modes, such as RGB.")
    encoded_bytes: int = Field(default=0, description="Of all files together.")
    mean: list[float] = Field(
        default=[], description="Of each channel, from 0 to 1, over all pixels of the training images."
    )
    deviation: list[float] = Field(default=[], description="The standard deviation, likewise.")
    findings: list[DatasetFinding] = Field(default=[], description="Errors first.")
    notes: list[str] = Field(
        default=[], description="How it was read: which folder was taken for which split, and what was passed over."
    )
