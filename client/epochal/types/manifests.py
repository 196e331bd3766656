"""Types of the API: manifests.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal

from epochal.records import Record, record
from epochal.types.attempts import Attempt, RunFacts
from epochal.types.jobs import JobDataset
from epochal.types.words import JobStatus

if TYPE_CHECKING:
    from epochal.types.specs import ResolvedSpec
else:  # dictionaries, which are read as they are
    ResolvedSpec = dict[str, Any]


@record(frozen=True, slots=True, kw_only=True)
class ManifestJob(Record):
    """Which job this is of."""

    id: str
    name: str | None = None
    status: JobStatus
    created_at: datetime.datetime
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None


@record(frozen=True, slots=True, kw_only=True)
class StartingWeights(Record):
    """The weights that a job has begun from, or will begin from."""

    size_bytes: int
    sha256: str
    """Hash of the file, in hexadecimal digits."""
    id: str
    """Of the trained model, or of the job, whose weights they are."""


@record(frozen=True, slots=True, kw_only=True)
class ModelFileOfJob(Record):
    """A file of the trained model that a job has left."""

    size_bytes: int
    sha256: str
    """Hash of the file, in hexadecimal digits."""
    name: str
    """`weights.safetensors`, `best.safetensors` or `predictions.safetensors`."""


@record(frozen=True, slots=True, kw_only=True)
class ManifestCheckpoint(Record):
    """A checkpoint that is kept."""

    size_bytes: int
    sha256: str
    """Hash of the file, in hexadecimal digits."""
    name: str
    """As `GET /v1/jobs/{job_id}/checkpoints` has it."""
    attempt: int
    """The attempt that wrote it."""
    epoch: int
    """The epoch of the next step, from 0."""
    step: int
    """The next step within that epoch, from 0."""
    is_of_best_epoch: bool
    """It was taken at the end of the best epoch so far."""


@record(frozen=True, slots=True, kw_only=True)
class MetricsTable(Record):
    """The metrics that are recorded, in a canonical form that docs/api.md defines."""

    columns: tuple[str, ...]
    """In the order of the table: what a run comes to, and no times."""
    rows: int
    """One for each epoch."""
    sha256: str
    r"""Of the canonical form. `curl …/metrics?format=csv&limit=10000 | tr -d '\r' | cut -d, -f1-9 | sha256sum`
    prints the same."""


@record(frozen=True, slots=True, kw_only=True)
class JobManifest(Record):
    """What it takes to get a job's result again, as far as it is known. Equal states of a job give equal manifests."""

    format: Literal["epochal-job-manifest/1"] = "epochal-job-manifest/1"
    complete: bool
    """False until the job has ended: something may be added."""
    job: ManifestJob
    data: JobDataset
    seed: int | None = None
    spec: ResolvedSpec
    """The spec with every default filled in."""
    environment: RunFacts | None = None
    """Device, software and threads of the latest attempt that has begun to train, as its worker found them. Two jobs
    of one spec with `deterministic` and one data set end with the same weights, bit for bit, where their
    `fingerprint` is the same. None before the first."""
    attempts: tuple[Attempt, ...]
    starting_weights: StartingWeights | None = None
    """The file that the spec's `starting_weights` name. What a job has begun from stays here after that is deleted.
    None: they are random, or were gone before the job began."""
    model: str | None = None
    """The trained model that the job has left, by its id."""
    files: tuple[ModelFileOfJob, ...]
    """Of that model: weights of the last epoch and of the best one."""
    checkpoints: tuple[ManifestCheckpoint, ...]
    metrics: MetricsTable


@record(frozen=True, slots=True, kw_only=True)
class JobCurves(Record):
    """A job's curves as columns, with a value for each epoch of `epoch`."""

    job_id: str
    epoch: tuple[int, ...]
    """From 0, ascending."""
    train_loss: tuple[float | None, ...]
    train_accuracy: tuple[float | None, ...]
    test_loss: tuple[float | None, ...]
    """None in epochs that are not evaluated."""
    test_accuracy: tuple[float | None, ...]
    """None likewise."""


@record(frozen=True, slots=True, kw_only=True)
class CurveList(Record):
    """The curves of several jobs."""

    data: tuple[JobCurves, ...]
    """In the order of the request, without jobs that are not there."""
