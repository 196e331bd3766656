"""The lab's log form, line for line:

========== epoch: 0 ==========
Epoch: 0, Step 0, Loss: 4.7306
Epoch: 0, Step 10, Loss: 3.9417
Test Loss: 3.6120
Test Accuracy: 9.78%

An epoch that is not evaluated has no result.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import chain

from api.dependencies import ProjectDatabase
from api.views.log_lines import heading, result_lines, step_line
from jobs import queries
from jobs.paging import Page
from models import Epoch, Step

# How many rows one query reads. Each page is read in a transaction of its own: a slow client keeps none open.
ROWS_PER_PAGE = 2000


def stream(database: ProjectDatabase, job_id: str) -> Iterator[str]:
    """The log up to now, in pieces. An unfinished epoch has only its steps.

    Raises JobNotFound from this call, before any piece is requested: the status of the answer is not sent yet.
    """
    pieces = _Reader(database, job_id).pieces()
    first = next(pieces)
    return chain([first], pieces)


class _Reader:
    """Reads steps and epochs of a job together, page by page.

    The steps of an epoch are stored before the epoch itself. So an epoch that is read has all its steps in the
    database. Its result is written after its last step is, in the same page or in a later one.
    """

    def __init__(self, database: ProjectDatabase, job_id: str) -> None:
        self._database = database
        self._job_id = job_id
        self._last_step = (-1, -1)
        self._last_epoch = -1  # the last epoch whose result is written
        self._heading = -1  # the last epoch whose heading is written

    def pieces(self) -> Iterator[str]:
        more = True
        while more:
            steps, epochs = self._read()
            more = steps.has_more or epochs.has_more
            # The epoch of the page's last step may have more steps to come.
            open_epoch = steps.rows[-1].epoch if steps.has_more else math.inf
            # If the page of epochs is full, steps of later epochs wait for the next page.
            last_epoch = epochs.rows[-1].epoch if epochs.has_more and len(epochs.rows) == ROWS_PER_PAGE else math.inf
            yield "".join(
                self._lines(
                    [step for step in steps.rows if step.epoch <= last_epoch],
                    [epoch for epoch in epochs.rows if epoch.epoch < open_epoch],
                )
            )

    def _read(self) -> tuple[Page[Step], Page[Epoch]]:
        with self._database.snapshot() as session:
            steps = queries.steps_after(session, self._job_id, *self._last_step, limit=ROWS_PER_PAGE)
            complete = steps.rows[-1].epoch - 1 - self._last_epoch if steps.has_more else ROWS_PER_PAGE
            limit = max(0, min(complete, ROWS_PER_PAGE))
            return steps, queries.epochs_after(session, self._job_id, self._last_epoch, limit)

    def _lines(self, steps: Iterable[Step], epochs: Iterable[Epoch]) -> Iterator[str]:
        """The lines in order: the result of an epoch comes after its steps."""
        rows: list[Step | Epoch] = sorted([*steps, *epochs], key=lambda row: (row.epoch, isinstance(row, Epoch)))
        for row in rows:
            if row.epoch > self._heading:
                self._heading = row.epoch
                yield f"{heading(row.epoch)}\n"
            if isinstance(row, Step):
                self._last_step = (row.epoch, row.step)
                yield f"{step_line(row)}\n"
            else:
                self._last_epoch = row.epoch
                yield from (f"{line}\n" for line in result_lines(row))
