"""What a picture of a job's curves is drawn from: plain values, which can be sent to another process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobs.queries import JobRecord
from models import Epoch
from training.plain import plain
from training.spec import ResolvedSpec


class Point(NamedTuple):
    """Of an epoch, what is drawn. None where it was not measured."""

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Sketch:
    """Everything that is to be seen."""

    title: str
    about: str
    planned: int  # epochs
    epochs: Sequence[Point]
    best: Point | None


def sketch(record: JobRecord, epochs: Sequence[Epoch]) -> Sketch:
    """Of a job and its epochs."""
    spec = ResolvedSpec.from_stored(record.job.spec)
    optimizer = spec.optimizer
    trained = f"{optimizer.name}, learning rate {plain(optimizer.learning_rate)}"
    return Sketch(
        title=record.job.name or record.job.id,
        about=f"{spec.architecture.name} on {spec.dataset}   ·   {trained}",
        planned=spec.epochs,
        epochs=[_point(epoch) for epoch in epochs],
        best=_point(record.best) if record.best else None,
    )


def _point(epoch: Epoch) -> Point:
    return Point._make(getattr(epoch, field) for field in Point._fields)
