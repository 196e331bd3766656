"""The live table of everything that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from epochal.statuses import JOB_FINAL
from epochal.terminal.clock import ServiceClock, machine_time
from epochal.terminal.columns import RUNNING, STATUS_COLOURS
from epochal.terminal.screen import Screen
from epochal.terminal.states import state_lines
from epochal.terminal.tables import table
from epochal.terminal.text import fit, safe, wrap

if TYPE_CHECKING:
    from epochal.types import Job


class Watch:
    """A live display of jobs: a table of those that have not ended, and above it a line whenever one ends. Where there
    is no terminal, a line whenever one changes its state.

    As with `Follow`, everything runs in the calling thread, and KeyboardInterrupt leaves the terminal as it was.
    """

    def __init__(
        self,
        retrieve: Callable[[str], Job | None],
        *,
        screen: Screen | None = None,
        clock: Callable[[], datetime] = machine_time,
    ) -> None:
        self._retrieve, self._clock = retrieve, ServiceClock(clock)
        self._screen = screen or Screen()
        self._states: dict[str, str] = {}  # of the jobs of the last look

    def run(self, looks: Iterable[Sequence[Job]]) -> None:
        """Show each look at the jobs that have not ended, until no more comes. `retrieve` is asked how a job ended that
        is missing in a look; None: it was deleted. The table is redrawn as often as a look comes.
        """
        with self._screen:
            for jobs in looks:
                self.show(jobs)

    def show(self, jobs: Sequence[Job]) -> None:
        """Print the changes since the last look, and redraw the table."""
        for job in jobs:
            self._clock.look(job)
        columns, rows = self._screen.size()
        self._screen.draw(self._changes(jobs, columns), self._table(jobs, columns - 1, rows - 1))

    def _changes(self, jobs: Sequence[Job], columns: int) -> list[str]:
        """How jobs ended. Where there is no table, which says it, also every other change of a state."""
        now: dict[str, str] = {job.id: job.status for job in jobs}
        missing = [self._retrieve(job_id) for job_id in self._states if job_id not in now]
        changed = [job for job in missing if job and job.status in JOB_FINAL]
        if not self._screen.live:
            changed += [job for job in jobs if self._states.get(job.id) != job.status]
        self._states = now
        return [line for job in changed for line in self._line(job, columns)]

    def _line(self, job: Job, columns: int) -> list[str]:
        name = safe(job.name or job.id)
        said = f"{name}: {' '.join(state_lines(job))}"
        lines = wrap(said, columns) if self._screen.live else [said]
        colour = STATUS_COLOURS.get(job.status, ())
        if lines[0].startswith(name) and colour:
            lines[0] = self._screen.style.paint(name, *colour) + lines[0][len(name) :]
        return lines

    def _table(self, jobs: Sequence[Job], columns: int, rows: int) -> list[str]:
        """The jobs that run before those that wait, in as many rows as there are; the last says how many more."""
        active = [job for job in jobs if job.status not in JOB_FINAL]
        if not active:
            return [fit("Nothing runs and nothing waits.", columns).rstrip()]
        order = {"running": 0, "starting": 1, "paused": 2, "queued": 3}
        active.sort(key=lambda job: order.get(job.status, 4))
        space = max(1, rows - 2)
        shown = active if len(active) <= space + 1 else active[:space]
        lines = table(shown, RUNNING, columns, style=self._screen.style, now=self._clock.now())
        hidden = len(active) - len(shown)
        return [*lines, *([f"and {hidden} more"] if hidden else [])]
