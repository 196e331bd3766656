"""Jobs side by side."""

from dataclasses import dataclass
from typing import Any

from client.resources import BestEpoch

Column = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """One value for each epoch of the comparison. None if the job has no such epoch, or did not measure the value in
    it."""

    train_loss: Column
    train_accuracy: Column
    test_loss: Column
    test_accuracy: Column
    test_top5_accuracy: Column
    validation_loss: Column
    validation_accuracy: Column
    learning_rate: Column


@dataclass(frozen=True, slots=True)
class ComparedJob:
    """One of the jobs."""

    id: str
    name: str | None
    status: str
    best: BestEpoch | None
    curves: Curves


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which the specs differ."""

    pointer: str  # such as "/optimizer/learning_rate"
    values: dict[str, Any]  # by job id; a job whose spec has no such field is missing


@dataclass(frozen=True, slots=True)
class Comparison:
    """Jobs side by side, in the order in which they were asked for."""

    epochs: tuple[int, ...]  # ascending; each epoch that at least one of the jobs has
    jobs: tuple[ComparedJob, ...]
    differences: tuple[Difference, ...]
