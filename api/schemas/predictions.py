"""What trained models say of pictures."""

from typing import Annotated

from pydantic import ConfigDict, Field

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema

MOST_IMAGES = 256  # of a request
MOST_EXPLAINED = 16  # of one that asks for activation maps, of which each may have 0.7 MB

# A transparent picture of one pixel.
_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class PredictionRequest(RequestBody):
    """Pictures in JSON."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"images": [_PICTURE]}]})

    images: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1,
        max_length=MOST_IMAGES,
        description="Whole image files, each in Base64; `data:` URLs are taken as well.",
    )


class PredictedLabel(ResponseSchema):
    """A class, and how probable it is."""

    label: str
    probability: float = Field(description="0 to 1; of all classes together 1.")


class PredictedImage(ResponseSchema):
    """What one picture shows; or why it could not be read."""

    labels: list[PredictedLabel] = Field(description="The most probable first. Empty where there is an error.")
    activation_map: str | None = Field(
        description="With `explain`: a PNG in Base64, the picture with what speaks for its first label in red."
    )
    error: str | None


class PredictionModel(ResponseSchema):
    """Which model has answered, whatever its name stands for since."""

    id: str
    sha256: str = Field(description="Of its `model.onnx`.")


class PredictionAnswer(ResponseSchema):
    """In the order of the pictures."""

    model: PredictionModel
    calibrated: bool = Field(description="Whether a temperature was fitted on data that it was not trained on.")
    temperature: float | None = Field(description="By which the logits are divided.")
    predictions: list[PredictedImage]
