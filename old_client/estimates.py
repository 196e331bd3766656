"""The answer of a dry run: what a job would need, in bytes and seconds, and how certain these are."""

from dataclasses import dataclass
from typing import Any

from old_client.resources import QueuePlace


@dataclass(frozen=True, slots=True)
class Span:
    """An estimated number. A value below `low` or above `high` would be a surprise."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class DataShape:
    """The data set, with images of the size that the spec sets."""

    train_images: int  # including those that are split off for validation
    test_images: int
    classes: int
    image_size: int
    channels: int


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Bytes, computed from the network's layers. `total` is the peak. It is less than the sum, because not all parts
    are in memory at the same time."""

    weights: int
    casts: int
    gradients: int
    optimizer: int
    scratch: int
    averages: int
    activations: int
    images: int
    total: int


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Peak memory of each device."""

    total: Span
    parts: MemoryParts
    precision: str  # that the estimate is for
    basis: str  # "counted", or "same_network": corrected by measurements of jobs with this architecture
    runs: int  # number of measured jobs


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed and duration of the training, without the time in the queue."""

    images_per_second: Span
    epoch_seconds: Span
    total_seconds: Span
    basis: str  # "same_network" or "other_networks": which jobs were measured
    runs: int


@dataclass(frozen=True, slots=True)
class DeviceEstimate:
    """A kind of device that can run the job."""

    device: str
    workers: int  # connected workers that have it
    pace: Pace | None
    reason: str | None  # why there is no pace


@dataclass(frozen=True, slots=True)
class SpecConflict:
    """Where the spec does not fit the data."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """The job that would be made. Nothing is stored."""

    name: str | None
    description: str | None
    tags: tuple[str, ...]
    priority: int
    max_retries: int
    accelerator: str | None
    repeats: int | None  # None from an older service
    spec: dict[str, Any]  # every default resolved
    queue: QueuePlace
    data: DataShape | None  # None if only a worker can tell
    unknown: str | None  # why `data` is None
    conflicts: tuple[SpecConflict, ...]  # reasons for which a worker would fail the job, once it has loaded the data
    parameters: int | None
    flops: int | None
    steps_per_epoch: int | None
    memory: MemoryEstimate | None
    devices: tuple[DeviceEstimate, ...]
