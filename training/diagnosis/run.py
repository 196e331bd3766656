"""The record of a run, as a diagnosis reads it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from training.spec import DataShape, ResolvedSpec

Floats = NDArray[np.float64]

# Columns that a diagnosis reads; others are passed over. Losses in any unit, accuracies and shares as fractions.
COLUMNS = (
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "loading_share",
)


class StepLoss(NamedTuple):
    """The mean loss of one batch, before its optimizer step."""

    epoch: int  # from 0
    step: int  # from 0 within the epoch
    loss: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One column where it was measured: `epochs` ascending, with gaps perhaps, and a value for each. Values that are
    NaN or infinite were measured so."""

    epochs: NDArray[np.int64]
    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def finite(self) -> "Curve":
        """Without values that are NaN or infinite."""
        known = np.isfinite(self.values)
        return Curve(self.epochs[known], self.values[known])

    def between(self, first: float, last: float) -> "Curve":
        """Of the epochs from `first` to `last`, both included."""
        inside = (self.epochs >= first) & (self.epochs <= last)
        return Curve(self.epochs[inside], self.values[inside])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the data. None: unknown."""

    train_images: int | None = None
    test_images: int | None = None
    validation_images: int | None = None
    classes: int | None = None
    image_size: int | None = None  # side in pixels
    channels: int | None = None  # 1 for grey, 3 for RGB
    steps_per_epoch: int | None = None

    @property
    def shape(self) -> DataShape | None:
        """What a spec is checked against; None: not all of it is known."""
        numbers = (self.train_images, self.test_images, self.classes, self.image_size, self.channels)
        train, test, classes, size, channels = numbers
        if train is None or test is None or classes is None or size is None or channels is None:
            return None
        return DataShape(train + (self.validation_images or 0), test, classes, size, channels)


@dataclass(frozen=True, slots=True)
class DataFinding:
    """What the report on a data set has found (training.image_checks): its code, its severity and its sentence."""

    code: str
    severity: str  # error, warning or info
    message: str


@dataclass(frozen=True)
class Run:
    """A run up to now. Everything but `rows` may be unknown.

    `rows`: by epoch, ascending, the columns of COLUMNS that were measured. `confusion`: of the last evaluation, a row
    for each label and a column for each predicted class, in images. `like`: curves of the accuracy by epoch of jobs
    with the same schedule, which a forecast learns from.
    """

    rows: Mapping[int, Mapping[str, float]]
    steps: Sequence[StepLoss] = ()
    spec: ResolvedSpec | None = None
    facts: Facts = Facts()
    confusion: NDArray[np.int64] | None = None
    class_names: Sequence[str] = ()
    data_findings: Sequence[DataFinding] = ()
    has_ended: bool = True
    succeeded: bool = True  # of one that has ended: False where it failed, was stopped or was cancelled
    is_idle: bool = False  # of one that goes on: it is paused, or waits for a worker
    diverged: bool = False  # it failed because a loss was no longer finite, or no gradient in fp16
    planned_epochs: int | None = None
    like: Sequence[Mapping[int, float]] = ()
    _curves: dict[str, Curve] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], **known: Any) -> Self:
        """From dicts with the key `epoch` and any of COLUMNS; other keys, None and "" are passed over, and numbers
        may be text, as CSV has them. `known`: the other fields of a Run. Raises ValueError for what is no number, for
        a row without an epoch, for an epoch that is there twice, and for an accuracy that is not in [0, 1]."""
        found: dict[int, dict[str, float]] = {}
        for number, row in enumerate(rows):
            epoch, values = _row(number, row)
            if epoch in found:
                raise ValueError(f"Epoch {epoch} is there twice.")
            found[epoch] = values
        return cls(rows=dict(sorted(found.items())), **known)

    def curve(self, column: str) -> Curve:
        """Where `column` was measured; empty where it never was."""
        if column not in self._curves:
            pairs = [(epoch, row[column]) for epoch, row in self.rows.items() if column in row]
            epochs = np.array([epoch for epoch, _ in pairs], dtype=np.int64)
            self._curves[column] = Curve(epochs, np.array([value for _, value in pairs], dtype=np.float64))
        return self._curves[column]

    @property
    def train_loss(self) -> Curve:
        """By epoch; where only step losses were kept, the mean of an epoch's."""
        measured = self.curve("train_loss")
        return measured if len(measured) else self._of_steps

    @property
    def _of_steps(self) -> Curve:
        if "steps" not in self._curves:
            by_epoch: dict[int, list[float]] = {}
            for step in self.steps:
                by_epoch.setdefault(step.epoch, []).append(step.loss)
            epochs = sorted(by_epoch)
            means = np.array([float(np.mean(by_epoch[epoch])) for epoch in epochs], dtype=np.float64)
            self._curves["steps"] = Curve(np.array(epochs, dtype=np.int64), means)
        return self._curves["steps"]

    @property
    def judged_on(self) -> str:
        """The split that the network is judged on as it is trained: `validation` where there is one, or `test`."""
        return "validation" if len(self.curve("validation_loss")) or len(self.curve("validation_accuracy")) else "test"

    @property
    def held_out_loss(self) -> Curve:
        """Of the split that `judged_on` names."""
        return self.curve(f"{self.judged_on}_loss")

    @property
    def held_out_accuracy(self) -> Curve:
        """Of the split that `judged_on` names."""
        return self.curve(f"{self.judged_on}_accuracy")

    @property
    def held_out_images(self) -> int | None:
        """How many the split that `judged_on` names has."""
        return self.facts.validation_images if self.judged_on == "validation" else self.facts.test_images

    @property
    def last_epoch(self) -> int:
        """The last that is recorded; -1 if none is."""
        return max((*self.rows, *(step.epoch for step in self.steps)), default=-1)

    @property
    def is_complete(self) -> bool:
        """Whether it was trained to its planned end. One that failed, was stopped or has rows missing at its end was
        not, and its schedule had not come to its end either."""
        planned = self.planned_epochs is None or self.last_epoch + 1 >= self.planned_epochs
        return self.has_ended and self.succeeded and planned

    @property
    def chance_loss(self) -> float | None:
        """Cross-entropy in nats of a network that gives every class the same probability; None: classes unknown."""
        return log(self.facts.classes) if self.facts.classes and self.facts.classes > 1 else None


def _row(number: int, row: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    if row.get("epoch") in (None, ""):
        raise ValueError(f"Row {number} says no epoch.")
    epoch = _number(number, "epoch", row["epoch"])
    if not epoch.is_integer() or epoch < 0:
        raise ValueError(f"Row {number}: epoch should be a whole number from 0, and is {row['epoch']}.")
    values = {name: _number(number, name, row[name]) for name in COLUMNS if row.get(name) not in (None, "")}
    for name, value in values.items():
        if name.endswith("accuracy") and np.isfinite(value) and not 0 <= value <= 1:
            raise ValueError(f"Row {number}: {name} should be a fraction from 0 to 1, and is {value:g}.")
    return int(epoch), values


def _number(row: int, name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Row {row}: {name} should be a number, and is {str(value)[:40]!r}.") from error
