"""Why a job fails. Light enough for the trainer process, which has nothing to do with the database."""

from dataclasses import dataclass
from typing import Literal

FailureCode = Literal[
    "out_of_memory",
    "diverged",
    "dataset_invalid",
    "dataset_changed",
    "spec_conflict",
    "storage_full",
    "quota_exceeded",
    "worker_lost",
    "stalled",
    "timeout",
    "internal",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """In words for the person who submitted the job."""

    code: FailureCode
    message: str
    hint: str  # what to change
    retryable: bool  # whether the same job may well succeed if it is submitted again as it is


TIME_IS_UP = Failure(
    code="timeout",
    message="The job has had as much time with workers as its time limit allows.",
    hint="Raise spec.time_limit_minutes, or lower spec.epochs.",
    retryable=False,
)
