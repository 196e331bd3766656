"""Trained models, those that are brought, and the names that a project gives them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.validation import RequestBody
from api.schemas.base import Number, ResponseSchema, published_as
from api.schemas.fields import storable
from catalog.trained.references import LARGEST_VERSION, NAME_PATTERN, REFERENCE_PATTERN

Reason = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(storable)]


class ModelFile(ResponseSchema):
    """A file of a trained model."""

    name: str
    bytes: int
    sha256: str
    url: str


class ModelMetrics(ResponseSchema):
    """What the weights were measured to do."""

    epoch: int
    test_loss: Number
    test_accuracy: float = Field(description="0 to 1.")
    test_top5_accuracy: float | None = Field(description="Null where there are five classes or fewer.")
    validation_loss: Number | None = Field(description="Null without a validation split.")
    validation_accuracy: float | None


class ModelDataset(ResponseSchema):
    """What a network was trained on."""

    name: str | None = Field(description="Null where it is not known.")
    version: int | None = Field(description="Of an uploaded data set.")
    identity: str | None = Field(description="Of classes and images, by content.")


class ModelInput(ResponseSchema):
    """What a network takes in: square pictures, each pixel less the mean and divided by the deviation."""

    size: int = Field(description="Pixels a side.")
    channels: int = Field(description="1: grey; 3: red, green and blue.")
    resize: str | None = Field(description="How a picture of another form becomes a square: `crop`, `pad`, `stretch`.")
    mean: list[float] = Field(description="Of each channel, in pixel values of 0 to 255.")
    deviation: list[float] = Field(description="Of each channel, in pixel values of 0 to 255.")


class ModelVersionName(ResponseSchema):
    """A name that a trained model has."""

    name: str
    version: int
    aliases: list[str] = Field(description="That stand for this version now.")


class ModelLinks(ResponseSchema):
    """URLs of a trained model."""

    self: str
    job: str | None = Field(description="Null where somebody has brought the weights.")
    manifest: str
    archive: str


class TrainedModelSummary(ResponseSchema):
    """A network that a job has trained, or whose weights somebody has brought."""

    id: str
    job_id: str | None = Field(description="Null where somebody has brought the weights.")
    which: Annotated[str, published_as(Literal["last", "best", "brought"])] = Field(
        description="Of which epoch its weights are: `best`, as measured on the validation split, where the spec stops "
        "early. Otherwise the best ones are in best.safetensors, where there is a validation split and they are "
        "others. `brought`: nobody knows."
    )
    architecture: str
    dataset: str | None = Field(description="The name of the data set that it was trained on, where it is known.")
    class_count: int
    metrics: ModelMetrics | None = Field(
        description="Of these weights. Null where they were not evaluated: a job was stopped within an epoch."
    )
    files: list[ModelFile]
    names: list[ModelVersionName]
    created_at: datetime
    links: ModelLinks


class ModelSource(ResponseSchema):
    """The file that somebody has brought."""

    bytes: int
    sha256: str = Field(description="Of the file as it was sent. The model's own file is written anew.")
    names: Annotated[str, published_as(Literal["torchvision", "epochal"])] = Field(
        description="Whose names its tensors have: `torchvision`, which are timm's, too; or ours."
    )


class TrainedModel(TrainedModelSummary):
    """The same, with what using the network takes."""

    classes: list[str] = Field(description="In the order of the network's outputs.")
    input: ModelInput
    data: ModelDataset
    source: ModelSource | None = Field(description="Null where a job has trained it.")


class ModelToBring(BaseModel):
    """What a file of weights does not say itself."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(
        default=None, pattern=NAME_PATTERN, max_length=64, description="It becomes the next version of this name."
    )
    classes: str | None = Field(
        default=None,
        max_length=256 * 1024,
        description="Names of its classes, in the order of its outputs: a JSON array of texts. Without, they are "
        "`class 0`, `class 1` and so on.",
        examples=['["cat", "dog"]'],
    )
    image_size: int | None = Field(
        default=None,
        ge=8,
        le=1024,
        description="Pixels a side that it was trained on. Without, 224, and 32 for a network whose first "
        "convolution is 3x3.",
    )
    resize: Literal["crop", "pad", "stretch"] = Field(
        default="crop", description="How a picture that is not square becomes so."
    )
    mean: list[Annotated[float, Field(ge=0, le=255)]] | None = Field(
        default=None,
        description="Of each channel, in pixel values of 0 to 255. Without, ImageNet's; of a grey network it must be "
        "said.",
        examples=[[123.675, 116.28, 103.53]],
    )
    deviation: list[Annotated[float, Field(ge=1, le=255)]] | None = Field(
        default=None, description="The same.", examples=[[58.395, 57.12, 57.375]]
    )


class ModelVersionCreate(RequestBody):
    """Which trained model becomes the next version of a name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "mdl_01kasm2pbk5s9d0w3g6vq8zrhf"}]})

    model: str = Field(
        pattern=REFERENCE_PATTERN, max_length=129, description="Its id, or a name as `cats`, `cats@3`, `cats@staging`."
    )


class ModelVersion(ResponseSchema):
    """A trained model under a name. It never becomes another one."""

    name: str
    version: int
    model_id: str
    created_at: datetime
    url: str = Field(description="Of the trained model, by this version.")


class AliasMove(RequestBody):
    """What an alias shall stand for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1, "reason": "2 points better on pets@3"}]})

    version: int = Field(ge=1, le=LARGEST_VERSION)
    reason: Reason | None = Field(default=None, description="Kept in the alias's history.")


class ModelAlias(ResponseSchema):
    """A word that stands for one version of a name."""

    name: str
    alias: str
    version: int
    moved_at: datetime
    url: str = Field(description="Of the trained model that it stands for.")


class ModelAliasMove(ResponseSchema):
    """What an alias stood for from a time on."""

    version: int | None = Field(description="Null: for nothing, it was removed.")
    reason: str | None
    moved_at: datetime
