"""The answer of a dry run: what the job would be, need and take."""

from typing import Literal

from pydantic import Field

from api.schemas.base import ResponseSchema
from api.schemas.jobs import QueuePlace, SubmittedFields
from jobs.estimates import Basis
from training.metrics import Precision

RUNS_DESCRIPTION = "How many of the project's recent jobs the estimate is based on."


class Span(ResponseSchema):
    """An estimate with its range."""

    low: float
    expected: float
    high: float = Field(description="A value below `low` or above `high` is unlikely.")


class DataShape(ResponseSchema):
    """The data set, with images resized as the spec asks."""

    train_images: int = Field(description="Includes those that the spec splits off for validation.")
    test_images: int
    classes: int
    image_size: int = Field(description="Side in pixels.")
    channels: int = Field(description="1 for grey, 3 for RGB.")


class MemoryParts(ResponseSchema):
    """Bytes, counted from the network's plan. Their sum exceeds the peak, since they are not all in memory at once:
    activations are freed while gradients are computed, and are gone when the optimizer steps."""

    weights: int = Field(description="Includes the statistics of normalisation layers.")
    casts: int = Field(description="Copies of the weights in half precision, for computing.")
    gradients: int
    optimizer: int = Field(description="Its state for each weight.")
    scratch: int = Field(description="Temporary memory during the optimizer's step.")
    averages: int = Field(description="The average of the weights, if the spec asks for one.")
    activations: int = Field(description="What the forward pass of one batch stores for the backward pass.")
    images: int = Field(
        description="The data set, if it is placed on the device. With placement `auto`, a data set that takes more "
        "than half of the free memory is streamed instead."
    )
    total: int = Field(description="The peak.")


class MemoryEstimate(ResponseSchema):
    """Peak memory of each device, as its allocator counts it: on a GPU without the driver's own memory, on a CPU
    without that of the process itself."""

    total: Span = Field(description="Bytes.")
    parts: MemoryParts
    precision: Precision = Field(
        description="The assumed precision. For `auto` it is fp32, since runs that are long enough also try that."
    )
    basis: Literal["counted", "same_network"] = Field(
        description="`counted`: from the plan alone. The range is 10 % below to 25 % above, plus 256 MiB for the "
        "workspaces of libraries; with precision `auto`, `low` is for bf16. `same_network`: corrected by what jobs "
        "with this architecture took. The range is that of those jobs, widened by 20 %."
    )
    runs: int = Field(description=RUNS_DESCRIPTION)


class Pace(ResponseSchema):
    """How fast the job would train, and how long, if it trains every epoch. Excludes waiting in the queue, loading the
    data, and the search for a faster step."""

    images_per_second: Span
    epoch_seconds: Span = Field(description="Seconds of an epoch with evaluation.")
    total_seconds: Span
    basis: Basis = Field(
        description="`same_network`: measured with the same network, image size, precision and kind of step, and half "
        "to twice the batch size. The range is that of the measurements, widened by 20 %, on a CPU by 50 %. "
        "`other_networks`: measured with the networks nearest in FLOPs. The range is wider by a factor of 1.5, and by "
        "the square root of the ratio of the FLOPs."
    )
    runs: int = Field(description=RUNS_DESCRIPTION)


class DeviceEstimate(ResponseSchema):
    """A kind of device that the job can run on."""

    device: str = Field(description="`cpu`, or the accelerator's name.")
    workers: int = Field(description="How many connected workers have it. 0: none, but the latest job ran on it.")
    pace: Pace | None = Field(description="Null: it cannot be estimated, and `reason` says why.")
    reason: str | None = Field(description="If `pace` is null: why.")


class SpecConflict(ResponseSchema):
    """A field of the spec that does not fit the data."""

    pointer: str = Field(description="A JSON pointer (RFC 6901) into the body, as a URI fragment.")
    detail: str = Field(description="What is expected.")


class DryRun(SubmittedFields):
    """What the submitted job would be. Nothing is stored."""

    queue: QueuePlace = Field(description="Its position in the queue now, and why it would wait.")
    data: DataShape | None = Field(description="Null if only a worker can know; then `unknown` says why.")
    unknown: str | None = Field(description="Why `data`, and everything that depends on it, is null.")
    conflicts: list[SpecConflict] = Field(
        description="Reasons for which the job would fail once a worker has the data."
    )
    parameters: int | None = Field(description="Weights and biases of the network.")
    flops: int | None = Field(
        description="Multiply-accumulate operations of one image's forward pass, the count in papers on ResNets."
    )
    steps_per_epoch: int | None
    memory: MemoryEstimate | None = Field(description="Null where `data` is.")
    devices: list[DeviceEstimate] = Field(
        description="Kinds of devices of the connected workers that the job can run on. If there is none, the suitable "
        "kind that a job ran on last; empty if there is none of that either."
    )
