"""How a sweep is doing: it follows from the statuses of its jobs."""

from collections.abc import Iterable
from enum import StrEnum

from models import ACTIVE, TERMINAL, JobStatus


class SweepStatus(StrEnum):
    """Of a sweep."""

    QUEUED = "queued"  # none of its jobs has begun
    RUNNING = "running"
    PAUSED = "paused"  # all of its jobs that have not ended are paused
    SUCCEEDED = "succeeded"  # all have ended, and at least one has succeeded
    FAILED = "failed"  # all have ended, none has succeeded, and at least one has failed
    STOPPED = "stopped"  # all have ended, and of these two none; at least one was stopped
    CANCELLED = "cancelled"  # all were cancelled, or deleted
    DELETED = "deleted"  # all of its jobs were deleted


OVER = frozenset(
    {SweepStatus.SUCCEEDED, SweepStatus.FAILED, SweepStatus.STOPPED, SweepStatus.CANCELLED, SweepStatus.DELETED}
)

# Of jobs that have all ended, the first of these that one of them has.
_ENDS = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELLED)


def status_of(jobs: Iterable[JobStatus | None]) -> SweepStatus:
    """The status of a sweep with these jobs; None: one that was deleted."""
    statuses = set(jobs)
    unfinished = {status for status in statuses if status is not None and status not in TERMINAL}
    if not unfinished:
        ended = next((status for status in _ENDS if status in statuses), None)
        return SweepStatus(ended.value) if ended else SweepStatus.DELETED
    if unfinished == {JobStatus.PAUSED}:
        return SweepStatus.PAUSED
    has_begun = bool(unfinished & ACTIVE) or statuses - unfinished
    return SweepStatus.RUNNING if has_begun else SweepStatus.QUEUED
