"""Types of the API: workers.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Literal

from epochal.records import Record, record
from epochal.types.words import Request


@record(frozen=True, slots=True, kw_only=True)
class Worker(Record):
    """A connected worker."""

    id: str
    state: Literal["online", "draining"]
    """`draining`: it claims no more jobs, and is shutting down."""
    slots: int
    """How many jobs it runs at once."""
    busy_slots: int
    """How many jobs it runs now, those of other projects included."""
    jobs: tuple[str, ...]
    """Ids of the jobs that it runs, only those of the caller's project."""
    devices: tuple[str, ...]
    """Names of its accelerators, or `cpu`."""
    torch_version: str
    python_version: str | None = None
    epochal_version: str | None = None
    """Of the release that it runs."""
    cores: int | None = None
    """CPU cores that it may use."""
    load_average: float | None = None
    """Load average of its machine over the last minute. None if the machine does not tell."""
    memory_total_bytes: int | None = None
    """Memory of its machine, or of its container."""
    memory_available_bytes: int | None = None
    """The part of that memory that is available without swapping."""
    started_at: datetime.datetime
    seen_at: datetime.datetime
    """When it was last heard of."""


@record(frozen=True, slots=True, kw_only=True)
class QueuedJob(Record):
    """A job in the queue, and why it waits."""

    job_id: str
    name: str | None = None
    priority: int
    """A job with a higher priority runs first."""
    devices: int
    """How many it trains on."""
    accelerator: str | None = None
    """`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. None: any device."""
    requested: Request | None = None
    """`stop`: a worker is going to write the job's weights from its last checkpoint."""
    queued_at: datetime.datetime
    """When it last entered the queue."""
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
    """Why it waits, as a word."""
    reason: str
    """The same in words."""
