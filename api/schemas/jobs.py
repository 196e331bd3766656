"""Jobs and what they leave."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.base import Number, ResponseSchema
from api.schemas.fields import ACCELERATOR_DESCRIPTION, MAX_RETRIES_DESCRIPTION, PRIORITY_DESCRIPTION
from jobs.failures import FailureCode
from jobs.transitions import EndReason
from jobs.waiting import QueueReason
from models import JobStatus, Request
from training.metrics import RunFacts
from training.spec import ResolvedSpec


class Progress(ResponseSchema):
    """How far a job has got: to the last step that its current attempt has recorded, or to the checkpoint that it goes
    on from. What was lost with an attempt is not progress."""

    epoch: int | None = Field(description="Epoch of that step, from 0; null before the first.")
    epochs: int = Field(description="Epochs that the spec asks for; a job that stops early trains fewer.")
    step: int | None = Field(description="The step within that epoch, from 0.")
    steps_per_epoch: int | None = Field(description="Known once a worker has loaded the data.")
    percent: float = Field(ge=0, le=100)
    estimated_finish: datetime | None = Field(
        description="At the pace of the latest epoch, if every epoch is trained: a job that stops early is done "
        "sooner. Null unless the job is running and has trained an epoch."
    )


class QueuePlace(ResponseSchema):
    """Where a queued job stands, and why it is not running."""

    position: int | None = Field(
        description="From 1: by priority, then by age, among the jobs of all projects; null behind a thousand others."
    )
    code: QueueReason
    reason: str = Field(description="The same in words.")


class EpochRow(ResponseSchema):
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


class StepRow(ResponseSchema):
    """The mean loss of one batch, measured in front of its optimizer step."""

    epoch: int = Field(description="From 0.")
    step: int = Field(description="From 0 within the epoch.")
    loss: Number
    learning_rate: Number
    attempt: int = Field(description="The attempt that measured it.")
    recorded_at: datetime


class Attempt(ResponseSchema):
    """One worker's try at a job."""

    number: int = Field(description="From 1.")
    worker: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: EndReason | None = Field(description="Null while it lasts.")
    devices: list[str] | None = Field(description="That it trains on, by name.")
    resumed_from: str | None = Field(
        description="Name of the checkpoint that it went on from; null: it began at the beginning, or has not begun."
    )
    facts: RunFacts | None = Field(
        description="What it found before its first step: device, network and data; and the fastest way of computing "
        "a step that it has found since."
    )


class JobError(ResponseSchema):
    """Why a job failed."""

    code: FailureCode
    message: str
    hint: str = Field(description="What to change.")
    retryable: bool = Field(description="Whether the same job may well succeed if it is submitted again as it is.")
    attempt: int


class Weights(ResponseSchema):
    """What a job has trained."""

    size_bytes: int
    sha256: str = Field(description="Of the file, in hexadecimal digits.")
    download: str = Field(description="Its address.")


class JobDataset(ResponseSchema):
    """What a job is trained on."""

    name: str
    identity: str | None = Field(
        description="Of its classes and images, by content: equal where these are, whatever their files are called. "
        "64 hexadecimal digits; null until an attempt has loaded the data."
    )


class JobLinks(ResponseSchema):
    """Where the rest of a job is."""

    self: str
    stream: str = Field(description="Its events as they happen, as server-sent events.")
    cancel: str
    stop: str
    pause: str
    resume: str
    rerun: str
    metrics: str
    steps: str
    events: str
    log: str
    curves_svg: str
    curves_png: str
    checkpoints: str
    weights: str = Field(description="404 until the job has succeeded or stopped, or failed with weights.")


class SubmittedFields(ResponseSchema):
    """What a job was submitted with, or would be."""

    name: str | None
    description: str | None
    tags: list[str]
    priority: int = Field(ge=0, le=9, description=PRIORITY_DESCRIPTION)
    max_retries: int = Field(description=MAX_RETRIES_DESCRIPTION)
    accelerator: str | None = Field(description=f"{ACCELERATOR_DESCRIPTION} In lower case.")
    spec: ResolvedSpec = Field(description="Every default resolved.")


class JobIdentity(ResponseSchema):
    """Which job."""

    id: str = Field(description="Ascends with time.")
    project: str = Field(description="Whose it is.")


class Job(SubmittedFields, JobIdentity):
    """A training job."""

    dataset: JobDataset
    status: JobStatus = Field(description="Final: succeeded, failed, cancelled, stopped.")
    requested: Request | None = Field(description="What somebody wants of the job that a worker has yet to do.")
    created_at: datetime
    started_at: datetime | None = Field(description="When a worker first took it.")
    finished_at: datetime | None
    progress: Progress
    latest: EpochRow | None = Field(description="The last epoch trained.")
    best: BestEpoch | None = Field(description="The epoch with the highest accuracy, the earliest of several.")
    attempts: list[Attempt]
    weights: Weights | None = Field(description="Null until the job has succeeded or stopped, or failed with weights.")
    error: JobError | None = Field(description="Null unless the job has failed.")
    links: JobLinks
    queue: QueuePlace | None = Field(description="Null unless the job is queued.")


class Event(ResponseSchema):
    """Something that happened to a job."""

    id: int = Field(description="Ascends with time within the job, and counts its events alone.")
    type: str = Field(
        description="A status that it came into, `epoch` where one is measured (each once, in order), "
        "`epoch_revised` where one was trained again and went otherwise, or what else happened."
    )
    message: str
    attempt: int = Field(description="The attempt under way, or the last one; 0 before the first.")
    epoch: int | None = Field(description="Of `epoch` and `epoch_revised`: which one. Null of all else.")
    metrics: EpochRow | None = Field(description="Of that epoch, as they are now.")
    created_at: datetime


class Checkpoint(ResponseSchema):
    """A file that a job can go on from."""

    name: str = Field(description="Within the job.")
    attempt: int = Field(description="The attempt that wrote it.")
    epoch: int = Field(description="Of the next step, from 0.")
    step: int = Field(description="The next step within that epoch, from 0.")
    size_bytes: int
    sha256: str = Field(description="Of the file, in hexadecimal digits.")
    created_at: datetime
    metrics: EpochRow | None = Field(description="Of the epoch that it closes; null for one in the middle of an epoch.")
    usable: bool = Field(description="False: attempts have tried to go on from it, and could not.")
    download: str = Field(description="Its address.")
