"""What a job would be, as a dry run tells."""

from typing import Literal

from pydantic import Field

from api.schemas.base import ResponseSchema
from api.schemas.jobs import QueuePlace, SubmittedFields
from jobs.estimates import Basis
from training.metrics import Precision

RUNS_DESCRIPTION = "Of the project's recent jobs, so many that it stands on."


class Span(ResponseSchema):
    """A number that is not known exactly."""

    low: float
    expected: float
    high: float = Field(description="It would be a surprise to see less than `low` or more than this.")


class DataShape(ResponseSchema):
    """The data set, with its images as large as the spec has them."""

    train_images: int = Field(description="Those that the spec splits off for validation included.")
    test_images: int
    classes: int
    image_size: int = Field(description="Side in pixels.")
    channels: int = Field(description="1 for grey, 3 for RGB.")


class MemoryParts(ResponseSchema):
    """Bytes, counted from the network's plan. Together they are more than the peak: activations are gone when the
    optimizer works, and gradients come as activations go."""

    weights: int = Field(description="With normalisations' statistics.")
    casts: int = Field(description="Copies of the weights in half precision, to compute with.")
    gradients: int
    optimizer: int = Field(description="What it keeps for each weight.")
    scratch: int = Field(description="What the optimizer needs while it works.")
    averages: int = Field(description="The average of the weights, where the spec asks for one.")
    activations: int = Field(description="What the forward pass of one batch keeps for the backward pass.")
    images: int = Field(
        description="The data set, where it lies on the device. With the placement `auto`, a device streams what takes "
        "more than half of its free memory."
    )
    total: int = Field(description="Their peak.")


class MemoryEstimate(ResponseSchema):
    """Memory of each device at its peak, as its allocator counts it: of a GPU, without what the driver takes; of a CPU,
    without the process itself."""

    total: Span = Field(description="Bytes.")
    parts: MemoryParts
    precision: Precision = Field(
        description="In which it is counted: with `auto`, fp32, since runs that are long enough try that, too."
    )
    basis: Literal["counted", "same_network"] = Field(
        description="`counted`: from the plan alone, within a tenth below and a quarter above, and 256 MiB for the "
        "workspaces of libraries; with `auto`, `low` is of bf16. `same_network`: corrected by what jobs with this "
        "architecture took, as far apart as they were, give or take a fifth."
    )
    runs: int = Field(description=RUNS_DESCRIPTION)


class Pace(ResponseSchema):
    """How fast it would train, and how long. Without waiting in the queue, loading data, and looking for a faster step;
    if every epoch is trained."""

    images_per_second: Span
    epoch_seconds: Span = Field(description="Of an epoch that is evaluated.")
    total_seconds: Span
    basis: Basis = Field(
        description="`same_network`: measured in the same network, image size, precision and kind of step, with half "
        "to twice the batch: as far apart as they were, give or take a fifth, on a CPU a half. `other_networks`: "
        "measured in those nearest in size, by FLOPs: off by another factor of 1.5 and the root of how far they are "
        "apart."
    )
    runs: int = Field(description=RUNS_DESCRIPTION)


class DeviceEstimate(ResponseSchema):
    """A kind of device that fits the job."""

    device: str = Field(description="`cpu`, or the accelerator's own name.")
    workers: int = Field(description="Connected ones that have it; 0: none does, but it is where a job ran last.")
    pace: Pace | None
    reason: str | None = Field(description="Why there is no pace.")


class SpecConflict(ResponseSchema):
    """Where the spec does not fit the data."""

    pointer: str = Field(description="Into the body: an RFC 6901 pointer as a URI fragment.")
    detail: str = Field(description="What would be right.")


class DryRun(SubmittedFields):
    """What the job would be. Nothing is stored."""

    queue: QueuePlace = Field(description="Where it would stand now, and why it would wait.")
    data: DataShape | None = Field(description="Null where only a worker could tell; `unknown` says so.")
    unknown: str | None = Field(description="Why `data` is null, and all that follows from it.")
    conflicts: list[SpecConflict] = Field(description="For these a worker would refuse the job, once it has the data.")
    parameters: int | None
    flops: int | None = Field(
        description="Multiply-accumulates of one image's forward pass, as papers on ResNets count them."
    )
    steps_per_epoch: int | None
    memory: MemoryEstimate | None
    devices: list[DeviceEstimate] = Field(
        description="Kinds that connected workers have and that fit the job. Where none does, the one where a job ran "
        "last that does; empty where there is none of that, either."
    )
