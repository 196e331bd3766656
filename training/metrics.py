"""What a training run measures. Torch-free: the platform stores these values and serves them."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Mode = Literal["eager", "graph", "compile"]
MemoryFormat = Literal["channels_last", "contiguous"]
Precision = Literal["fp32", "bf16", "fp16"]


class Measured(BaseModel):
    """A frozen value. NaN and infinities are written as strings, as in protobuf's JSON mapping.

    Stored values are read by other releases: a field that this release does not know is dropped.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class StepChoice(Measured):
    """One way of computing a training step. All of them compute the same, but for rounding."""

    mode: Mode = Field(default="eager", description="`graph`: forward and backward pass are replayed as CUDA graphs.")
    memory_format: MemoryFormat = "channels_last"
    precision: Precision = "fp32"


class StepTiming(Measured):
    """How fast a step with one choice was."""

    choice: StepChoice
    images_per_second: float
    images: int | None = Field(
        default=None, description="In the batch that was timed. Null in a value of an earlier release: a whole batch."
    )


class RunFacts(Measured):
    """The device, the network and the data of a run, known before its first step; and the step that tuning has chosen
    since."""

    device: str = Field(description="`cpu`, or the accelerator's own name.")
    precision: Precision
    torch_version: str
    threads: int = Field(description="Threads of one operation on the CPU.")
    parameters: int
    flops: int = Field(description="Multiply-accumulates of one image's forward pass, as papers on ResNets count them.")
    classes: int
    image_size: int = Field(description="Side in pixels.")
    channels: int = Field(description="1 for grey, 3 for RGB.")
    train_images: int
    test_images: int
    steps_per_epoch: int
    validation_images: int = Field(default=0, description="Images that are split off the training images.")
    dropped_images: int = Field(default=0, description="Images that could not be read, and were left out.")
    ignored_files: int = Field(
        default=0,
        description="Files of an image folder that are no images. Hidden files and known companions do not count.",
    )
    ignored_examples: tuple[str, ...] = Field(default=(), description="Places of some of them.")
    dataset_identity: str | None = Field(
        default=None, description="Hash of the classes and images, by content. Null in facts of a release before 0.3."
    )
    placement: Literal["resident", "streamed"] = Field(
        default="resident", description="Where the images lie: on the device, or read as they are needed."
    )
    devices: int = Field(default=1, description="How many train together.")
    step: StepChoice = Field(default=StepChoice(), description="How steps are computed.")
    probed: tuple[StepTiming, ...] = Field(
        default=(), description="The timings that `step` was chosen by; empty where it was not tuned."
    )
    probe_seconds: float = Field(
        default=0.0, description="What this attempt has spent on tuning, which is not part of its training time."
    )
    fingerprint: str = Field(
        default="", description="Two runs of one deterministic spec with equal fingerprints agree to the bit."
    )
    epochal_version: str | None = Field(
        default=None,
        description="Of the trainer, as what follows. Null in facts of a release before 0.4, and where it is unknown.",
    )
    epochal_revision: str | None = Field(default=None, description="The commit that its image was built from.")
    python_version: str | None = None
    torchvision_version: str | None = None
    cuda_version: str | None = Field(
        default=None, description="CUDA that torch is built with; null on a CPU, as the next two."
    )
    cudnn_version: str | None = None
    driver_version: str | None = Field(default=None, description="Of NVIDIA's driver.")
    processor: str | None = Field(default=None, description="The CPU's own name.")

    @classmethod
    def from_stored(cls, facts: Mapping[str, Any] | None) -> Self | None:
        """As an attempt has stored them. None if it has stored none, or a release that this one cannot read did."""
        try:
            return cls.model_validate(facts) if facts else None
        except ValidationError:
            return None


class StepMetrics(Measured):
    """The mean loss of one batch, before its optimizer step."""

    epoch: int  # from 0
    step: int  # from 0 within the epoch
    loss: float  # cross-entropy in nats
    learning_rate: float


class LayerSignals(Measured):
    """One convolution or linear layer in one epoch: means over its measured steps."""

    name: str  # as its weights are named: stage1.block1.branch.convolution1
    gradient_norm: float | None  # L2, of its weights and biases together; None of a layer that does not learn
    dead_units: float | None  # of the next rectifying activation behind it; None where there is none


class EpochMetrics(Measured):
    """One epoch. Training metrics are means over the epoch's batches, each measured as it was trained on. Test and
    validation metrics are of the network at the end of the epoch, or of the averaged weights where the spec asks for
    them. They are None in epochs that are not evaluated; validation metrics also without a validation split."""

    epoch: int  # from 0
    train_loss: float  # cross-entropy in nats
    train_accuracy: float  # fraction in [0, 1]; of mixed images, by the label with the larger share
    test_loss: float | None
    test_accuracy: float | None
    test_top5_accuracy: float | None  # None where there are five classes or fewer
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    learning_rate: float  # of the epoch's last step
    seconds: float  # wall time of training and evaluation together
    images_per_second: float  # training images over the wall time of training alone
    device_memory_bytes: int | None  # peak that the accelerator allocated; None on a CPU
    # What follows is None in a value of an earlier release. training/engine/signals.py says at which steps it is
    # measured; those whose gradients are not finite do not count, and None is what no step was measured of.
    gradient_norm: float | None = None  # L2, of all gradients together, before clipping
    update_ratio: float | None = None  # L2 norm of what a step changes the weights by, over that of the weights
    # Share, in [0, 1], of the units behind rectifying activations that are 0 for every image of a measured batch, or of
    # its first part; a unit is a channel. None for activations that have no range in which they are 0.
    dead_units: float | None = None
    # Share of the wall time of training, in [0, 1], that the step waited for its images, as this process sees it. A
    # wait during which a GPU still had work does not count.
    loading_share: float | None = None
    layers: tuple[LayerSignals, ...] | None = None  # in forward order; None in most epochs of a very long run, too
