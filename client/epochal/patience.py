"""Which errors may pass by themselves, and how long to wait before another try: one rule for requests, streams, waits
and uploads, each of which has its own limit."""

from __future__ import annotations

import random

from epochal.errors import APIConnectionError, APIStatusError, EpochalError

NOT_TEMPORARY = frozenset({501, 505, 507})  # at 500 and above, all others may pass


def may_pass(error: EpochalError) -> bool:
    """Whether the service may answer otherwise later."""
    if isinstance(error, APIStatusError):
        status = error.status_code
        return status in (408, 429) or (status >= 500 and status not in NOT_TEMPORARY)
    return isinstance(error, APIConnectionError)


def asked_for(error: EpochalError) -> float:
    """Seconds that the service asks to wait; 0 if it does not."""
    return (error.retry_after if isinstance(error, APIStatusError) else None) or 0.0


def before_retry(seconds: float, error: EpochalError) -> float:
    """About as many `seconds`, so that many clients do not come back at once; at least as many as the service asks."""
    return max(asked_for(error), seconds * random.uniform(0.75, 1.25))  # noqa: S311  # nobody gains by guessing it
