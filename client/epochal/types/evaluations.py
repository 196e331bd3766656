"""Types of the API: evaluations.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Literal

from epochal.records import Record, record
from epochal.types.models import ModelTaskError, ModelTaskProgress


@record(frozen=True, slots=True, kw_only=True)
class AccuracyInterval(Record):
    """Where the accuracy on all images of the kind is, with a confidence of 95 % (Wilson)."""

    low: float
    high: float


@record(frozen=True, slots=True, kw_only=True)
class EvaluatedMeans(Record):
    """Means over the classes that have images, each counted alike."""

    classes: int
    """That have images."""
    precision: float
    recall: float
    f1: float


@record(frozen=True, slots=True, kw_only=True)
class EvaluatedClass(Record):
    """What the network does with one class."""

    name: str
    images: int
    """That have this label."""
    predicted: int
    """Images that are taken for this class."""
    correct: int
    """Images of this class that are taken for it."""
    precision: float | None = None
    """`correct` / `predicted`; None where nothing is taken for it."""
    recall: float | None = None
    """`correct` / `images`. None where no image has the label."""
    f1: float | None = None
    """Their harmonic mean. None where no image has the label."""


@record(frozen=True, slots=True, kw_only=True)
class ConfusedPair(Record):
    """Images of one class that are taken for another."""

    label: str
    predicted: str
    images: int
    share: float
    """Of all images with this label."""


@record(frozen=True, slots=True, kw_only=True)
class ReliabilityBin(Record):
    """Images whose confidence, the probability of the predicted class, is above `low` and at most `high`."""

    low: float
    high: float
    images: int
    confidence: float | None = None
    """Their mean; None where there are none."""
    accuracy: float | None = None


@record(frozen=True, slots=True, kw_only=True)
class Reliability(Record):
    """Whether the network is right as often as it is confident."""

    ece: float | None = None
    """Expected calibration error: the mean gap between accuracy and confidence over 15 bins of equal width, weighted
    by their images. None where no probability is a number."""
    adaptive_ece: float | None = None
    """The same over 15 bins of equally many images."""
    bins: tuple[ReliabilityBin, ...]


@record(frozen=True, slots=True, kw_only=True)
class Calibration(Record):
    """The temperature by which logits are to be divided so that confidence comes near to accuracy, and what it does
    on images that it was not fitted on."""

    temperature: float
    fitted_on: Literal["validation", "test", "train"]
    """The split: where there is no validation split, the one that is evaluated: see `cross_fitted`."""
    images: int
    """That it was fitted on."""
    cross_fitted: bool
    """Whether each half of the test images was measured with a temperature that was fitted on the other."""
    measured_images: int
    ece_before: float
    ece_after: float
    loss_before: float
    """Mean cross-entropy."""
    loss_after: float
    reliability: Reliability
    """With the temperature."""


@record(frozen=True, slots=True, kw_only=True)
class EvaluatedImage(Record):
    """An image that the network takes for another class than its label says."""

    index: int
    """Its place in the split, from 0."""
    image: str
    """The first digits of its content's digest: its id, in an uploaded data set."""
    label: str
    predicted: str
    probability: float
    """That the network gives to `predicted`."""
    label_probability: float
    """That it gives to `label`."""


@record(frozen=True, slots=True, kw_only=True)
class Evaluation(Record):
    """What a trained network does on a split."""

    split: Literal["test", "train"]
    images: int
    undecided: int
    """Images for which the network gave no numbers: they count as wrong."""
    accuracy: float
    accuracy_interval: AccuracyInterval
    top5_accuracy: float | None = None
    """None with five classes or fewer."""
    loss: float | None = None
    """Mean cross-entropy. None where the network gave no numbers at all."""
    means: EvaluatedMeans
    classes: tuple[EvaluatedClass, ...]
    pairs: tuple[ConfusedPair, ...]
    """The most confused ones first, at most 100."""
    reliability: Reliability
    calibration: Calibration | None = None
    """None where there are fewer than 20 images."""
    mistakes: tuple[EvaluatedImage, ...]
    """The most confident ones first, at most 100."""
    suspects: tuple[EvaluatedImage, ...] | None = None
    """Images whose label is probably wrong, by confident learning, at most 200; `predicted` is what is likely. None
    where there are too many images and classes."""


@record(frozen=True, slots=True, kw_only=True)
class Confusion(Record):
    """Which classes are taken for which."""

    split: Literal["test", "train"]
    images: int
    undecided: int
    """Images for which the network gave no numbers: they are in no cell."""
    pairs: tuple[ConfusedPair, ...]
    """The most confused ones first, at most 10,000."""
    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...] | None = None
    """A row for each label, a column for each predicted class, in the order of `classes`. None with more than 500
    classes: the CSV has the cells that have images."""


@record(frozen=True, slots=True, kw_only=True)
class ModelEvaluationLinks(Record):
    """URLs of an evaluation. Its results are there once it has succeeded."""

    self: str
    model: str
    confusion: str
    confusion_csv: str
    confusion_svg: str
    reliability_svg: str
    mistakes_png: str


@record(frozen=True, slots=True, kw_only=True)
class CalibrationFigures(Record):
    """A temperature, and what it does on images that it was not fitted on."""

    temperature: float
    fitted_on: Literal["validation", "test", "train"]
    images: int
    cross_fitted: bool
    ece_before: float
    ece_after: float


@record(frozen=True, slots=True, kw_only=True)
class EvaluationFigures(Record):
    """What was measured, in short. As in `Evaluation`."""

    images: int
    undecided: int
    accuracy: float
    accuracy_interval: AccuracyInterval
    top5_accuracy: float | None = None
    loss: float | None = None
    means: EvaluatedMeans
    ece: float | None = None
    calibration: CalibrationFigures | None = None


@record(frozen=True, slots=True, kw_only=True)
class ModelEvaluationSummary(Record):
    """An evaluation of a trained model on a data set."""

    id: str
    model_id: str
    status: Literal["queued", "running", "succeeded", "failed"]
    dataset: str
    version: int | None = None
    """None for a data set that was not uploaded."""
    split: Literal["test", "train"]
    progress: ModelTaskProgress | None = None
    """None unless a worker has it."""
    error: ModelTaskError | None = None
    """None unless it has failed."""
    created_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    links: ModelEvaluationLinks


@record(frozen=True, slots=True, kw_only=True)
class ModelEvaluation(ModelEvaluationSummary):
    """The same with what was measured."""

    figures: EvaluationFigures | None = None
    """In short. None until it has succeeded."""
    evaluation: Evaluation | None = None
    """None until it has succeeded."""
