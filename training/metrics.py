"""What a training run measures. Torch-free: the platform stores and serves these."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Mode = Literal["eager", "graph", "compile"]  # graph: forward and backward replayed as CUDA graphs
MemoryFormat = Literal["channels_last", "contiguous"]
Precision = Literal["fp32", "bf16", "fp16"]


class Measured(BaseModel):
    """A frozen record. NaN and infinities travel as the strings that protobuf's JSON mapping uses.

    What is stored is read by other releases, too: a field that this one does not know is left out.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class StepChoice(Measured):
    """One way of computing a training step. All of them compute the same, but for rounding."""

    mode: Mode = "eager"
    memory_format: MemoryFormat = "channels_last"
    precision: Precision = "fp32"


class StepTiming(Measured):
    """How fast a way of computing was when it was tried."""

    choice: StepChoice
    images_per_second: float
    images: int | None = None  # that it was tried on at once; None of an earlier release, which took a whole batch


class RunFacts(Measured):
    """What a run found before its first step: the device, the network and the data; and what it found to be the
    fastest step since."""

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
    probed: tuple[StepTiming, ...] = ()  # what the step was chosen from; empty where nothing was tried
    probe_seconds: float = 0.0  # that this attempt has spent on trying, beside its training
    fingerprint: str = ""  # two runs of one deterministic spec with equal fingerprints agree to the bit


class StepMetrics(Measured):
    """The mean loss of one batch, measured in front of its optimizer step."""

    epoch: int  # from 0
    step: int  # from 0 within the epoch
    loss: float  # cross-entropy in nats
    learning_rate: float


class EpochMetrics(Measured):
    """One epoch. Train figures are means over the epoch's batches, as the network saw them, while it changes; test
    and validation figures are of the network at its end, or of its average where the spec asks for one. They are
    None in epochs that are not evaluated, validation figures also where nothing was split off."""

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
