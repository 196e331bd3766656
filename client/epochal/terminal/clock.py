"""The service's time, which may differ from this machine's: what is left of a job is told in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epochal.types import Job

_ALIKE = timedelta(seconds=5)  # what a look may come too late, and nobody minds in a time that is left


def machine_time() -> datetime:
    """The time of this machine."""
    return datetime.now(timezone.utc)


class ServiceClock:
    """The service's time as its epochs tell it: one that is new since the last look was recorded just before."""

    def __init__(self, clock: Callable[[], datetime] = machine_time) -> None:
        self._clock = clock
        self._recorded: dict[str, datetime | None] = {}  # by job, at the last look
        self._ahead: timedelta | None = None

    def look(self, job: Job) -> None:
        """Learn from a job that was just asked for."""
        recorded = job.latest.recorded_at if job.latest else None
        if recorded and self._recorded.get(job.id, recorded) != recorded:
            # It may have been recorded long before, while no answer came: the latest of such times is the best one.
            ahead = recorded - self._clock()
            self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
        self._recorded[job.id] = recorded

    def now(self) -> datetime:
        """The service's time, or this machine's where they are about the same or nothing is known yet."""
        ahead = self._ahead or timedelta(0)
        return self._clock() + (ahead if abs(ahead) > _ALIKE else timedelta(0))
