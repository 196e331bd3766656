"""Types of the API: attempts.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Literal

from epochal.decoding import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChoice(Record):
    """One way of computing a training step. All of them compute the same, but for rounding."""

    mode: Literal["eager", "graph", "compile"] = "eager"
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming(Record):
    """How fast a step with one choice was."""

    choice: StepChoice
    images_per_second: float
    images: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts(Record):
    """The device, the network and the data of a run, known before its first step; and the step that tuning has
    chosen since."""

    device: str
    precision: Literal["fp32", "bf16", "fp16"]
    torch_version: str
    threads: int
    parameters: int
    flops: int
    classes: int
    image_size: int
    channels: int
    train_images: int
    test_images: int
    steps_per_epoch: int
    validation_images: int = 0
    dropped_images: int = 0
    ignored_files: int = 0
    ignored_examples: tuple[str, ...] = ()
    dataset_identity: str | None = None
    placement: Literal["resident", "streamed"] = "resident"
    devices: int = 1
    step: StepChoice = field(default_factory=StepChoice)
    probed: tuple[StepTiming, ...] = ()
    probe_seconds: float = 0.0
    fingerprint: str = ""
    epochal_version: str | None = None
    epochal_revision: str | None = None
    python_version: str | None = None
    torchvision_version: str | None = None
    cuda_version: str | None = None
    cudnn_version: str | None = None
    driver_version: str | None = None
    processor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Record):
    """One worker's try at a job."""

    number: int
    """From 1."""
    worker: str
    started_at: datetime.datetime
    ended_at: datetime.datetime | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    reason: str
    """The same in words."""
