"""Types of the API: jobs.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal

from epochal.records import Record, record
from epochal.types.attempts import Attempt, QueuePlace
from epochal.types.metrics import BestEpoch, EpochRow
from epochal.types.words import JobStatus, Request

if TYPE_CHECKING:
    from epochal.types.specs import ResolvedSpec
else:  # dictionaries, which are read as they are
    ResolvedSpec = dict[str, Any]


@record(frozen=True, slots=True, kw_only=True)
class JobDataset(Record):
    """The data set that a job is trained on."""

    name: str
    """As the spec names it."""
    version: int | None = None
    """Of an uploaded data set. It never changes."""
    identity: str | None = None
    """A hash of the content of its classes and images, independent of file names: 64 hexadecimal digits. None until
    an attempt has loaded the data, where it was not uploaded."""


@record(frozen=True, slots=True, kw_only=True)
class Progress(Record):
    """How far a job has got: the last step that its current attempt has recorded, or the checkpoint that it resumes
    from. Work that was lost with an earlier attempt does not count."""

    epoch: int | None = None
    """Epoch of that step, from 0; None before the first."""
    epochs: int
    """Epochs that the spec asks for. A job that stops early trains fewer."""
    step: int | None = None
    """The step within that epoch, from 0."""
    steps_per_epoch: int | None = None
    """Known once a worker has loaded the data."""
    percent: float
    """Share of all steps that the spec asks for. From 0 to 100."""
    estimated_finish: datetime.datetime | None = None
    """At the pace of the latest epoch, if every epoch is trained. A job that stops early finishes sooner. None
    unless the job is running and has trained an epoch."""


@record(frozen=True, slots=True, kw_only=True)
class Weights(Record):
    """The trained weights of a job."""

    size_bytes: int
    sha256: str
    """Hash of the file, in hexadecimal digits."""
    download: str
    """The URL of the file."""


@record(frozen=True, slots=True, kw_only=True)
class Predictions(Record):
    """What the network takes the images for that were held out, and the test images."""

    size_bytes: int
    sha256: str
    """Hash of the file, in hexadecimal digits."""
    download: str
    """The URL of the file."""


@record(frozen=True, slots=True, kw_only=True)
class JobError(Record):
    """Why a job failed."""

    code: Literal[
        "out_of_memory",
        "diverged",
        "dataset_invalid",
        "dataset_changed",
        "spec_conflict",
        "storage_full",
        "quota_exceeded",
        "worker_lost",
        "stalled",
        "timeout",
        "internal",
    ]
    message: str
    hint: str
    """What to change."""
    retryable: bool
    """Whether the same job may succeed if it is submitted again unchanged."""
    attempt: int
    """The attempt that failed."""


@record(frozen=True, slots=True, kw_only=True)
class JobLinks(Record):
    """URLs of a job's resources and actions."""

    self: str
    stream: str
    """The job's events as they happen, as server-sent events."""
    cancel: str
    stop: str
    pause: str
    resume: str
    rerun: str
    repeats: str
    """The job under other seeds: its repeats, with means and deviations."""
    diagnosis: str
    """What the curves mean, and what to try."""
    metrics: str
    layers: str
    steps: str
    events: str
    log: str
    curves_svg: str
    curves_png: str
    tensorboard: str
    """A zip of event files for TensorBoard."""
    manifest: str
    """What it takes to get this result again."""
    report: str
    """The result to read: HTML, or Markdown with `format=md`."""
    checkpoints: str
    weights: str
    """404 until the job has succeeded or stopped, or failed with weights."""


@record(frozen=True, slots=True, kw_only=True)
class Job(Record):
    """A training job."""

    id: str
    """Later jobs have greater ids."""
    project: str
    """The project that owns the job."""
    name: str | None = None
    description: str | None = None
    tags: tuple[str, ...]
    priority: int
    """A job with a higher priority runs first. From 0 to 9."""
    max_retries: int
    """How many attempts in a row may be lost without progress before the job fails. An attempt is lost to a dead
    worker, a stall or a full disk."""
    accelerator: str | None = None
    """`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. None: any device. In lower
    case."""
    repeats: int
    """How many jobs train the spec, each under a seed of its own: `seed`, `seed` + 1 and so on. The job stands for
    all of them: what it is asked to do, they do. Their means, deviations and intervals are under `links.repeats`."""
    spec: ResolvedSpec
    """The spec with every default filled in."""
    dataset: JobDataset
    status: JobStatus
    """Final statuses are succeeded, failed, cancelled and stopped."""
    requested: Request | None = None
    """A request on the job that a worker has not carried out yet."""
    created_at: datetime.datetime
    started_at: datetime.datetime | None = None
    """When a worker first claimed the job."""
    finished_at: datetime.datetime | None = None
    progress: Progress
    latest: EpochRow | None = None
    """The last epoch trained."""
    best: BestEpoch | None = None
    """The epoch with the highest accuracy; of equal ones the earliest."""
    attempts: tuple[Attempt, ...]
    weights: Weights | None = None
    """None until the job has succeeded or stopped, or failed with weights."""
    predictions: Predictions | None = None
    """None unless the job has succeeded; and where they would take more than 64 MiB, unless its spec has a
    `validation_fold`."""
    parent: str | None = None
    """The audit or the sweep whose part the job is, or the job that it repeats."""
    error: JobError | None = None
    """None unless the job has failed."""
    links: JobLinks
    queue: QueuePlace | None = None
    """None unless the job is queued."""


@record(frozen=True, slots=True, kw_only=True)
class JobProgress(Record):
    """How far a job is, in the stream of all jobs."""

    job_id: str
    status: JobStatus
    requested: Request | None = None
    progress: Progress
    queue: QueuePlace | None = None
    """None unless the job is queued."""


@record(frozen=True, slots=True, kw_only=True)
class JobDeleted(Record):
    """A job is not there any more, in the stream of all jobs."""

    job_id: str


@record(frozen=True, slots=True, kw_only=True)
class StreamReset(Record):
    """The stream goes on from now, and some of what has happened since `Last-Event-ID` is left out."""

    reason: Literal["too_far_behind", "unknown_position"]
    """`too_far_behind`: more than 10,000 events were missed. `unknown_position`: the id is none that this stream has
    sent, or of a database that is no more."""


@record(frozen=True, slots=True, kw_only=True)
class SummaryEpoch(Record):
    """The last epoch that a job has trained."""

    epoch: int
    """From 0."""
    train_loss: float
    train_accuracy: float
    test_loss: float | None = None
    """None in epochs that are not evaluated."""
    test_accuracy: float | None = None
    """None likewise."""
    learning_rate: float
    images_per_second: float


@record(frozen=True, slots=True, kw_only=True)
class SummaryBest(Record):
    """A job's best epoch."""

    epoch: int
    """From 0."""
    accuracy: float
    """A fraction in [0, 1], of the split that it was chosen on."""
    chosen_on: Literal["validation", "test"]


@record(frozen=True, slots=True, kw_only=True)
class JobSummary(Record):
    """A job as a row of a table. `GET /v1/jobs/{job_id}` says more of each field."""

    id: str
    name: str | None = None
    tags: tuple[str, ...]
    status: JobStatus
    requested: Request | None = None
    dataset: str
    """`pets`; of an uploaded data set with its version: `pets@3`."""
    architecture: str | None = None
    created_at: datetime.datetime
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None
    parent: str | None = None
    priority: int
    repeats: int
    epochs: int
    """Epochs that the spec asks for."""
    epoch: int | None = None
    """Of the last step that is done, from 0; None before the first."""
    percent: float
    """From 0 to 100."""
    estimated_finish: datetime.datetime | None = None
    latest: SummaryEpoch | None = None
    best: SummaryBest | None = None
    device: str | None = None
    """Of its last attempt: `cpu`, or such as `2 x NVIDIA H200`."""
    error_code: (
        Literal[
            "out_of_memory",
            "diverged",
            "dataset_invalid",
            "dataset_changed",
            "spec_conflict",
            "storage_full",
            "quota_exceeded",
            "worker_lost",
            "stalled",
            "timeout",
            "internal",
        ]
        | None
    ) = None
    spec: dict[str, bool | int | float | str]
    """Every hyperparameter by its path, such as `optimizer.learning_rate`. Those that are None are left out."""
    queue_code: (
        Literal[
            "no_worker",
            "no_such_device",
            "slots_busy",
            "behind_others",
            "backing_off",
            "unknown_spec",
            "quota_reached",
            "about_to_start",
        ]
        | None
    ) = None
    """Why it is not running. None unless it is queued."""
