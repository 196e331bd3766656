"""The service with one fence taken out: `python -m tests.chaos.signed --without FENCE worker`.

A harness that stays green then does not see what the fence is for. (fence.is_claimable is not here: without it, the
table of transitions refuses a second claim.)
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, true

from jobs import fence
from jobs.fence import Claim


def _without_is_current() -> None:
    """A worker that has lost its job to a later attempt goes on writing."""

    def always(claim: Claim) -> ColumnElement[bool]:
        return true()

    fence.is_current = always


def _without_is_active() -> None:
    """An attempt that has ended goes on writing, until another begins."""
    fence.is_active = true


def _without_is_not_cancelled() -> None:
    """A job that is to be cancelled stores what it measures until its worker lets go."""
    fence.is_not_cancelled = true


def _without_has_expired() -> None:
    """A job may be taken from a worker whose lease still runs."""
    fence.has_expired = true


FENCES: dict[str, Callable[[], None]] = {
    "is_current": _without_is_current,
    "is_active": _without_is_active,
    "is_not_cancelled": _without_is_not_cancelled,
    "has_expired": _without_has_expired,
}
