r"""The canonical form of a job's metrics, whose SHA-256 its manifest states.

UTF-8 text: a line with the names of COLUMNS, and then one for each epoch, in order. A line ends with LF, the last one
included; values are separated by commas. A fraction is written with as few digits as give it back, as Python's repr
does; a value that was not measured is empty; NaN, Infinity and -Infinity are these words. The columns are what a run
comes to, and not how long it took, so that equal runs have equal tables.

They are the first columns of the API's CSV, whose lines end with CR LF: so
`curl "$URL/v1/jobs/$JOB/metrics?format=csv&limit=10000" | tr -d '\r' | cut -d, -f1-9` is this text.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.paging import ROWS_AT_ONCE
from models import Epoch

COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "test_top5_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
)


@dataclass(frozen=True, slots=True)
class MetricsTable:
    """How many epochs a job's table has, and the SHA-256 of its canonical form, in hexadecimal digits."""

    rows: int
    sha256: str


def metrics_table(session: Session, job_id: str) -> MetricsTable:
    """Of the epochs that are recorded; with none, of the names of the columns alone."""
    digest, rows = sha256(f"{','.join(COLUMNS)}\n".encode()), 0
    for line in _lines(session, job_id):
        digest.update(line.encode())
        rows += 1
    return MetricsTable(rows, digest.hexdigest())


def _lines(session: Session, job_id: str) -> Iterator[str]:
    columns = [getattr(Epoch, name) for name in COLUMNS]
    statement = select(*columns).where(Epoch.job_id == job_id).order_by(Epoch.epoch)
    for row in session.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield f"{','.join(map(_in_words, row))}\n"


def _in_words(value: float | None) -> str:
    if value is None:
        return ""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
