"""Types of the API: projects.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal

from epochal.records import Record, record

if TYPE_CHECKING:
    from epochal.types.bodies import Retention
else:  # dictionaries, which are read as they are
    Retention = dict[str, Any]


@record(frozen=True, slots=True, kw_only=True)
class Usage(Record):
    """What a project uses now."""

    running_jobs: int
    queued_jobs: int
    """Paused jobs count."""
    storage_bytes: int
    """Checkpoints, weights, uploads and data sets together."""
    storage_by_kind: dict[str, int]
    """The same by what it is: `jobs` (checkpoints and weights), `uploads` that are not data sets yet, `datasets`,
    and `models` that were brought."""
    device_hours: float
    """In this calendar month, in UTC."""


@record(frozen=True, slots=True, kw_only=True)
class Project(Record):
    """A tenant: a key of one project shows nothing of another."""

    id: str
    max_running_jobs: int | None = None
    """None: no limit, as for the others."""
    max_queued_jobs: int | None = None
    max_storage_bytes: int | None = None
    max_device_hours: float | None = None
    created_at: datetime.datetime
    usage: Usage


@record(frozen=True, slots=True, kw_only=True)
class Removals(Record):
    """What rules would remove."""

    count: int
    size_bytes: int
    examples: tuple[str, ...]
    """Ids of jobs and uploads, or versions as `pets@3`; 20 at most."""


@record(frozen=True, slots=True, kw_only=True)
class ProjectRetention(Record):
    """A project's rules, and what they would remove now. They are carried out every hour."""

    rules: Retention
    removes: dict[str, Removals]
    """By `checkpoints`, `weights`, `dataset_versions` and `uploads`: the next 500 of each."""


@record(frozen=True, slots=True, kw_only=True)
class CallerKey(Record):
    """The key of a request."""

    id: str
    name: str
    scopes: tuple[Literal["read", "train", "admin"], ...]
    """`train` includes `read`; `admin` includes both."""
    expires_at: datetime.datetime | None = None
    """When it stops working. None: never."""


@record(frozen=True, slots=True, kw_only=True)
class Caller(Record):
    """Who asks, and what they may do."""

    keys_required: bool
    """False: whoever reaches the service may do everything."""
    key: CallerKey | None = None
    """None: the request has none."""
    project: Project
    """Whose jobs, data sets and models the caller sees."""
    operator: bool
    """Whether the caller may make projects and set their quotas."""
    release: str
    """Of the service."""
