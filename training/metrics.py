"""What a training run measures. Torch-free: the platform stores these values and serves them."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

Mode = Literal["eager", "graph", "compile"]  # graph: forward and backward replayed as CUDA graphs
MemoryFormat = Literal["channels_last", "contiguous"]
Precision = Literal["fp32", "bf16", "fp16"]


class Measured(BaseModel):
    """A frozen value. NaN and infinities are written as strings, as in protobuf's JSON mapping.

    Stored values are read by other releases: a field that this release does not know is dropped.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class StepChoice(Measured):
    """One way of computing a training step. All of them compute the same, but for rounding."""

    mode: Mode = "eager"
    memory_format: MemoryFormat = "channels_last"
    precision: Precision = "fp32"


class StepTiming(Measured):
    """How fast a step with one choice was."""

    choice: StepChoice
    images_per_second: float
    images: int | None = None  # in the batch that was timed; None in a value of an earlier release: a whole batch


class RunFacts(Measured):
    """The device, the network and the data of a run, known before its first step; and the step that tuning has chosen
    since."""

    device: str  # "cpu", or the accelerator's own name
    precision: Precision
    torch_version: str
    threads: int  # of intra-operation parallelism on the CPU
    parameters: int
    flops: int  # multiply-accumulates of one image's forward pass, as papers on ResNets count them
    classes: int
    image_size: int
    channels: int
    train_images: int
    test_images: int
    steps_per_epoch: int
    validation_images: int = 0  # split off the training images
    dropped_images: int = 0  # that could not be read
    ignored_files: int = 0  # of an image folder, that are no images; hidden files and known companions do not count
    ignored_examples: tuple[str, ...] = ()  # places of some of them
    dataset_identity: str | None = None  # of the classes and images, by content; None of a release before 0.3
    placement: Literal["resident", "streamed"] = "resident"
    devices: int = 1  # that train together
    step: StepChoice = StepChoice()
    probed: tuple[StepTiming, ...] = ()  # the timings that `step` was chosen by; empty where it was not tuned
    probe_seconds: float = 0.0  # that this attempt has spent on tuning, which are not part of its training time
    fingerprint: str = ""  # two runs of one deterministic spec with equal fingerprints agree to the bit
    # Of the trainer; None in facts of a release before 0.4, and where it is not known or there is none.
    epochal_version: str | None = None
    epochal_revision: str | None = None  # the commit that its image was built from
    python_version: str | None = None
    torchvision_version: str | None = None
    cuda_version: str | None = None  # that torch is built with; None on a CPU, as the next two
    cudnn_version: str | None = None
    driver_version: str | None = None  # NVIDIA's
    processor: str | None = None  # its own name

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
