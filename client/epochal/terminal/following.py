"""Shows one job as it trains: lines that stay, and a bar below them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from epochal.statuses import JOB_FINAL
from epochal.terminal import formats
from epochal.terminal.clock import ServiceClock, machine_time
from epochal.terminal.columns import accuracy, left, status_colour
from epochal.terminal.screen import Screen
from epochal.terminal.states import epoch_line, revised_line, state_lines
from epochal.terminal.text import PLAIN, Style, cut, safe, wrap
from epochal.terminal.text import width as measured

if TYPE_CHECKING:
    from epochal.types import EpochRow, Event, Job

SomeJob = TypeVar("SomeJob", bound="Job")

_WIDEST_BAR = 60
_LEAST_BAR = 10


class Follow:
    """A live display of one job: a line for each epoch and each change of state, and a bar where there is a terminal.

    `rows` gives the epochs after one, in order; `events` the events after one, by id. Both are asked only when the job
    says that there is something new, and `events` may be left out: then it is not told when a later attempt measured an
    epoch again.

    No epoch is shown twice and none is left out: whatever was missed, between two looks or while a connection was
    down, is asked for by the last epoch that was shown.

    Everything runs in the calling thread, without any thread of its own. So in the main thread Ctrl-C ends a read that
    waits for the network, or a pause between two tries: Python raises KeyboardInterrupt there, `run` erases the bar and
    shows the cursor, and the exception goes on to the caller, who prints the line that comes back. Only the look-up of
    a host's name cannot be interrupted.
    """

    def __init__(
        self,
        rows: Callable[[int], Iterable[EpochRow]],
        events: Callable[[int], Iterable[Event]] | None = None,
        *,
        screen: Screen | None = None,
        clock: Callable[[], datetime] = machine_time,
    ) -> None:
        self._rows, self._events, self._clock = rows, events, ServiceClock(clock)
        self._screen = screen or Screen()
        self._epoch = -1  # the last one that was shown
        self._attempts: dict[int, int] = {}  # by epoch: the attempt whose figures were shown
        self._revising = -1  # the last epoch that the attempt under way may measure again
        self._event = 0
        self._state: list[str] = []
        self._looked: tuple[object, ...] = ()

    def run(self, jobs: Iterable[SomeJob]) -> SomeJob:
        """Show each state of the job that comes, until no more comes; returns the last. The bar is redrawn as often as
        a job comes, whether it has changed or not: once a second is pleasant.

        Raises ValueError if none comes, BrokenPipeError if nobody reads any more, and what its sources raise.
        """
        job: SomeJob | None = None
        with self._screen:
            for job in jobs:
                self.show(job)
        if job is None:
            raise ValueError("There is no job to show.")
        return job

    def show(self, job: Job) -> None:
        """Print what is new, and redraw the bar."""
        self._clock.look(job)
        columns = self._screen.size()[0]
        lines = [*self._revised(job), *self._new(job, columns if self._screen.live else None)]
        block = [] if job.status in JOB_FINAL else bar(job, self._clock.now(), columns - 1, self._screen.style)
        self._screen.draw(lines, block)

    def _new(self, job: Job, width: int | None) -> list[str]:
        """The lines since the last look, in the order of time: epochs stand before the state that the job has entered
        since, but for those of an attempt behind the line that says that it trains.
        """
        rows = self._fresh(job)
        state = state_lines(job)
        changed = state if state != self._state else []
        self._state = state
        said = [part for line in changed for part in (wrap(line, width) if width else [line])]
        said[:1] = [self._painted(line, job) for line in said[:1]]
        under_way = job.attempts[-1].number if job.attempts and job.status in ("starting", "running") else None
        before = [epoch_line(row, width) for row in rows if row.attempt != under_way]
        after = [epoch_line(row, width) for row in rows if row.attempt == under_way]
        return [*before, *said, *after]

    def _fresh(self, job: Job) -> list[EpochRow]:
        """The epochs that were not shown yet, which count as shown from now on."""
        rows = []
        if job.latest and job.latest.epoch > self._epoch:
            for row in self._rows(self._epoch):
                if row.epoch > self._epoch:
                    rows.append(row)
                    self._epoch = row.epoch
                    self._attempts[row.epoch] = row.attempt
        return rows

    def _revised(self, job: Job) -> list[str]:
        """Epochs that were shown, and that a later attempt has measured again since. The events are asked for as long
        as such an attempt is no further than those before it, whenever it has got on.
        """
        looked = (len(job.attempts), job.progress.epoch, job.status)
        if self._events is None or len(job.attempts) < 2 or looked == self._looked:
            return []
        if looked[0] != (self._looked or (None,))[0]:
            self._revising = self._epoch
        self._looked = looked
        if job.progress.epoch is not None and job.progress.epoch > self._revising + 1:
            return []
        lines = []
        for event in self._events(self._event):
            self._event = max(self._event, event.id)
            if event.type == "epoch_revised" and self._attempts.get(event.epoch or 0, event.attempt) < event.attempt:
                lines.append(revised_line(event))
        return lines

    def _painted(self, line: str, job: Job) -> str:
        """A line on the job's state, with its first word in the state's colour."""
        first, space, rest = line.partition(" ")
        return self._screen.style.paint(first, *status_colour(job), "bold") + space + rest


def bar(job: Job, now: datetime, columns: int, style: Style = PLAIN) -> list[str]:
    """The progress of the job in two lines of at most so many cells: its name, a bar and the time left; then epoch,
    step and the figures of the last epoch, as many of them as there is space for.
    """
    time_left = left(job, now)
    end = f" {job.progress.percent:3.0f}%" + (f"  {time_left} left" if time_left else "")
    most = max(4, columns // 3)
    name = cut(safe(job.name or job.id), most)
    space = columns - measured(name) - len(end) - 1
    if space < _LEAST_BAR:
        name, space = "", columns - len(end) - 1
    line = f"{style.paint(name, 'bold')} " if name else " "
    filled = _filled(job.progress.percent, max(0, min(space, _WIDEST_BAR)), style) if space >= 4 else ""
    return [line + filled + cut(end, columns - measured(name) - 1), _figures(job, columns)]


def _filled(percent: float, cells: int, style: Style) -> str:
    """A bar that is right to half a cell."""
    halves = round(max(0.0, min(100.0, percent)) / 50 * cells)
    whole, half = divmod(halves, 2)
    if not style.unicode:
        return "#" * whole + "-" * (cells - whole)
    done = "━" * whole + "╸" * half
    rest = "─" * (cells - whole - half)
    return style.paint(done, "cyan") + style.paint(rest, "dim")


def _figures(job: Job, columns: int) -> str:
    """What fits, the most important first to have a place; in the order in which it is read."""
    progress, latest = job.progress, job.latest
    # Epochs count from 0, so that the number of the current epoch is the number of completed ones. Its last step is
    # told before it is measured, and the first step of the next one some time after.
    is_between = latest is not None and latest.epoch == progress.epoch and latest.attempt == len(job.attempts)
    completed = None if progress.epoch is None else progress.epoch + is_between
    parts = [(0, job.status if completed is None else f"{completed}/{progress.epochs} epochs")]
    if progress.step is not None and progress.steps_per_epoch and not is_between:
        parts.append((3, f"step {progress.step}/{progress.steps_per_epoch}"))
    if latest:
        parts.append((1, f"loss {formats.loss(latest.train_loss)}"))
        evaluated = accuracy(latest)
        if evaluated is not None:
            parts.append((2, f"accuracy {formats.percent(evaluated)}"))
        elif job.best:  # not every epoch is evaluated
            parts.append((2, f"best {formats.percent(accuracy(job.best))}"))
        parts += [(5, f"lr {formats.short(latest.learning_rate)}")]
        parts += [(4, f"{formats.count(latest.images_per_second)} images/s")]
    while len(parts) > 1 and sum(len(text) + 2 for _, text in parts) - 2 > columns:
        parts.remove(max(parts))
    return cut("  ".join(text for _, text in parts), columns)
