"""What the API answers with, as values.

Fields that a newer service adds are ignored, and those that may be null are None where an older one lacks them.
Epochs and steps count from 0, accuracies are fractions in [0, 1], losses cross-entropy in nats, times in UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

FINAL = frozenset({"succeeded", "failed", "cancelled", "stopped"})


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch. Train figures are means over the epoch while the network changes, test and validation figures of
    its end. Those are None in epochs that are not evaluated, and validation figures where nothing was split off."""

    epoch: int
    attempt: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    test_top5_accuracy: float | None  # None where there are five classes or fewer
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float  # training and evaluation together
    images_per_second: float  # training alone
    device_memory_bytes: int | None  # None on a CPU
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class BestEpoch(EpochRow):
    """The best epoch so far, and whose accuracy says so."""

    chosen_on: str | None  # "validation" or "test"; None of an older service, which knew no other than "test"


@dataclass(frozen=True, slots=True)
class StepRow:
    """The mean loss of one batch, in front of its optimizer step."""

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
    code: str | None  # the reason as a word; None of an older service
    reason: str


@dataclass(frozen=True, slots=True)
class StepChoice:
    """One way of computing a training step."""

    mode: str  # "eager", "graph" or "compile"
    memory_format: str
    precision: str


@dataclass(frozen=True, slots=True)
class StepTiming:
    """How fast a way of computing was when it was tried."""

    choice: StepChoice
    images_per_second: float
    images: int | None  # that it was tried on at once


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an attempt found before its first step, and the fastest step since. Those that may be None are so of an
    older service."""

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
    ignored_files: int | None  # of an image folder, that are no images
    ignored_examples: tuple[str, ...] | None  # places of some of them
    dataset_identity: str | None  # of the classes and images, by content
    placement: str | None  # of the images: "resident" or "streamed"
    devices: int | None  # that train together
    step: StepChoice | None
    probed: tuple[StepTiming, ...] | None  # what the step was chosen from
    probe_seconds: float | None  # that the attempt has spent on trying, beside its training
    fingerprint: str | None  # two deterministic runs with equal ones agree to the bit


@dataclass(frozen=True, slots=True)
class Attempt:
    """One worker's try at a job."""

    number: int  # from 1
    worker: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    devices: tuple[str, ...] | None  # that it trains on
    resumed_from: str | None  # name of a checkpoint; None: it began at the beginning
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
    """What a job has trained: a safetensors file."""

    size_bytes: int
    sha256: str
    download: str  # its address


@dataclass(frozen=True, slots=True)
class JobDataset:
    """What a job is trained on."""

    name: str
    identity: str | None  # by content, whatever files are called; None until an attempt has loaded it


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that a job can go on from, in front of `step` of `epoch`."""

    name: str
    attempt: int
    epoch: int
    step: int
    size_bytes: int
    sha256: str
    created_at: datetime
    metrics: EpochRow | None  # of the epoch that it closes; None in the middle of one
    usable: bool  # False: attempts have tried it in vain
    download: str  # its address


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits, and why."""

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
    """A training job as it was when asked for."""

    id: str
    project: str | None  # whose it is; None of an older service
    name: str | None
    description: str | None
    tags: tuple[str, ...]
    spec: dict[str, Any]  # every default resolved
    dataset: JobDataset | None  # None of an older service
    status: str
    requested: str | None  # "cancel", "stop" or "pause", while a worker has yet to do it
    priority: int | None  # 0 to 9, higher goes first; None of an older service, as the next two may be
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
    error: Failure | None  # None unless it has failed
    links: dict[str, str]

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Worker:
    """A connected worker. Its devices are "cpu" or accelerators' own names."""

    id: str
    state: str | None  # "online" or "draining"; what may be None is so of an older service, or unknown
    slots: int
    busy_slots: int | None
    jobs: tuple[str, ...] | None  # ids of those that it runs
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
    type: str  # a status that it came into, "epoch", "epoch_revised", or what else happened
    message: str
    attempt: int  # 0 before the first
    epoch: int | None  # that was measured; None of all other events
    metrics: EpochRow | None  # of that epoch, as they are now
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    data: tuple[Any, ...]
    has_more: bool | None
    next: str | None
