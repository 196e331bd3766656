"""Types of the API: service.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class Live(Record):
    """The process answers."""

    status: Literal["live"] = "live"


@record(frozen=True, slots=True, kw_only=True)
class Ready(Record):
    """The service can do its work."""

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"
    storage: Literal["ok"] = "ok"
    workers: int
    """How many are connected and take jobs. At least 1."""
