"""Ids of jobs: ULIDs that ascend with the time of creation, to the microsecond, and tell it.

A ULID is 48 bits of milliseconds and 80 of chance; of those, ten are the microseconds within the millisecond here. What
is left to chance, 70 bits, is neither hit twice nor guessed.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta

from ulid import ULID

_EPOCH = datetime.fromtimestamp(0, UTC)
_CHANCE_BITS = 70
_LAST = 2**128 - 1


PATTERN = r"^job_[0-9a-hjkmnp-tv-z]{26}$"


def is_id(text: str) -> bool:
    """Whether a job could be called that."""
    return re.fullmatch(PATTERN, text) is not None


def new_id(created_at: datetime) -> str:
    """For a job that is created then: by the database's clock, so that it matters not which machine made it."""
    return _written(_first(created_at) + secrets.randbits(_CHANCE_BITS))


def first_id(created_at: datetime) -> str:
    """The least that a job can have that is created then or later."""
    return _written(min(max(_first(created_at), 0), _LAST))


def last_id(created_at: datetime) -> str:
    """The greatest that a job can have that is created then or earlier."""
    return _written(min(max(_first(created_at) + (1 << _CHANCE_BITS) - 1, 0), _LAST))


def _first(time: datetime) -> int:
    milliseconds, microseconds = divmod((time - _EPOCH) // timedelta(microseconds=1), 1000)
    return (milliseconds << 80) + (microseconds << _CHANCE_BITS)


def _written(value: int) -> str:
    return f"job_{str(ULID.from_bytes(value.to_bytes(16, 'big'))).lower()}"
