"""What using weights takes: a weights file says it of itself, or who brings the file does."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from training.archives.classes import MOST_CLASSES, check_names
from training.errors import DatasetInvalid
from training.known.dataset_names import REFERENCE
from training.spec import Architecture

LARGEST_IMAGE = 4096  # pixels a side

PixelValue = Annotated[float, Field(ge=0, le=255)]
Deviation = Annotated[float, Field(gt=0, le=255)]


class WeightsDescription(BaseModel):
    """As `training.engine.weights` writes it. What a later release has added is left out."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    architecture: Architecture
    dataset: str | None = Field(default=None, pattern=f"^{REFERENCE}$", max_length=200)  # as a spec names one
    classes: list[str] = Field(min_length=2, max_length=MOST_CLASSES)
    image_size: int = Field(ge=1, le=LARGEST_IMAGE)
    channels: int
    mean: list[PixelValue]
    deviation: list[Deviation]

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.channels not in (1, 3):
            raise ValueError("channels should be 1 (grey) or 3 (RGB)")
        if not len(self.mean) == len(self.deviation) == self.channels:
            raise ValueError("mean and deviation should have a number for each channel")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes should have different names")
        try:
            check_names(self.classes, "classes")
        except DatasetInvalid as error:
            raise ValueError(error.detail) from error
        return self


@dataclass(frozen=True, slots=True)
class OwnFile:
    """What a weights file of ours says of itself. `plain`: as it stands there. `checksum`: of all content."""

    about: WeightsDescription
    plain: str
    checksum: str
