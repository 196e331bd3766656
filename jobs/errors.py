"""What can go wrong with a job. None of these knows HTTP; a docstring's first line is the message.

JobError
├── JobNotFound
├── JobFinished
├── StartingWeightsMissing
└── AttemptFenced
"""

from models import JobStatus


class JobError(Exception):
    """Something that a job does not allow."""


class JobNotFound(JobError):
    """There is no job with this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}.")


class JobFinished(JobError):
    """The job has ended already."""

    def __init__(self, job_id: str, status: JobStatus, verb: str) -> None:
        super().__init__(f"Job {job_id} is {status}: there is nothing left to {verb}.")
        self.status = status


class StartingWeightsMissing(JobError):
    """A spec starts from the weights of a job that has none. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"There are no weights to start from: {reason}.")
        self.reason = reason


class AttemptFenced(JobError):
    """An attempt wrote for a job that it no longer has, or that is wanted back: nothing was stored."""
