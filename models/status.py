"""The statuses of a job, and the transitions between them."""

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
    """What was requested of a job and is not done yet."""

    CANCEL = "cancel"
    STOP = "stop"
    PAUSE = "pause"


class VersionStatus(StrEnum):
    """The status of a data set's version."""

    VALIDATING = "validating"  # all of it has arrived; a worker looks through it
    READY = "ready"  # jobs can name it, and it never changes
    FAILED = "failed"  # it is no data set; its error says why


class TaskStatus(StrEnum):
    """The status of a task."""

    QUEUED = "queued"  # no worker has it
    RUNNING = "running"  # a worker has it
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class AuditStatus(StrEnum):
    """The status of an audit."""

    RUNNING = "running"  # its jobs wait or train, or its labels are being judged
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # one of its jobs has not succeeded, or labels could not be judged; its error says why
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.STOPPED})

# Statuses in which an attempt holds a lease on the job.
ACTIVE = frozenset({JobStatus.STARTING, JobStatus.RUNNING})

# What a job that a worker has can become: what was requested of it; failed; or queued again, because the worker drains,
# was lost, or failed in a way that another attempt may not.
_LET_GO = {JobStatus.QUEUED, JobStatus.PAUSED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.STOPPED}

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    # Failed: its time limit was reached before another attempt could begin.
    JobStatus.QUEUED: frozenset({JobStatus.STARTING, *_LET_GO} - {JobStatus.QUEUED}),
    JobStatus.STARTING: frozenset({JobStatus.RUNNING, *_LET_GO}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, *_LET_GO}),
    # Queued: it is resumed; or it is to be stopped, and a worker must make the weights from its last checkpoint.
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED, JobStatus.STOPPED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
    JobStatus.STOPPED: frozenset(),
}
