"""Jobs, and what they produce."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from api.schemas.base import Number, ResponseSchema, published_as
from api.schemas.fields import (
    ACCELERATOR_DESCRIPTION,
    MAX_RETRIES_DESCRIPTION,
    PRIORITY_DESCRIPTION,
    REPEATS_DESCRIPTION,
)
from jobs.failures import FailureCode
from jobs.transitions import EndReason
from jobs.waiting import QueueReason
from models import JobStatus, Request
from training.metrics import RunFacts
from training.spec import ResolvedSpec


class Progress(ResponseSchema):
    """How far a job has got: the last step that its current attempt has recorded, or the checkpoint that it resumes
    from. Work that was lost with an earlier attempt does not count."""

    epoch: int | None = Field(description="Epoch of that step, from 0; null before the first.")
    epochs: int = Field(description="Epochs that the spec asks for. A job that stops early trains fewer.")
    step: int | None = Field(description="The step within that epoch, from 0.")
    steps_per_epoch: int | None = Field(description="Known once a worker has loaded the data.")
    percent: float = Field(ge=0, le=100, description="Share of all steps that the spec asks for.")
    estimated_finish: datetime | None = Field(
        description="At the pace of the latest epoch, if every epoch is trained. A job that stops early finishes "
        "sooner. Null unless the job is running and has trained an epoch."
    )


class QueuePlace(ResponseSchema):
    """A queued job's position, and why it is not running."""

    position: int | None = Field(
        description="From 1, among the jobs of all projects, by priority, then by age. Null beyond the first thousand."
    )
    code: QueueReason = Field(description="Why it is not running, as a word.")
    reason: str = Field(description="The same in words.")


class EpochRow(ResponseSchema):
    """One epoch. Train figures are means over the epoch's batches, while the network changes. Test and validation
    figures are of the network at the epoch's end, or of the average of its weights if the spec asks for one.
    """

    epoch: int = Field(description="From 0.")
    train_loss: Number = Field(description="Mean cross-entropy in nats.")
    train_accuracy: Number = Field(
        description="A fraction in [0, 1]; of mixed images, by the label with the larger share."
    )
    test_loss: Number | None = Field(description="Cross-entropy in nats. Null in epochs that are not evaluated.")
    test_accuracy: Number | None = Field(description="A fraction in [0, 1]. Null in epochs that are not evaluated.")
    test_top5_accuracy: Number | None = Field(description="Null likewise, and if there are five classes or fewer.")
    validation_loss: Number | None = Field(description="Null likewise, and if no validation split was taken.")
    validation_accuracy: Number | None = Field(description="Null likewise, and if no validation split was taken.")
    learning_rate: Number = Field(description="The learning rate of the epoch's last step.")
    seconds: Number = Field(description="Wall time of training and evaluation.")
    images_per_second: Number = Field(description="Training images per second of training, without evaluation.")
    device_memory_bytes: int | None = Field(description="Peak memory allocated on the accelerator. Null on a CPU.")
    gradient_norm: Number | None = Field(
        description="L2 norm of all gradients together, before clipping. This, the next two and the layers of "
        "`/layers` are means over one step in twenty, from the epoch's first on. Null in epochs of earlier releases."
    )
    update_ratio: Number | None = Field(
        description="L2 norm of what a step changes the weights by, over that of the weights. Null likewise."
    )
    dead_units: Number | None = Field(
        description="Share, in [0, 1], of the units behind ReLUs that are 0 for every image of a batch. A unit is a "
        "channel. Null likewise, and for other activations, which are nowhere 0 for good."
    )
    loading_share: Number | None = Field(
        description="Share, in [0, 1], of the time of training in which a step waited for its images. Null likewise."
    )
    attempt: int = Field(description="The attempt that measured it.")
    recorded_at: datetime


class LayerSignals(ResponseSchema):
    """A convolution or a linear layer, over the measured steps of an epoch."""

    name: str = Field(description="As its weights are named in the model's file, without `.weight`.")
    gradient_norm: Number | None = Field(
        description="L2 norm of the gradients of its weights and biases, before clipping. Null if it is frozen."
    )
    dead_units: Number | None = Field(
        description="Share of the units of the next ReLU behind it that are 0 for every image of a batch. Null if "
        "there is none."
    )


class EpochLayers(ResponseSchema):
    """The layers of a job's network in one epoch."""

    epoch: int | None = Field(description="From 0. Null if no epoch up to the requested one has them.")
    data: list[LayerSignals] = Field(description="In the order in which an image passes them.")


class BestEpoch(EpochRow):
    """The best epoch so far, and what it was chosen on."""

    chosen_on: Literal["validation", "test"] = Field(
        description="The split whose accuracy is the highest in this epoch: the validation split if the spec has one. "
        "Otherwise the test split itself; then the test accuracy is an optimistic estimate for new images."
    )


class StepRow(ResponseSchema):
    """The mean loss of one batch, measured before its optimizer step."""

    epoch: int = Field(description="From 0.")
    step: int = Field(description="From 0 within the epoch.")
    loss: Number = Field(description="Cross-entropy in nats.")
    learning_rate: Number
    attempt: int = Field(description="The attempt that measured it.")
    recorded_at: datetime


class Attempt(ResponseSchema):
    """One worker's try at a job."""

    number: int = Field(description="From 1.")
    worker: str
    started_at: datetime
    ended_at: datetime | None = Field(description="Null while it lasts.")
    end_reason: Annotated[str, published_as(EndReason)] | None = Field(description="Null while it lasts.")
    devices: list[str] | None = Field(description="Names of the devices that it trains on.")
    resumed_from: str | None = Field(
        description="The checkpoint that it resumed from. Null: it began with the first step, or has not begun."
    )
    facts: Annotated[RunFacts | None, BeforeValidator(RunFacts.from_stored)] = Field(
        description="What it found before its first step about device, network and data, and the fastest way to "
        "compute a step that it has found since."
    )


class JobError(ResponseSchema):
    """Why a job failed."""

    code: Annotated[str, published_as(FailureCode)]
    message: str
    hint: str = Field(description="What to change.")
    retryable: bool = Field(description="Whether the same job may succeed if it is submitted again unchanged.")
    attempt: int = Field(description="The attempt that failed.")


class Weights(ResponseSchema):
    """The trained weights of a job."""

    size_bytes: int
    sha256: str = Field(description="Hash of the file, in hexadecimal digits.")
    download: str = Field(description="The URL of the file.")


class Predictions(ResponseSchema):
    """What the network takes the images for that were held out, and the test images."""

    size_bytes: int
    sha256: str = Field(description="Hash of the file, in hexadecimal digits.")
    download: str = Field(description="The URL of the file.")


class JobDataset(ResponseSchema):
    """The data set that a job is trained on."""

    name: str = Field(description="As the spec names it.")
    version: int | None = Field(description="Of an uploaded data set. It never changes.")
    identity: str | None = Field(
        description="A hash of the content of its classes and images, independent of file names: 64 hexadecimal "
        "digits. Null until an attempt has loaded the data, where it was not uploaded."
    )


class JobLinks(ResponseSchema):
    """URLs of a job's resources and actions."""

    self: str
    stream: str = Field(description="The job's events as they happen, as server-sent events.")
    cancel: str
    stop: str
    pause: str
    resume: str
    rerun: str
    repeats: str = Field(description="The job under other seeds: its repeats, with means and deviations.")
    diagnosis: str = Field(description="What the curves mean, and what to try.")
    metrics: str
    layers: str
    steps: str
    events: str
    log: str
    curves_svg: str
    curves_png: str
    tensorboard: str = Field(description="A zip of event files for TensorBoard.")
    manifest: str = Field(description="What it takes to get this result again.")
    report: str = Field(description="The result to read: HTML, or Markdown with `format=md`.")
    checkpoints: str
    weights: str = Field(description="404 until the job has succeeded or stopped, or failed with weights.")


class SubmittedFields(ResponseSchema):
    """The fields that a job is submitted with: shared by a job and a dry run."""

    name: str | None
    description: str | None
    tags: list[str]
    priority: int = Field(ge=0, le=9, description=PRIORITY_DESCRIPTION)
    max_retries: int = Field(description=MAX_RETRIES_DESCRIPTION)
    accelerator: str | None = Field(description=f"{ACCELERATOR_DESCRIPTION} In lower case.")
    repeats: int = Field(description=REPEATS_DESCRIPTION)
    spec: SerializeAsAny[ResolvedSpec] = Field(description="The spec with every default filled in.")


class JobIdentity(ResponseSchema):
    """The id and the project of a job."""

    id: str = Field(description="Later jobs have greater ids.")
    project: str = Field(description="The project that owns the job.")


class Job(SubmittedFields, JobIdentity):
    """A training job."""

    dataset: JobDataset
    status: JobStatus = Field(description="Final statuses are succeeded, failed, cancelled and stopped.")
    requested: Request | None = Field(description="A request on the job that a worker has not carried out yet.")
    created_at: datetime
    started_at: datetime | None = Field(description="When a worker first claimed the job.")
    finished_at: datetime | None
    progress: Progress
    latest: EpochRow | None = Field(description="The last epoch trained.")
    best: BestEpoch | None = Field(description="The epoch with the highest accuracy; of equal ones the earliest.")
    attempts: list[Attempt]
    weights: Weights | None = Field(description="Null until the job has succeeded or stopped, or failed with weights.")
    predictions: Predictions | None = Field(
        description="Null unless the job has succeeded; and where they would take more than 64 MiB, unless its spec "
        "has a `validation_fold`."
    )
    parent: str | None = Field(description="The audit or the sweep whose part the job is, or the job that it repeats.")
    error: JobError | None = Field(description="Null unless the job has failed.")
    links: JobLinks
    queue: QueuePlace | None = Field(description="Null unless the job is queued.")


class Event(ResponseSchema):
    """Something that happened to a job."""

    id: int = Field(description="The number of the event within the job, ascending with time.")
    type: str = Field(
        description="The job's new status; `epoch` when an epoch is measured (each once, in order); `epoch_revised` "
        "when an epoch was trained again with a different result; or another kind of event."
    )
    message: str
    attempt: int = Field(description="The attempt under way, or else the last one. 0 before the first.")
    epoch: int | None = Field(description="The epoch of `epoch` and `epoch_revised`. Null for other events.")
    metrics: EpochRow | None = Field(description="The current metrics of that epoch.")
    created_at: datetime


class JobEvent(Event):
    """An event in the stream of all jobs."""

    job_id: str


class JobProgress(ResponseSchema):
    """How far a job is, in the stream of all jobs."""

    job_id: str
    status: JobStatus
    requested: Request | None
    progress: Progress
    queue: QueuePlace | None = Field(description="Null unless the job is queued.")


class JobDeleted(ResponseSchema):
    """A job is not there any more, in the stream of all jobs."""

    job_id: str


class StreamReset(ResponseSchema):
    """The stream goes on from now, and some of what has happened since `Last-Event-ID` is left out."""

    reason: Literal["too_far_behind", "unknown_position"] = Field(
        description="`too_far_behind`: more than 10,000 events were missed. `unknown_position`: the id is none that "
        "this stream has sent, or of a database that is no more."
    )


class Checkpoint(ResponseSchema):
    """A file that a job can resume from."""

    name: str = Field(description="Unique within the job.")
    attempt: int = Field(description="The attempt that wrote it.")
    epoch: int = Field(description="The epoch of the next step, from 0.")
    step: int = Field(description="The next step within that epoch, from 0.")
    size_bytes: int
    sha256: str = Field(description="Hash of the file, in hexadecimal digits.")
    created_at: datetime
    metrics: EpochRow | None = Field(
        description="Metrics of the epoch that it completes. Null for a checkpoint within an epoch."
    )
    usable: bool = Field(description="False: attempts have tried to resume from it and failed.")
    download: str = Field(description="The URL of the file.")
