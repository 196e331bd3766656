"""The images of a version of an uploaded data set."""

from typing import Literal

from pydantic import ConfigDict, Field

from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema
from training.images.sizes import LARGEST_IMAGE, SMALLEST_IMAGE
from training.spec import Augmentation


class DatasetImageLinks(ResponseSchema):
    """URLs of an image."""

    self: str = Field(description="The picture as PNG, or with `Accept: application/json` this object.")
    version: str


class DatasetImage(ResponseSchema):
    """An image of a version."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    id: str = Field(description="The beginning of its content's hash; as an edit names it.")
    name: str = Field(description="What its file was called in what was uploaded.")
    class_: str = Field(alias="class")
    split: Literal["train", "test"]
    bytes: int = Field(description="Size of its file.")
    links: DatasetImageLinks


class AugmentedSamples(RequestBody):
    """Which training images to show as a network will see them, and how they are augmented."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"augmentation": {"crop": {"padding": 4}, "flip": True}}]}
    )

    augmentation: Augmentation = Field(default=Augmentation(), description="As a spec has it.")
    image_size: int | None = Field(
        default=None,
        ge=SMALLEST_IMAGE,
        le=LARGEST_IMAGE,
        description="Side in pixels to which images are brought first; null: the version's own.",
    )
    resize: Literal["crop", "pad", "stretch"] = Field(default="crop", description="As a spec has it.")
    seed: int = Field(
        default=0,
        ge=0,
        lt=LARGEST_EXACT_INTEGER,
        description="Of the augmentation, as a spec has it, and of the choice.",
    )
    count: int = Field(default=8, ge=1, le=10, description="Images.")
