"""Types of the API: metrics.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class EpochRow(Record):
    """One epoch. Train figures are means over the epoch's batches, while the network changes. Test and validation
    figures are of the network at the epoch's end, or of the average of its weights if the spec asks for one."""

    epoch: int
    """From 0."""
    train_loss: float
    """Mean cross-entropy in nats."""
    train_accuracy: float
    """A fraction in [0, 1]; of mixed images, by the label with the larger share."""
    test_loss: float | None = None
    """Cross-entropy in nats. None in epochs that are not evaluated."""
    test_accuracy: float | None = None
    """A fraction in [0, 1]. None in epochs that are not evaluated."""
    test_top5_accuracy: float | None = None
    """None likewise, and if there are five classes or fewer."""
    validation_loss: float | None = None
    """None likewise, and if no validation split was taken."""
    validation_accuracy: float | None = None
    """None likewise, and if no validation split was taken."""
    learning_rate: float
    """The learning rate of the epoch's last step."""
    seconds: float
    """Wall time of training and evaluation."""
    images_per_second: float
    """Training images per second of training, without evaluation."""
    device_memory_bytes: int | None = None
    """Peak memory allocated on the accelerator. None on a CPU."""
    gradient_norm: float | None = None
    """L2 norm of all gradients together, before clipping. This, the next two and the layers of `/layers` are means
    over one step in twenty, from the epoch's first on. None in epochs of earlier releases."""
    update_ratio: float | None = None
    """L2 norm of what a step changes the weights by, over that of the weights. None likewise."""
    dead_units: float | None = None
    """Share, in [0, 1], of the units behind ReLUs that are 0 for every image of a batch. A unit is a channel. None
    likewise, and for other activations, which are nowhere 0 for good."""
    loading_share: float | None = None
    """Share, in [0, 1], of the time of training in which a step waited for its images. None likewise."""
    attempt: int
    """The attempt that measured it."""
    recorded_at: datetime.datetime


@record(frozen=True, slots=True, kw_only=True)
class BestEpoch(EpochRow):
    """The best epoch so far, and what it was chosen on."""

    chosen_on: Literal["validation", "test"]
    """The split whose accuracy is the highest in this epoch: the validation split if the spec has one. Otherwise the
    test split itself; then the test accuracy is an optimistic estimate for new images."""


@record(frozen=True, slots=True, kw_only=True)
class StepRow(Record):
    """The mean loss of one batch, measured before its optimizer step."""

    epoch: int
    """From 0."""
    step: int
    """From 0 within the epoch."""
    loss: float
    """Cross-entropy in nats."""
    learning_rate: float
    attempt: int
    """The attempt that measured it."""
    recorded_at: datetime.datetime


@record(frozen=True, slots=True, kw_only=True)
class LayerSignals(Record):
    """A convolution or a linear layer, over the measured steps of an epoch."""

    name: str
    """As its weights are named in the model's file, without `.weight`."""
    gradient_norm: float | None = None
    """L2 norm of the gradients of its weights and biases, before clipping. None if it is frozen."""
    dead_units: float | None = None
    """Share of the units of the next ReLU behind it that are 0 for every image of a batch. None if there is none."""


@record(frozen=True, slots=True, kw_only=True)
class EpochLayers(Record):
    """The layers of a job's network in one epoch."""

    epoch: int | None = None
    """From 0. None if no epoch up to the requested one has them."""
    data: tuple[LayerSignals, ...]
    """In the order in which an image passes them."""


@record(frozen=True, slots=True, kw_only=True)
class Event(Record):
    """Something that happened to a job."""

    id: int
    """The number of the event within the job, ascending with time."""
    type: str
    """The job's new status; `epoch` when an epoch is measured (each once, in order); `epoch_revised` when an epoch
    was trained again with a different result; or another kind of event."""
    message: str
    attempt: int
    """The attempt under way, or else the last one. 0 before the first."""
    epoch: int | None = None
    """The epoch of `epoch` and `epoch_revised`. None for other events."""
    metrics: EpochRow | None = None
    """The current metrics of that epoch."""
    created_at: datetime.datetime


@record(frozen=True, slots=True, kw_only=True)
class JobEvent(Event):
    """An event in the stream of all jobs."""

    job_id: str
