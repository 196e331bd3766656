"""Types of the API: attempts.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from dataclasses import field
from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class StepChoice(Record):
    """One way of computing a training step. All of them compute the same, but for rounding."""

    mode: Literal["eager", "graph", "compile"] = "eager"
    """`graph`: forward and backward pass are replayed as CUDA graphs."""
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"


@record(frozen=True, slots=True, kw_only=True)
class StepTiming(Record):
    """How fast a step with one choice was."""

    choice: StepChoice
    images_per_second: float
    images: int | None = None
    """In the batch that was timed. None in a value of an earlier release: a whole batch."""


@record(frozen=True, slots=True, kw_only=True)
class RunFacts(Record):
    """The device, the network and the data of a run, known before its first step; and the step that tuning has
    chosen since."""

    device: str
    """`cpu`, or the accelerator's own name."""
    precision: Literal["fp32", "bf16", "fp16"]
    torch_version: str
    threads: int
    """Threads of one operation on the CPU."""
    parameters: int
    flops: int
    """Multiply-accumulates of one image's forward pass, as papers on ResNets count them."""
    classes: int
    image_size: int
    """Side in pixels."""
    channels: int
    """1 for grey, 3 for RGB."""
    train_images: int
    test_images: int
    steps_per_epoch: int
    validation_images: int = 0
    """Images that are split off the training images."""
    dropped_images: int = 0
    """Images that could not be read, and were left out."""
    ignored_files: int = 0
    """Files of an image folder that are no images. Hidden files and known companions do not count."""
    ignored_examples: tuple[str, ...] = ()
    """Places of some of them."""
    dataset_identity: str | None = None
    """Hash of the classes and images, by content. None in facts of a release before 0.3."""
    placement: Literal["resident", "streamed"] = "resident"
    """Where the images lie: on the device, or read as they are needed."""
    devices: int = 1
    """How many train together."""
    step: StepChoice = field(default_factory=StepChoice)
    """How steps are computed."""
    probed: tuple[StepTiming, ...] = ()
    """The timings that `step` was chosen by; empty where it was not tuned."""
    probe_seconds: float = 0.0
    """What this attempt has spent on tuning, which is not part of its training time."""
    fingerprint: str = ""
    """Two runs of one deterministic spec with equal fingerprints agree to the bit."""
    epochal_version: str | None = None
    """Of the trainer, as what follows. None in facts of a release before 0.4, and where it is unknown."""
    epochal_revision: str | None = None
    """The commit that its image was built from."""
    python_version: str | None = None
    torchvision_version: str | None = None
    cuda_version: str | None = None
    """CUDA that torch is built with; None on a CPU, as the next two."""
    cudnn_version: str | None = None
    driver_version: str | None = None
    """Of NVIDIA's driver."""
    processor: str | None = None
    """The CPU's own name."""


@record(frozen=True, slots=True, kw_only=True)
class Attempt(Record):
    """One worker's try at a job."""

    number: int
    """From 1."""
    worker: str
    started_at: datetime.datetime
    ended_at: datetime.datetime | None = None
    """None while it lasts."""
    end_reason: (
        Literal[
            "succeeded",
            "stopped",
            "paused",
            "cancelled",
            "drained",
            "out_of_memory",
            "diverged",
            "dataset_invalid",
            "dataset_changed",
            "spec_conflict",
            "storage_full",
            "quota_exceeded",
            "worker_lost",
            "stalled",
            "timeout",
            "internal",
        ]
        | None
    ) = None
    """None while it lasts."""
    devices: tuple[str, ...] | None = None
    """Names of the devices that it trains on."""
    resumed_from: str | None = None
    """The checkpoint that it resumed from. None: it began with the first step, or has not begun."""
    facts: RunFacts | None = None
    """What it found before its first step about device, network and data, and the fastest way to compute a step that
    it has found since."""


@record(frozen=True, slots=True, kw_only=True)
class QueuePlace(Record):
    """A queued job's position, and why it is not running."""

    position: int | None = None
    """From 1, among the jobs of all projects, by priority, then by age. None beyond the first thousand."""
    code: Literal[
        "no_worker",
        "no_such_device",
        "slots_busy",
        "behind_others",
        "backing_off",
        "unknown_spec",
        "quota_reached",
        "about_to_start",
    ]
    """Why it is not running, as a word."""
    reason: str
    """The same in words."""
