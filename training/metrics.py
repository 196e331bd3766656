"""What a training run measures. Torch-free: the platform stores and serves these."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Precision = Literal["fp32", "bf16"]


class Measured(BaseModel):
    """A frozen record. NaN and infinities travel as the strings that protobuf's JSON mapping uses."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class RunFacts(Measured):
    """What a run found before its first step: the device, the network and the data."""

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


class StepMetrics(Measured):
    """The mean loss of one batch, measured in front of its optimizer step."""

    epoch: int  # from 0
    step: int  # from 0 within the epoch
    loss: float  # cross-entropy in nats
    learning_rate: float


class EpochMetrics(Measured):
    """One epoch. Train figures are means over the epoch's batches while the network changes, test figures
    are of the network at its end."""

    epoch: int  # from 0
    train_loss: float  # cross-entropy in nats
    train_accuracy: float  # fraction in [0, 1]
    test_loss: float
    test_accuracy: float
    test_top5_accuracy: float | None  # None where there are five classes or fewer
    learning_rate: float  # of the epoch's last step
    seconds: float  # wall time of training and evaluation together
    images_per_second: float  # training images over the wall time of training alone
    device_memory_bytes: int | None  # peak that the accelerator allocated; None on a CPU
