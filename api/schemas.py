"""What comes back. Times are RFC 3339 in UTC, accuracies fractions in [0, 1], losses cross-entropy in nats."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from jobs.failures import FailureCode
from jobs.lifecycle import EndReason
from models import JobStatus, Request
from training.metrics import RunFacts
from training.recipe_results import RecipeResult
from training.recipes import RecipeName
from training.spec import Stem, TrainingSpec

Item = TypeVar("Item")

# What JSON has no number for, as protobuf's JSON mapping writes it.
_NOT_FINITE = ["NaN", "Infinity", "-Infinity"]
Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "enum": _NOT_FINITE}]}, mode="serialization"),
]


class Wire(BaseModel):
    """A shape of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_inf_nan="strings")


class Progress(Wire):
    """How far a job has got. An attempt that starts anew after a crash is as far as it has got itself."""

    epoch: int | None = Field(description="Epoch of the last recorded step, from 0; null before the first.")
    epochs: int = Field(description="Epochs that the spec asks for; a job that stops early trains fewer.")
    step: int | None = Field(description="Last recorded step within that epoch, from 0.")
    steps_per_epoch: int | None = Field(description="Known once a worker has loaded the data.")
    percent: float = Field(ge=0, le=100)
    estimated_finish: datetime | None = Field(
        description="At the pace of the latest epoch, if every epoch is trained: a job that stops early is done "
        "sooner. Null unless the job is running and has trained an epoch."
    )


class QueuePlace(Wire):
    """Where a queued job stands, and why it is not running."""

    position: int = Field(description="From 1.")
    reason: str


class EpochRow(Wire):
    """One epoch. Train figures are means over the epoch's batches while the network changes, test and validation
    figures are of the network at its end, or of its average where the spec asks for one.
    """

    epoch: int = Field(description="From 0.")
    train_loss: Number
    train_accuracy: Number
    test_loss: Number | None = Field(description="Null in epochs that are not evaluated.")
    test_accuracy: Number | None = Field(description="Null in epochs that are not evaluated.")
    test_top5_accuracy: Number | None = Field(description="Null there, too, and where there are five classes or fewer.")
    validation_loss: Number | None = Field(description="Null there, too, and where nothing was split off.")
    validation_accuracy: Number | None = Field(description="Null there, too, and where nothing was split off.")
    learning_rate: Number = Field(description="Of the epoch's last step.")
    seconds: Number = Field(description="Wall time of training and evaluation together.")
    images_per_second: Number = Field(description="Training images over the wall time of training alone.")
    device_memory_bytes: int | None = Field(description="Peak that the accelerator allocated; null on a CPU.")
    attempt: int = Field(description="The attempt that measured it.")
    recorded_at: datetime


class BestEpoch(EpochRow):
    """The best epoch so far, and what it was chosen on."""

    chosen_on: Literal["validation", "test"] = Field(
        description="Whose accuracy is the highest: of the validation split where the spec has one. Where it has "
        "none, of the test split itself, so that its test accuracy is an optimistic estimate for new images."
    )


class StepRow(Wire):
    """The mean loss of one batch, measured in front of its optimizer step."""

    epoch: int = Field(description="From 0.")
    step: int = Field(description="From 0 within the epoch.")
    loss: Number
    learning_rate: Number
    attempt: int = Field(description="The attempt that measured it.")
    recorded_at: datetime


class Attempt(Wire):
    """One worker's try at a job."""

    number: int = Field(description="From 1.")
    worker: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: EndReason | None = Field(description="Null while it lasts.")
    facts: RunFacts | None = Field(
        description="What it found before its first step: device, network and data; and the fastest way of computing "
        "a step that it has found since."
    )


class JobError(Wire):
    """Why a job failed."""

    code: FailureCode
    message: str
    hint: str = Field(description="What to change.")
    retryable: bool = Field(description="Whether the same job may well succeed if it is submitted again as it is.")
    attempt: int


class JobLinks(Wire):
    """Where the rest of a job is."""

    self: str
    cancel: str
    metrics: str
    steps: str
    log: str
    curves_svg: str
    curves_png: str


class Job(Wire):
    """A training job."""

    id: str = Field(description="Ascends with time.")
    name: str | None
    tags: list[str]
    spec: TrainingSpec = Field(description="Every default resolved.")
    status: JobStatus = Field(description="Final: succeeded, failed, cancelled, stopped.")
    requested: Request | None = Field(description="What somebody wants of the job that its worker has yet to do.")
    created_at: datetime
    started_at: datetime | None = Field(description="When a worker first took it.")
    finished_at: datetime | None
    progress: Progress
    queue: QueuePlace | None = Field(description="Null unless the job is queued.")
    latest: EpochRow | None = Field(description="The last epoch trained.")
    best: BestEpoch | None = Field(description="The epoch with the highest accuracy, the earliest of several.")
    attempts: list[Attempt]
    error: JobError | None = Field(description="Null unless the job has failed.")
    links: JobLinks


class Page(Wire, Generic[Item]):
    """One page of a list."""

    data: list[Item]  # in a Sequence, pydantic would write NaN as null
    has_more: bool = Field(description="Whether another page follows now.")
    next: str | None = Field(
        description="Address of the next page, null behind the last. Of metrics and steps never null: poll it for more."
    )


class Dataset(Wire):
    """A data set that a job can name. Null is what only loading it would tell."""

    name: str
    title: str
    source: Literal["shipped", "download", "folder"] = Field(
        description="`download`: a worker fetches it once. `folder`: in EPOCHAL_DATASETS_DIR."
    )
    classes: int | None
    train_images: int | None
    test_images: int | None
    image_size: int | None = Field(description="Side of its square images in pixels.")
    channels: int | None = Field(description="1 for grey, 3 for RGB.")
    licence: str | None


class NetworkSize(Wire):
    """How large an architecture is on a reference task."""

    stem: Stem
    dataset: str = Field(description="The reference task.")
    image_size: int
    channels: int
    classes: int
    parameters: int
    flops: int = Field(description="Multiply-accumulates of one image's forward pass, as papers on ResNets count them.")


class Architecture(Wire):
    """An architecture that a job can name."""

    name: str
    family: Literal["cifar_resnet", "resnet", "cifar_resnext", "resnext", "wide_resnet", "pyramidnet"]
    title: str = Field(description="Of the family.")
    description: str = Field(description="Of the family: what its networks consist of.")
    paper: str
    options: list[str] = Field(description="Fields that the spec's architecture takes beside `name`.")
    stems: list[Stem] = Field(description="What it begins with: of two, the option `stem` chooses one.")
    sizes: list[NetworkSize] = Field(description="One a stem, with every option at its default.")


class Recipe(Wire):
    """A named starting point for a spec."""

    name: RecipeName = Field(description="What a spec's `recipe` says.")
    title: str
    description: str
    spec: dict[str, JsonValue] = Field(
        description="What it fills in where the spec says nothing; all else takes its default."
    )
    results: list[RecipeResult] = Field(description="What it was measured to reach; empty where nothing was measured.")


class Worker(Wire):
    """A connected worker."""

    id: str
    slots: int = Field(description="Jobs that it runs at once.")
    devices: list[str]
    torch_version: str
    started_at: datetime
    seen_at: datetime


class Live(Wire):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(Wire):
    """The service can do its work."""

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"
    workers: int = Field(description="How many are connected. Without any, jobs are accepted and wait.")


class ProblemKind(Wire):
    """A kind of error."""

    type: str = Field(description="What a problem of this kind has as its `type`.")
    code: str
    status: int
    title: str


class InvalidPart(BaseModel):
    """What is wrong in one place of a request: of its body or of its query."""

    pointer: str | None = Field(default=None, description="Into the body: an RFC 6901 pointer as a URI fragment.")
    parameter: str | None = Field(default=None, description="Of the query.")
    detail: str = Field(description="What would be right.")


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI reference that names this kind of error; `GET /problems` lists them.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="What a program may depend on.")
    request_id: str = Field(description="As in `X-Request-ID` and in the service's log.")
    errors: list[InvalidPart] | None = Field(default=None, description="Of a request that is not valid.")
