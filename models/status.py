"""What a job can be, and what can become of it."""

from enum import StrEnum


class JobStatus(StrEnum):
    """A job's status."""

    QUEUED = "queued"  # accepted; no worker has it
    STARTING = "starting"  # a worker has it and loads its data
    RUNNING = "running"  # its first step is under way
    PAUSED = "paused"  # off the device until somebody resumes it
    SUCCEEDED = "succeeded"  # every epoch is trained, or all until it stopped early
    FAILED = "failed"  # ended by an error, which stands beside it
    CANCELLED = "cancelled"  # ended on request, weights discarded
    STOPPED = "stopped"  # ended on request, weights kept


class Request(StrEnum):
    """What somebody wants of a job that it has yet to become."""

    CANCEL = "cancel"
    STOP = "stop"
    PAUSE = "pause"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.STOPPED})

# Statuses in which an attempt holds a lease on the job.
ACTIVE = frozenset({JobStatus.STARTING, JobStatus.RUNNING})

# What becomes of a job that a worker has: its requests are fulfilled, or it goes back to the queue, because the worker
# drained, was lost, or is to be tried again.
_LET_GO = {JobStatus.QUEUED, JobStatus.PAUSED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.STOPPED}

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    # Failed: its time is up before another attempt could begin.
    JobStatus.QUEUED: frozenset({JobStatus.STARTING, *_LET_GO} - {JobStatus.QUEUED}),
    JobStatus.STARTING: frozenset({JobStatus.RUNNING, *_LET_GO}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, *_LET_GO}),
    # Queued: it is resumed, or is to be stopped and a worker has to make its weights from its last checkpoint.
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED, JobStatus.STOPPED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
    JobStatus.STOPPED: frozenset(),
}
