"""Types of the API: words.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

AuditStatus: TypeAlias = Literal["running", "succeeded", "failed", "cancelled"]
"""The status of an audit."""


JobStatus: TypeAlias = Literal["queued", "starting", "running", "paused", "succeeded", "failed", "cancelled", "stopped"]
"""A job's status."""


Request: TypeAlias = Literal["cancel", "stop", "pause"]
"""What was requested of a job and is not done yet."""


SweepStatus: TypeAlias = Literal[
    "queued", "running", "paused", "succeeded", "failed", "stopped", "cancelled", "deleted"
]
"""Of a sweep."""


VersionStatus: TypeAlias = Literal["validating", "ready", "failed"]
"""The status of a data set's version."""
