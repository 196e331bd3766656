"""What can go wrong with a job. None of these knows HTTP; a docstring's first line is the message.

JobError
├── JobNotFound
├── JobFinished
├── JobNotPaused
├── RequestPending
├── IsRepeat
├── RepeatsFewer
├── NotRepeatable
├── IdempotencyKeyReused
├── CheckpointNotFound
├── WeightsNotFound
├── PredictionsNotFound
├── StartingWeightsMissing
├── StartingWeightsUnfit
├── JobNotFinished
├── CursorInvalid
└── QuotaExceeded

AttemptFenced stands apart: an attempt's worker meets it, and no caller does.
"""

from models import JobStatus, Request
from training.number_format import plain


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


class JobNotPaused(JobError):
    """The job is not paused, nor about to be."""

    def __init__(self, job_id: str, status: JobStatus) -> None:
        super().__init__(f"Job {job_id} is {status}: only a paused job can be resumed.")
        self.status = status


class RequestPending(JobError):
    """Something else has been asked of the job that goes before."""

    def __init__(self, job_id: str, status: JobStatus, verb: str, pending: Request) -> None:
        super().__init__(f"Job {job_id} cannot {verb} any more: its {pending} has been asked for.")
        self.status = status
        self.pending = pending


class IsRepeat(JobError):
    """The job repeats another one under another seed."""

    def __init__(self, job_id: str, first_id: str) -> None:
        super().__init__(f"Job {job_id} is a part of {first_id}: ask for more repeats there.")


class RepeatsFewer(JobError):
    """The job has more repeats already."""

    def __init__(self, job_id: str, repeats: int) -> None:
        super().__init__(f"Job {job_id} has {repeats} repeats already: cancel or delete some of them instead.")


class NotRepeatable(JobError):
    """The job's spec was written by a later release."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"The spec of job {job_id} was written by a later release, which alone can repeat it.")


class IdempotencyKeyReused(JobError):
    """The Idempotency-Key came with another request before."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The Idempotency-Key {key!r} came with another request before: send a new key with this one.")


class CheckpointNotFound(JobError):
    """The job has no such checkpoint."""

    def __init__(self, job_id: str, name: str) -> None:
        super().__init__(f"Job {job_id} has no checkpoint {name!r}.")


class WeightsNotFound(JobError):
    """The job has no trained weights."""

    def __init__(self, job_id: str, status: JobStatus) -> None:
        super().__init__(
            f"Job {job_id} is {status} and has no weights: a job has them once it has succeeded or stopped."
        )
        self.status = status


class PredictionsNotFound(JobError):
    """The job has no predictions."""

    def __init__(self, job_id: str, status: JobStatus) -> None:
        super().__init__(
            f"Job {job_id} is {status} and has no predictions, and no evaluation: a job has them once it has "
            "succeeded, unless they would take more than 64 MiB, or it was trained by a release before 0.4, or they "
            "were deleted with its weights. Its trained model can be evaluated: POST /v1/models/{model}/evaluations."
        )
        self.status = status


class StartingWeightsMissing(JobError):
    """A spec starts from the weights of a job that has none, or of a trained model that is not there. `reason` says
    why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"There are no weights to start from: {reason}.")
        self.reason = reason


class StartingWeightsUnfit(JobError):
    """A spec starts from weights of another network. `reason` says what differs."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"The job cannot start from {reference}: it {reason}.")
        self.reason = f"{reference} {reason}"


class JobNotFinished(JobError):
    """The job has not ended."""

    def __init__(self, job_id: str, status: JobStatus) -> None:
        super().__init__(f"Job {job_id} is {status}: cancel or stop it first, and delete it when it has ended.")
        self.status = status


class CursorInvalid(JobError):
    """A page was asked for behind something that no page of this list has given."""

    def __init__(self, sort: str) -> None:
        super().__init__(f"after should be what `next` of a page sorted by {sort} has")


class QuotaExceeded(JobError):
    """The project has used what it may use."""

    def __init__(self, project: str, quota: str, bound: float, used: float) -> None:
        super().__init__(
            f"Project {project} has used {plain(round(used, 2))} of its {quota} {plain(bound)}: "
            "wait until it uses less, or ask the operator for more."
        )
        self.quota, self.bound, self.used = quota, bound, used


class AttemptFenced(Exception):
    """An attempt wrote for a job that it no longer has, or whose cancellation is requested. Nothing was stored."""
