"""What a trained network does on a split. Accuracies, precisions, recalls, probabilities and shares are fractions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema
from api.schemas.model_tasks import ModelTaskError, ModelTaskProgress, ModelTaskStatus
from training.known.dataset_names import NAME

_NO_IMAGES = "Null where no image has the label."


class AccuracyInterval(ResponseSchema):
    """Where the accuracy on all images of the kind is, with a confidence of 95 % (Wilson)."""

    low: float
    high: float


class EvaluatedMeans(ResponseSchema):
    """Means over the classes that have images, each counted alike."""

    classes: int = Field(description="That have images.")
    precision: float
    recall: float
    f1: float


class EvaluatedClass(ResponseSchema):
    """What the network does with one class."""

    name: str
    images: int = Field(description="That have this label.")
    predicted: int = Field(description="Images that are taken for this class.")
    correct: int = Field(description="Images of this class that are taken for it.")
    precision: float | None = Field(description="`correct` / `predicted`; null where nothing is taken for it.")
    recall: float | None = Field(description=f"`correct` / `images`. {_NO_IMAGES}")
    f1: float | None = Field(description=f"Their harmonic mean. {_NO_IMAGES}")


class ConfusedPair(ResponseSchema):
    """Images of one class that are taken for another."""

    label: str
    predicted: str
    images: int
    share: float = Field(description="Of all images with this label.")


class ReliabilityBin(ResponseSchema):
    """Images whose confidence, the probability of the predicted class, is above `low` and at most `high`."""

    low: float
    high: float
    images: int
    confidence: float | None = Field(description="Their mean; null where there are none.")
    accuracy: float | None


class Reliability(ResponseSchema):
    """Whether the network is right as often as it is confident."""

    ece: float | None = Field(
        description="Expected calibration error: the mean gap between accuracy and confidence over 15 bins of equal "
        "width, weighted by their images. Null where no probability is a number."
    )
    adaptive_ece: float | None = Field(description="The same over 15 bins of equally many images.")
    bins: list[ReliabilityBin]


class Calibration(ResponseSchema):
    """The temperature by which logits are to be divided so that confidence comes near to accuracy, and what it does on
    images that it was not fitted on."""

    temperature: float
    fitted_on: Literal["validation", "test", "train"] = Field(
        description="The split: where there is no validation split, the one that is evaluated: see `cross_fitted`."
    )
    images: int = Field(description="That it was fitted on.")
    cross_fitted: bool = Field(
        description="Whether each half of the test images was measured with a temperature that was fitted on the other."
    )
    measured_images: int
    ece_before: float
    ece_after: float
    loss_before: float = Field(description="Mean cross-entropy.")
    loss_after: float
    reliability: Reliability = Field(description="With the temperature.")


class EvaluatedImage(ResponseSchema):
    """An image that the network takes for another class than its label says."""

    index: int = Field(description="Its place in the split, from 0.")
    image: str = Field(description="The first digits of its content's digest: its id, in an uploaded data set.")
    label: str
    predicted: str
    probability: float = Field(description="That the network gives to `predicted`.")
    label_probability: float = Field(description="That it gives to `label`.")


class Evaluation(ResponseSchema):
    """What a trained network does on a split."""

    split: Literal["test", "train"]
    images: int
    undecided: int = Field(description="Images for which the network gave no numbers: they count as wrong.")
    accuracy: float
    accuracy_interval: AccuracyInterval
    top5_accuracy: float | None = Field(description="Null with five classes or fewer.")
    loss: float | None = Field(description="Mean cross-entropy. Null where the network gave no numbers at all.")
    means: EvaluatedMeans
    classes: list[EvaluatedClass]
    pairs: list[ConfusedPair] = Field(description="The most confused ones first, at most 100.")
    reliability: Reliability
    calibration: Calibration | None = Field(description="Null where there are fewer than 20 images.")
    mistakes: list[EvaluatedImage] = Field(description="The most confident ones first, at most 100.")
    suspects: list[EvaluatedImage] | None = Field(
        description="Images whose label is probably wrong, by confident learning, at most 200; `predicted` is what is "
        "likely. Null where there are too many images and classes."
    )


class Confusion(ResponseSchema):
    """Which classes are taken for which."""

    split: Literal["test", "train"]
    images: int
    undecided: int = Field(description="Images for which the network gave no numbers: they are in no cell.")
    pairs: list[ConfusedPair] = Field(description="The most confused ones first, at most 10,000.")
    classes: list[str]
    matrix: list[list[int]] | None = Field(
        description="A row for each label, a column for each predicted class, in the order of `classes`. Null with "
        "more than 500 classes: the CSV has the cells that have images."
    )


class EvaluationCreate(RequestBody):
    """On what a trained model is evaluated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dataset": "digits", "split": "test"}]})

    dataset: Annotated[str, Field(pattern=f"^{NAME}$")] = Field(
        description="A data set with the same classes, by name and in any order: one of `GET /v1/datasets`."
    )
    version: Annotated[int, Field(ge=1, le=999_999_999)] | None = Field(
        default=None, description="Of an uploaded data set. Null: the newest that is ready."
    )
    split: Literal["test", "train"] = "test"


class CalibrationFigures(ResponseSchema):
    """A temperature, and what it does on images that it was not fitted on."""

    temperature: float
    fitted_on: Literal["validation", "test", "train"]
    images: int
    cross_fitted: bool
    ece_before: float
    ece_after: float


class EvaluationFigures(ResponseSchema):
    """What was measured, in short. As in `Evaluation`."""

    images: int
    undecided: int
    accuracy: float
    accuracy_interval: AccuracyInterval
    top5_accuracy: float | None
    loss: float | None
    means: EvaluatedMeans
    ece: float | None
    calibration: CalibrationFigures | None


class ModelEvaluationLinks(ResponseSchema):
    """URLs of an evaluation. Its results are there once it has succeeded."""

    self: str
    model: str
    confusion: str
    confusion_csv: str
    confusion_svg: str
    reliability_svg: str
    mistakes_png: str


class ModelEvaluationSummary(ResponseSchema):
    """An evaluation of a trained model on a data set."""

    id: str
    model_id: str
    status: ModelTaskStatus
    dataset: str
    version: int | None = Field(description="Null for a data set that was not uploaded.")
    split: Literal["test", "train"]
    progress: ModelTaskProgress | None = Field(description="Null unless a worker has it.")
    error: ModelTaskError | None = Field(description="Null unless it has failed.")
    created_at: datetime
    finished_at: datetime | None
    links: ModelEvaluationLinks


class ModelEvaluation(ModelEvaluationSummary):
    """The same with what was measured."""

    figures: EvaluationFigures | None = Field(description="In short. Null until it has succeeded.")
    evaluation: Evaluation | None = Field(description="Null until it has succeeded.")
