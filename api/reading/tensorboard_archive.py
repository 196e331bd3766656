"""A job's event files for TensorBoard, in a zip.

TensorBoard shows a folder with event files as a run, and what has the same tag in several runs in one chart:

job_…/           the spec: text and hyperparameters
job_…/steps/     by step: steps/loss, steps/learning_rate
job_…/test/      by epoch: loss, accuracy, top5_accuracy
job_…/train/     by epoch: loss, accuracy, learning_rate, images_per_second, gradient_norm, update_ratio, dead_units,
                 loading_share
job_…/validation/

A run without rows has no folder. Equal rows give equal bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count, islice
from operator import attrgetter
from typing import Any

from sqlalchemy import Row

from api.dependencies import ProjectDatabase
from api.reading.zip_stream import File, zipped
from api.views.progress import steps_per_epoch
from api.views.tensorboard_events import EventWriter, Point
from jobs import queries
from jobs.paging import Page
from jobs.queries import JobDetails
from jobs.step_rows import most_steps_of_an_epoch, step_rows_after

# How many rows one query reads. Each page is read in a transaction of its own: a slow client keeps none open.
ROWS_PER_PAGE = 1000
# A file of so many pages is below 2 GiB, from where a zip would need a form that not every program reads.
PAGES_PER_FILE = 10_000

# Fields of an epoch, by run and tag.
EPOCHS: Mapping[str, Mapping[str, str]] = {
    "test": {"loss": "test_loss", "accuracy": "test_accuracy", "top5_accuracy": "test_top5_accuracy"},
    "train": {
        "loss": "train_loss",
        "accuracy": "train_accuracy",
        "learning_rate": "learning_rate",
        **{
            name: name for name in ("images_per_second", "gradient_norm", "update_ratio", "dead_units", "loading_share")
        },
    },
    "validation": {"loss": "validation_loss", "accuracy": "validation_accuracy"},
}
STEPS: Mapping[str, str] = {"steps/loss": "loss", "steps/learning_rate": "learning_rate"}

Pages = Iterator[Page[Row[Any]]]


def stream(database: ProjectDatabase, job_id: str) -> Iterator[bytes]:
    """The zip of what is recorded up to now, in pieces.

    Raises JobNotFound and TensorboardNotInstalled from this call, before any piece is requested.
    """
    with database.snapshot() as session:
        record = queries.find(session, job_id)
        epoch_steps = steps_per_epoch(record.job) or most_steps_of_an_epoch(session, job_id)
    return zipped(_Files(database, record, EventWriter(), epoch_steps).all())


class _Files:
    """The event files of a job."""

    def __init__(
        self, database: ProjectDatabase, record: JobDetails, writer: EventWriter, steps_per_epoch: int
    ) -> None:
        self._database = database
        self._record = record
        self._job_id = record.job.id
        self._writer = writer
        self._steps_per_epoch = steps_per_epoch
        created = record.job.created_at.timestamp()
        self._name = f"events.out.tfevents.{int(created)}"
        self._beginning = writer.beginning(created)

    def all(self) -> Iterator[File]:
        """Sorted by name."""
        yield from self._run(f"{self._job_id}", iter([self._writer.about(self._record)]))
        yield from self._run(f"{self._job_id}/steps", self._scalars(STEPS, self._step_pages(), self._place_of_step))
        for run, fields in EPOCHS.items():
            pieces = self._scalars(fields, self._epoch_pages(), lambda row: int(row.epoch))
            yield from self._run(f"{self._job_id}/{run}", pieces)

    def _run(self, folder: str, pieces: Iterator[bytes]) -> Iterator[File]:
        for number in count():
            part = islice(pieces, PAGES_PER_FILE)
            first = next(part, None)
            if first is None:
                return
            yield f"{folder}/{self._name}.{number:04}", None, chain([self._beginning + first], part)

    def _scalars(self, fields: Mapping[str, str], pages: Pages, place_of: Callable[[Row[Any]], int]) -> Iterator[bytes]:
        """A piece for each page with values."""
        values_of = attrgetter(*fields.values())
        for page in pages:
            points = (Point(row.recorded_at.timestamp(), place_of(row), values_of(row)) for row in page.rows)
            if piece := self._writer.scalars(tuple(fields), points):
                yield piece

    def _place_of_step(self, row: Row[Any]) -> int:
        return int(row.epoch * self._steps_per_epoch + row.step)

    def _epoch_pages(self) -> Pages:
        after, more = -1, True
        while more:
            with self._database.snapshot() as session:
                page = queries.epoch_rows_after(session, self._job_id, after, ROWS_PER_PAGE)
            yield page
            after, more = page.rows[-1].epoch if page.rows else after, page.has_more

    def _step_pages(self) -> Pages:
        after, more = (-1, -1), True
        while more:
            with self._database.snapshot() as session:
                page = step_rows_after(session, self._job_id, *after, ROWS_PER_PAGE)
            yield page
            after, more = (page.rows[-1].epoch, page.rows[-1].step) if page.rows else after, page.has_more
