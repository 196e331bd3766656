"""The answers of the API as dataclasses.

Fields that a newer service adds are ignored. Fields that may be None are None if an older service does not send them.
Epochs and steps count from 0, accuracies are fractions in [0, 1], losses cross-entropy in nats, times in UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

FINAL = frozenset({"succeeded", "failed", "cancelled", "stopped"})


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch. Training values are means over the epoch, during which the network changes. Test and validation values
    are measured at its end. They are None if the epoch is not evaluated; validation values also if no images are split
    off."""

    epoch: int
    attempt: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    test_top5_accuracy: float | None  # None if there are five classes or fewer
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float  # training and evaluation together
    images_per_second: float  # training alone
    device_memory_bytes: int | None  # None on a CPU
    # The rest is None from an older service.
    gradient_norm: float | None  # L2, before clipping
    update_ratio: float | None  # norm of an update over norm of the weights
    dead_units: float | None  # share of ReLUs' channels that are 0 for a whole batch; None for other activations
    loading_share: float | None  # of the training time, in which a step waited for its images
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class BestEpoch(EpochRow):
    """The best epoch so far, and on which images that was decided."""

    chosen_on: str | None  # "validation" or "test"; None from an older service, which always used "test"


@dataclass(frozen=True, slots=True)
class StepRow:
    """The mean loss of one batch, before its optimizer step."""

    epoch: int
    step: int
    loss: float
    learning_rate: float
    attempt: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has got."""

    epoch: int | None  # of the last recorded step; None before the first
    epochs: int
    step: int | None
    steps_per_epoch: int | None  # None until a worker has loaded the data
    percent: float
    estimated_finish: datetime | None


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a queued job stands, and why it is not running."""

    position: int | None  # from 1; None behind a thousand others
    code: str | None  # the reason as a word; None from an older service
    reason: str


@dataclass(frozen=True, slots=True)
class StepChoice:
    """One way of computing a training step."""

    mode: str  # "eager", "graph" or "compile"
    memory_format: str
    precision: str


@dataclass(frozen=True, slots=True)
class StepTiming:
    """The measured speed of one way of computing a training step."""

    choice: StepChoice
    images_per_second: float
    images: int | None  # batch size of the measurement


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts that an attempt determined before its first step, and the fastest step measured since. Fields that may be
    None are None from an older service."""

    device: str
    precision: str
    torch_version: str
    threads: int
    parameters: int
    flops: int
    classes: int
    image_size: int
    channels: int
    train_images: int
    test_images: int
    steps_per_epoch: int | None
    validation_images: int | None
    dropped_images: int | None  # that could not be read
    ignored_files: int | None  # files in an image folder that are no images
    ignored_examples: tuple[str, ...] | None  # paths of some of them
    dataset_identity: str | None  # hash of the classes and images
    placement: str | None  # of the images: "resident" or "streamed"
    devices: int | None  # that train together
    step: StepChoice | None
    probed: tuple[StepTiming, ...] | None  # the measurements that `step` was chosen from
    probe_seconds: float | None  # time that the attempt spent on them, in addition to its training
    fingerprint: str | None  # two deterministic runs with the same fingerprint agree to the bit
    epochal_version: str | None  # of the trainer, as the next fields
    epochal_revision: str | None  # the commit that its image was built from
    python_version: str | None
    torchvision_version: str | None
    cuda_version: str | None
    cudnn_version: str | None
    driver_version: str | None  # NVIDIA's
    processor: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a worker to run a job."""

    number: int  # from 1
    worker: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    devices: tuple[str, ...] | None  # that it trains on
    resumed_from: str | None  # name of a checkpoint; None if it started from the beginning
    facts: RunFacts | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed. `hint` says what to change."""

    code: str
    message: str
    hint: str
    retryable: bool
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Weights:
    """The trained weights of a job: a safetensors file."""

    size_bytes: int
    sha256: str
    download: str  # its address


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a network takes the images for that a spec's `validation_fold` holds out, and the test images: a safetensors
    file."""

    size_bytes: int
    sha256: str
    download: str  # its address


@dataclass(frozen=True, slots=True)
class JobDataset:
    """The data set of a job."""

    name: str
    identity: str | None  # hash of its content, not of file names; None until an attempt has loaded it


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that a job can resume from, at `step` of `epoch`."""

    name: str
    attempt: int
    epoch: int
    step: int
    size_bytes: int
    sha256: str
    created_at: datetime
    metrics: EpochRow | None  # of the epoch that it ends; None in the middle of an epoch
    usable: bool  # False if attempts failed to resume from it
    download: str  # its address


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits for a worker, and why."""

    job_id: str
    name: str | None
    priority: int  # 0 to 9, higher goes first
    devices: int
    accelerator: str | None
    requested: str | None
    queued_at: datetime
    position: int | None  # from 1; None behind a thousand others
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Job:
    """A training job, as it was at the time of the request."""

    id: str
    project: str | None  # None from an older service
    name: str | None
    description: str | None
    tags: tuple[str, ...]
    spec: dict[str, Any]  # every default resolved
    dataset: JobDataset | None  # None from an older service
    status: str
    requested: str | None  # "cancel", "stop" or "pause", while a worker has yet to do it
    priority: int | None  # 0 to 9, higher goes first; this and the next two are None from an older service
    max_retries: int | None
    accelerator: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    queue: QueuePlace | None  # None unless it is queued
    latest: EpochRow | None
    best: BestEpoch | None
    attempts: tuple[Attempt, ...]
    weights: Weights | None  # None until it has succeeded or stopped
    predictions: Predictions | None  # None unless it has succeeded; nor where they would be too large
    parent: str | None  # the audit or the sweep whose part it is, or the job that it repeats
    repeats: int | None  # jobs of its spec under seeds that follow each other, with itself; None from an older service
    error: Failure | None  # None unless it has failed
    links: dict[str, str]

    @property
    def finished(self) -> bool:
        """Whether the job has ended: it will not change any more."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Worker:
    """A connected worker. Its devices are "cpu" or the names of accelerators. What may be None is unknown, or not sent
    by an older service."""

    id: str
    state: str | None  # "online" or "draining"
    slots: int
    busy_slots: int | None
    jobs: tuple[str, ...] | None  # ids of the jobs that it runs
    devices: tuple[str, ...]
    torch_version: str
    python_version: str | None
    epochal_version: str | None
    cores: int | None
    load_average: float | None
    memory_total_bytes: int | None
    memory_available_bytes: int | None
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    id: int  # ascends with time
    type: str  # a status that the job entered, "epoch", "epoch_revised", or something else
    message: str
    attempt: int  # 0 before the first
    epoch: int | None  # the epoch that was measured; None in all other events
    metrics: EpochRow | None  # of that epoch, as they are now
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    data: tuple[Any, ...]
    has_more: bool | None
    next: str | None
