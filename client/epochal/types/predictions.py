"""Types of the API: predictions.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class PredictionModel(Record):
    """Which model has answered, whatever its name stands for since."""

    id: str
    sha256: str
    """Of its `model.onnx`."""


@record(frozen=True, slots=True, kw_only=True)
class PredictedLabel(Record):
    """A class, and how probable it is."""

    label: str
    probability: float
    """0 to 1; of all classes together 1."""


@record(frozen=True, slots=True, kw_only=True)
class PredictedImage(Record):
    """What one picture shows; or why it could not be read."""

    labels: tuple[PredictedLabel, ...]
    """The most probable first. Empty where there is an error."""
    activation_map: str | None = None
    """With `explain`: a PNG in Base64, the picture with what speaks for its first label in red."""
    error: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class PredictionAnswer(Record):
    """In the order of the pictures."""

    model: PredictionModel
    calibrated: bool
    """Whether a temperature was fitted on data that it was not trained on."""
    temperature: float | None = None
    """By which the logits are divided."""
    predictions: tuple[PredictedImage, ...]
