"""Types of the API: models.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class ModelMetrics(Record):
    """What the weights were measured to do."""

    epoch: int
    test_loss: float
    test_accuracy: float
    """0 to 1."""
    test_top5_accuracy: float | None = None
    """None where there are five classes or fewer."""
    validation_loss: float | None = None
    """None without a validation split."""
    validation_accuracy: float | None = None


@record(frozen=True, slots=True, kw_only=True)
class ModelFile(Record):
    """A file of a trained model."""

    name: str
    bytes: int
    sha256: str
    url: str


@record(frozen=True, slots=True, kw_only=True)
class ModelVersionName(Record):
    """A name that a trained model has."""

    name: str
    version: int
    aliases: tuple[str, ...]
    """That stand for this version now."""


@record(frozen=True, slots=True, kw_only=True)
class ModelLinks(Record):
    """URLs of a trained model."""

    self: str
    job: str | None = None
    """None where somebody has brought the weights."""
    manifest: str
    archive: str


@record(frozen=True, slots=True, kw_only=True)
class TrainedModelSummary(Record):
    """A network that a job has trained, or whose weights somebody has brought."""

    id: str
    job_id: str | None = None
    """None where somebody has brought the weights."""
    which: Literal["last", "best", "brought"]
    """Of which epoch its weights are: `best`, as measured on the validation split, where the spec stops early.
    Otherwise the best ones are in best.safetensors, where there is a validation split and they are others.
    `brought`: nobody knows."""
    architecture: str
    dataset: str | None = None
    """The name of the data set that it was trained on, where it is known."""
    class_count: int
    metrics: ModelMetrics | None = None
    """Of these weights. None where they were not evaluated: a job was stopped within an epoch."""
    files: tuple[ModelFile, ...]
    names: tuple[ModelVersionName, ...]
    created_at: datetime.datetime
    links: ModelLinks


@record(frozen=True, slots=True, kw_only=True)
class ModelInput(Record):
    """What a network takes in: square pictures, each pixel less the mean and divided by the deviation."""

    size: int
    """Pixels a side."""
    channels: int
    """1: grey; 3: red, green and blue."""
    resize: str | None = None
    """How a picture of another form becomes a square: `crop`, `pad`, `stretch`."""
    mean: tuple[float, ...]
    """Of each channel, in pixel values of 0 to 255."""
    deviation: tuple[float, ...]
    """Of each channel, in pixel values of 0 to 255."""


@record(frozen=True, slots=True, kw_only=True)
class ModelDataset(Record):
    """What a network was trained on."""

    name: str | None = None
    """None where it is not known."""
    version: int | None = None
    """Of an uploaded data set."""
    identity: str | None = None
    """Of classes and images, by content."""


@record(frozen=True, slots=True, kw_only=True)
class ModelSource(Record):
    """The file that somebody has brought."""

    bytes: int
    sha256: str
    """Of the file as it was sent. The model's own file is written anew."""
    names: Literal["torchvision", "epochal"]
    """Whose names its tensors have: `torchvision`, which are timm's, too; or ours."""


@record(frozen=True, slots=True, kw_only=True)
class TrainedModel(TrainedModelSummary):
    """The same, with what using the network takes."""

    classes: tuple[str, ...]
    """In the order of the network's outputs."""
    input: ModelInput
    data: ModelDataset
    source: ModelSource | None = None
    """None where a job has trained it."""


@record(frozen=True, slots=True, kw_only=True)
class ModelTaskProgress(Record):
    """How far a worker is."""

    stage: str
    done: int
    total: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class ModelTaskError(Record):
    """Why an export or an evaluation has failed."""

    code: str
    message: str
    hint: str
    """What to change."""


@record(frozen=True, slots=True, kw_only=True)
class ExportLinks(Record):
    """URLs of an export."""

    self: str
    model: str


@record(frozen=True, slots=True, kw_only=True)
class ModelExport(Record):
    """An export of a trained model. Its files are files of the trained model."""

    id: str
    model_id: str
    status: Literal["queued", "running", "succeeded", "failed"]
    formats: tuple[str, ...]
    progress: ModelTaskProgress | None = None
    """None unless a worker has it."""
    files: tuple[ModelFile, ...]
    """That it has made; empty until it has succeeded."""
    error: ModelTaskError | None = None
    """None unless it has failed."""
    created_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    links: ExportLinks


@record(frozen=True, slots=True, kw_only=True)
class ModelVersion(Record):
    """A trained model under a name. It never becomes another one."""

    name: str
    version: int
    model_id: str
    created_at: datetime.datetime
    url: str
    """Of the trained model, by this version."""


@record(frozen=True, slots=True, kw_only=True)
class ModelAlias(Record):
    """A word that stands for one version of a name."""

    name: str
    alias: str
    version: int
    moved_at: datetime.datetime
    url: str
    """Of the trained model that it stands for."""


@record(frozen=True, slots=True, kw_only=True)
class ModelAliasMove(Record):
    """What an alias stood for from a time on."""

    version: int | None = None
    """None: for nothing, it was removed."""
    reason: str | None = None
    moved_at: datetime.datetime
