"""What a job can be, and what can become of it."""

from enum import StrEnum


class JobStatus(StrEnum):
    """A job's status."""

    QUEUED = "queued"  # accepted; no worker has it
    STARTING = "starting"  # a worker has it and loads its data
    RUNNING = "running"  # its first step is under way
    PAUSED = "paused"  # off the device, with a checkpoint, until somebody resumes it
    SUCCEEDED = "succeeded"  # every epoch is trained, or all until it stopped early
    FAILED = "failed"  # ended by an error, which stands beside it
    CANCELLED = "cancelled"  # ended on request, weights discarded
    STOPPED = "stopped"  # ended on request, weights kept


class Request(StrEnum):
    """What somebody wants of a job that a worker still has."""

    CANCEL = "cancel"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.STOPPED})

# Statuses in which an attempt holds a lease on the job.
ACTIVE = frozenset({JobStatus.STARTING, JobStatus.RUNNING})

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.STARTING, JobStatus.CANCELLED}),
    # Back to the queue: the worker drained, or its lease expired.
    JobStatus.STARTING: frozenset({JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}),
    # No verb pauses or stops a job yet.
    JobStatus.PAUSED: frozenset(),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
    JobStatus.STOPPED: frozenset(),
}
