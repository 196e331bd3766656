"""A job, with what can be done to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from epochal import types
from epochal._async.display import AsyncDisplayed
from epochal.rows import Rows
from epochal.statuses import JOB_FINAL

if TYPE_CHECKING:
    from epochal._async.jobs import AsyncJobs


class AsyncJob(AsyncDisplayed):
    """A training job, as it was at the time of the request. Its methods ask the service; those that return a job return
    a new one, and leave this one as it is."""

    @property
    def _jobs(self) -> AsyncJobs:
        from epochal._async.jobs import AsyncJobs  # which makes jobs, and so imports this module

        return AsyncJobs(self._requester)

    @property
    def finished(self) -> bool:
        """Whether it has ended: it will not change any more."""
        return self.status in JOB_FINAL

    async def refresh(self) -> AsyncJob:
        """The job as it is now."""
        return await self._jobs.retrieve(self.id)

    async def wait(self, timeout: float | None = None) -> AsyncJob:
        """See `client.jobs.wait`."""
        return await self._jobs.wait(self.id, timeout=timeout)

    def stream(self, after: int = 0) -> AsyncIterator[types.Event]:
        """See `client.jobs.stream`."""
        return self._jobs.stream(self.id, after=after)

    async def metrics(self, after_epoch: int = -1, *, max_points: int | None = None) -> Rows[types.EpochRow]:
        """See `client.jobs.metrics`."""
        return await self._jobs.metrics(self.id, after_epoch, max_points=max_points)

    async def diagnosis(self) -> types.Diagnosis:
        """See `client.jobs.diagnosis`."""
        return await self._jobs.diagnosis(self.id)

    async def log(self) -> str:
        """See `client.jobs.log`."""
        return await self._jobs.log(self.id)

    async def cancel(self) -> AsyncJob:
        """See `client.jobs.cancel`."""
        return await self._jobs.cancel(self.id)

    async def stop(self) -> AsyncJob:
        """See `client.jobs.stop`."""
        return await self._jobs.stop(self.id)

    async def pause(self) -> AsyncJob:
        """See `client.jobs.pause`."""
        return await self._jobs.pause(self.id)

    async def resume(self) -> AsyncJob:
        """See `client.jobs.resume`."""
        return await self._jobs.resume(self.id)

    async def rerun(self, **changes: Any) -> AsyncJob:
        """See `client.jobs.rerun`."""
        return await self._jobs.rerun(self.id, **changes)

    async def delete(self) -> None:
        """See `client.jobs.delete`."""
        await self._jobs.delete(self.id)
