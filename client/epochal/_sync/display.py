"""A job in a notebook. It differs from its twin in `_async` in more than waiting: a cell that shows a live curve holds
up whatever runs beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from epochal import types
from epochal._sync.following import OUTAGE_RETRIES
from epochal._sync.requester import Bound
from epochal.errors import EpochalError
from epochal.rows import Rows

if TYPE_CHECKING:
    from epochal._sync.job import Job
    from epochal._sync.jobs import Jobs

LOOK_SECONDS = 1.0
QUICK_RETRIES = 1  # of a cell that only shows a job: a connection that was idle for long is closed
CHART_POINTS = 300  # of a curve: more cannot be told apart


class Displayed(types.Job, Bound):
    """What draws a job."""

    def _repr_html_(self) -> str:
        from epochal.notebook import job_html

        try:
            rows = self._asked(QUICK_RETRIES).metrics(self.id, max_points=CHART_POINTS)
        except EpochalError:  # what is known is shown all the same
            rows = Rows()
        return job_html(self, rows)

    def plot(self, ax: Any = None, *, figure: str | None = None) -> Any:
        """Loss and accuracy over the epochs with matplotlib: see `epochal.notebook.plot`."""
        from epochal.notebook import plot

        return plot(self._asked().metrics(self.id), ax, figure=figure)

    def watch(self) -> Job:
        """Show the job as it trains, until it has ended, and return it: in a notebook as a curve in the cell that is
        drawn again, elsewhere as lines and a bar. Interrupting ends the display; the job goes on."""
        from epochal.notebook import watch

        enduring = self._asked(OUTAGE_RETRIES)
        return watch(
            self._asked().poll(self.id, wait=LOOK_SECONDS),
            lambda epoch: enduring.metrics(self.id, epoch),
            lambda event: enduring.events(self.id, after=event),
        )

    def _asked(self, max_retries: int | None = None) -> Jobs:
        from epochal._sync.jobs import Jobs  # which makes jobs, and so imports this module

        options = self._requester.options
        retries = options.max_retries if max_retries is None else max_retries
        return Jobs(self._requester.with_options(replace(options, max_retries=retries)))
