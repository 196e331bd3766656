# Made of epochal/_async/job.py by client/unasync.py: change that one.
"""A job, with what can be done to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from epochal import types
from epochal._sync.display import Displayed
from epochal.rows import Rows
from epochal.statuses import JOB_FINAL

if TYPE_CHECKING:
    from epochal._sync.jobs import Jobs


class Job(Displayed):
    """A training job, as it was at the time of the request. Its methods ask the service; those that return a job return
    a new one, and leave this one as it is."""

    @property
    def _jobs(self) -> Jobs:
        from epochal._sync.jobs import Jobs  # which makes jobs, and so imports this module

        return Jobs(self._requester)

    @property
    def finished(self) -> bool:
        """Whether it has ended: it will not change any more."""
        return self.status in JOB_FINAL

    def refresh(self) -> Job:
        """The job as it is now."""
        return self._jobs.retrieve(self.id)

    def wait(self, timeout: float | None = None) -> Job:
        """See `client.jobs.wait`."""
        return self._jobs.wait(self.id, timeout=timeout)

    def stream(self, after: int = 0) -> Iterator[types.Event]:
        """See `client.jobs.stream`."""
        return self._jobs.stream(self.id, after=after)

    def metrics(self, after_epoch: int = -1, *, max_points: int | None = None) -> Rows[types.EpochRow]:
        """See `client.jobs.metrics`."""
        return self._jobs.metrics(self.id, after_epoch, max_points=max_points)

    def diagnosis(self) -> types.Diagnosis:
        """See `client.jobs.diagnosis`."""
        return self._jobs.diagnosis(self.id)

    def log(self) -> str:
        """See `client.jobs.log`."""
        return self._jobs.log(self.id)

    def cancel(self) -> Job:
        """See `client.jobs.cancel`."""
        return self._jobs.cancel(self.id)

    def stop(self) -> Job:
        """See `client.jobs.stop`."""
        return self._jobs.stop(self.id)

    def pause(self) -> Job:
        """See `client.jobs.pause`."""
        return self._jobs.pause(self.id)

    def resume(self) -> Job:
        """See `client.jobs.resume`."""
        return self._jobs.resume(self.id)

    def rerun(self, **changes: Any) -> Job:
        """See `client.jobs.rerun`."""
        return self._jobs.rerun(self.id, **changes)

    def delete(self) -> None:
        """See `client.jobs.delete`."""
        self._jobs.delete(self.id)
