"""A job in a notebook. It differs from its twin in `_sync` in more than waiting: what draws a cell is not awaited."""

from __future__ import annotations

from typing import Any

from epochal import types
from epochal._async.requester import AsyncBound


class AsyncDisplayed(types.Job, AsyncBound):
    """What draws a job."""

    def _repr_html_(self) -> str:
        """What is known of it, without its curves: these are asked for, and so awaited (`plot`)."""
        from epochal.notebook import job_html

        return job_html(self, [])

    async def plot(self, ax: Any = None, *, figure: str | None = None) -> Any:
        """Loss and accuracy over the epochs with matplotlib: see `epochal.notebook.plot`."""
        from epochal._async.jobs import AsyncJobs  # which makes jobs, and so imports this module
        from epochal.notebook import plot

        return plot(await AsyncJobs(self._requester).metrics(self.id), ax, figure=figure)
