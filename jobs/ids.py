"""Ids of jobs, uploads, tasks, audits, trained models, exports, evaluations and sweeps: ULIDs that contain the time of
creation, and so ascend with it, to the microsecond.

A ULID has 48 bits of milliseconds and 80 random bits. Here, ten of those hold the microseconds within the millisecond.
The other 70 are random: enough that no two are equal, and that nobody guesses one.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta

from ulid import ULID

_EPOCH = datetime.fromtimestamp(0, UTC)
_CHANCE_BITS = 70
_LAST = 2**128 - 1


PATTERN = r"^job_[0-9a-hjkmnp-tv-z]{26}$"


UPLOAD_PATTERN = r"^upl_[0-9a-hjkmnp-tv-z]{26}$"
AUDIT_PATTERN = r"^aud_[0-9a-hjkmnp-tv-z]{26}$"
MODEL_PATTERN = r"^mdl_[0-9a-hjkmnp-tv-z]{26}$"
EXPORT_PATTERN = r"^exp_[0-9a-hjkmnp-tv-z]{26}$"
EVALUATION_PATTERN = r"^evl_[0-9a-hjkmnp-tv-z]{26}$"
SWEEP_PATTERN = r"^swp_[0-9a-hjkmnp-tv-z]{26}$"
TASK_PREFIX = "task_"


def is_upload_id(text: str) -> bool:
    """Whether `text` has the form of an upload's id."""
    return re.fullmatch(UPLOAD_PATTERN, text) is not None


def is_audit_id(text: str) -> bool:
    """Whether `text` has the form of an audit's id."""
    return re.fullmatch(AUDIT_PATTERN, text) is not None


def is_model_id(text: str) -> bool:
    """Whether `text` has the form of a trained model's id."""
    return re.fullmatch(MODEL_PATTERN, text) is not None


def is_export_id(text: str) -> bool:
    """Whether `text` has the form of an export's id."""
    return re.fullmatch(EXPORT_PATTERN, text) is not None


def is_evaluation_id(text: str) -> bool:
    """Whether `text` has the form of an evaluation's id."""
    return re.fullmatch(EVALUATION_PATTERN, text) is not None


def is_sweep_id(text: str) -> bool:
    """Whether `text` has the form of a sweep's id."""
    return re.fullmatch(SWEEP_PATTERN, text) is not None


def is_task_id(text: str) -> bool:
    """Whether `text` begins as a task's id does."""
    return text.startswith(TASK_PREFIX)


def is_id(text: str) -> bool:
    """Whether `text` has the form of a job's id."""
    return re.fullmatch(PATTERN, text) is not None


def new_id(created_at: datetime) -> str:
    """An id for a job that is created at that time, by the database's clock: clocks of machines differ."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS))


def new_upload_id(created_at: datetime) -> str:
    """The same for an upload."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "upl")


def new_task_id(created_at: datetime) -> str:
    """The same for a task."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "task")


def new_audit_id(created_at: datetime) -> str:
    """The same for an audit."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "aud")


def new_model_id(created_at: datetime) -> str:
    """The same for a trained model."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "mdl")


def first_model_id(created_at: datetime) -> str:
    """The lowest id of trained models that are created at that time or later."""
    return _written(max(_first(created_at), 0), "mdl")


def new_export_id(created_at: datetime) -> str:
    """The same for an export."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "exp")


def new_evaluation_id(created_at: datetime) -> str:
    """The same for an evaluation."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "evl")


def new_sweep_id(created_at: datetime) -> str:
    """The same for a sweep."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS), "swp")


def first_id(created_at: datetime) -> str:
    """The lowest id of jobs that are created at that time or later."""
    return _written(min(max(_first(created_at), 0), _LAST))


def last_id(created_at: datetime) -> str:
    """The highest id of jobs that are created at that time or earlier."""
    return _written(min(max(_first(created_at) + (1 << _CHANCE_BITS) - 1, 0), _LAST))


def _first(time: datetime) -> int:
    milliseconds, microseconds = divmod((time - _EPOCH) // timedelta(microseconds=1), 1000)
    return (milliseconds << 80) + (microseconds << _CHANCE_BITS)


def _written(value: int, prefix: str = "job") -> str:
    return f"{prefix}_{str(ULID.from_bytes(value.to_bytes(16, 'big'))).lower()}"
