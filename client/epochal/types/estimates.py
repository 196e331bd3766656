"""Types of the API: estimates.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from epochal.records import Record, record
from epochal.types.attempts import QueuePlace

if TYPE_CHECKING:
    from epochal.types.specs import ResolvedSpec
else:  # dictionaries, which are read as they are
    ResolvedSpec = dict[str, Any]


@record(frozen=True, slots=True, kw_only=True)
class DataShape(Record):
    """The data set, with images resized as the spec asks."""

    train_images: int
    """Includes those that the spec splits off for validation."""
    test_images: int
    classes: int
    image_size: int
    """Side in pixels."""
    channels: int
    """1 for grey, 3 for RGB."""


@record(frozen=True, slots=True, kw_only=True)
class SpecConflict(Record):
    """A field of the spec that does not fit the data."""

    pointer: str
    """A JSON pointer (RFC 6901) into the body, as a URI fragment."""
    detail: str
    """What is expected."""


@record(frozen=True, slots=True, kw_only=True)
class Span(Record):
    """An estimate with its range."""

    low: float
    expected: float
    high: float
    """A value below `low` or above `high` is unlikely."""


@record(frozen=True, slots=True, kw_only=True)
class MemoryParts(Record):
    """Bytes, counted from the network's plan. Their sum exceeds the peak, since they are not all in memory at once:
    activations are freed while gradients are computed, and are gone when the optimizer steps."""

    weights: int
    """Includes the statistics of normalisation layers."""
    casts: int
    """Copies of the weights in half precision, for computing."""
    gradients: int
    optimizer: int
    """Its state for each weight."""
    scratch: int
    """Temporary memory during the optimizer's step."""
    averages: int
    """The average of the weights, if the spec asks for one."""
    activations: int
    """What the forward pass of one batch stores for the backward pass."""
    images: int
    """The data set, if it is placed on the device. With placement `auto`, a data set that takes more than half of
    the free memory is streamed instead."""
    total: int
    """The peak."""


@record(frozen=True, slots=True, kw_only=True)
class MemoryEstimate(Record):
    """Peak memory of each device, as its allocator counts it: on a GPU without the driver's own memory, on a CPU
    without that of the process itself."""

    total: Span
    """Bytes."""
    parts: MemoryParts
    precision: Literal["fp32", "bf16", "fp16"]
    """The assumed precision. For `auto` it is fp32, since runs that are long enough also try that."""
    basis: Literal["counted", "same_network"]
    """`counted`: from the plan alone. The range is 10 % below to 25 % above, plus 256 MiB for the workspaces of
    libraries; with precision `auto`, `low` is for bf16. `same_network`: corrected by what jobs with this
    architecture took. The range is that of those jobs, widened by 20 %."""
    runs: int
    """How many of the project's recent jobs the estimate is based on."""


@record(frozen=True, slots=True, kw_only=True)
class Pace(Record):
    """How fast the job would train, and how long, if it trains every epoch. Excludes waiting in the queue, loading
    the data, and the search for a faster step."""

    images_per_second: Span
    epoch_seconds: Span
    """Seconds of an epoch with evaluation."""
    total_seconds: Span
    basis: Literal["counted", "same_network", "other_networks"]
    """`same_network`: measured with the same network, image size, precision and kind of step, and half to twice the
    batch size. The range is that of the measurements, widened by 20 %, on a CPU by 50 %. `other_networks`: measured
    with the networks nearest in FLOPs. The range is wider by a factor of 1.5, and by the square root of the ratio of
    the FLOPs."""
    runs: int
    """How many of the project's recent jobs the estimate is based on."""


@record(frozen=True, slots=True, kw_only=True)
class DeviceEstimate(Record):
    """A kind of device that the job can run on."""

    device: str
    """`cpu`, or the accelerator's name."""
    workers: int
    """How many connected workers have it. 0: none, but the latest job ran on it."""
    pace: Pace | None = None
    """None: it cannot be estimated, and `reason` says why."""
    reason: str | None = None
    """If `pace` is None: why."""


@record(frozen=True, slots=True, kw_only=True)
class DryRun(Record):
    """What the submitted job would be. Nothing is stored."""

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
    queue: QueuePlace
    """Its position in the queue now, and why it would wait."""
    data: DataShape | None = None
    """None if only a worker can know; then `unknown` says why."""
    unknown: str | None = None
    """Why `data`, and everything that depends on it, is None."""
    conflicts: tuple[SpecConflict, ...]
    """Reasons for which the job would fail once a worker has the data."""
    parameters: int | None = None
    """Weights and biases of the network."""
    flops: int | None = None
    """Multiply-accumulate operations of one image's forward pass, the count in papers on ResNets."""
    steps_per_epoch: int | None = None
    memory: MemoryEstimate | None = None
    """None where `data` is."""
    devices: tuple[DeviceEstimate, ...]
    """Kinds of devices of the connected workers that the job can run on. If there is none, the suitable kind that a
    job ran on last; empty if there is none of that either."""
