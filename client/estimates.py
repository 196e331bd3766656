"""What a job would be, as a dry run tells. Bytes, seconds, and how sure they are."""

from dataclasses import dataclass
from typing import Any

from client.records import QueuePlace


@dataclass(frozen=True, slots=True)
class Span:
    """A number that is not known exactly: it would be a surprise to see less than `low` or more than `high`."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class DataShape:
    """The data set, with its images as large as the spec has them."""

    train_images: int  # with those that are split off for validation
    test_images: int
    classes: int
    image_size: int
    channels: int


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Bytes, counted from the network's plan; `total` is their peak, which is less than their sum."""

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
    """Of each device, at its peak."""

    total: Span
    parts: MemoryParts
    precision: str  # in which it is counted
    basis: str  # "counted", or "same_network": corrected by what jobs with this architecture took
    runs: int  # that it stands on


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it would train, and how long, without waiting in the queue."""

    images_per_second: Span
    epoch_seconds: Span
    total_seconds: Span
    basis: str  # "same_network" or "other_networks", of which it was measured
    runs: int


@dataclass(frozen=True, slots=True)
class DeviceEstimate:
    """A kind of device that fits the job."""

    device: str
    workers: int  # connected ones that have it
    pace: Pace | None
    reason: str | None  # why there is no pace


@dataclass(frozen=True, slots=True)
class SpecConflict:
    """Where the spec does not fit the data."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the job would be. Nothing is stored."""

    name: str | None
    description: str | None
    tags: tuple[str, ...]
    priority: int
    max_retries: int
    accelerator: str | None
    spec: dict[str, Any]  # every default resolved
    queue: QueuePlace
    data: DataShape | None  # None where only a worker could tell
    unknown: str | None  # why
    conflicts: tuple[SpecConflict, ...]  # for which a worker would refuse the job, once it has the data
    parameters: int | None
    flops: int | None
    steps_per_epoch: int | None
    memory: MemoryEstimate | None
    devices: tuple[DeviceEstimate, ...]
