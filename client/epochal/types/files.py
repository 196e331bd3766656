"""Types of the API: files.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime

from epochal.records import Record, record
from epochal.types.metrics import EpochRow


@record(frozen=True, slots=True, kw_only=True)
class Checkpoint(Record):
    """A file that a job can resume from."""

    name: str
    """Unique within the job."""
    attempt: int
    """The attempt that wrote it."""
    epoch: int
    """The epoch of the next step, from 0."""
    step: int
    """The next step within that epoch, from 0."""
    size_bytes: int
    sha256: str
    """Hash of the file, in hexadecimal digits."""
    created_at: datetime.datetime
    metrics: EpochRow | None = None
    """Metrics of the epoch that it completes. None for a checkpoint within an epoch."""
    usable: bool
    """False: attempts have tried to resume from it and failed."""
    download: str
    """The URL of the file."""


@record(frozen=True, slots=True, kw_only=True)
class MlflowRun(Record):
    """A job, as the operator's MLflow server has it."""

    experiment: str
    """Its name: `epochal/` and the project's."""
    run_id: str
    is_new: bool
    """Whether this request has made the run."""
    epochs_sent: int
    """How many epochs the run did not have yet."""


@record(frozen=True, slots=True, kw_only=True)
class Link(Record):
    """A signed link."""

    path: str
    """As it was sent."""
    url: str
    """Where the file is, for whoever has this. Relative to the API's host."""
    expires_at: datetime.datetime | None = None
    """None: it needs no signature, because no keys are required."""


@record(frozen=True, slots=True, kw_only=True)
class Links(Record):
    """Signed links, in the order of their paths."""

    data: tuple[Link, ...]
