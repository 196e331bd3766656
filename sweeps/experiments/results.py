"""What the trials of an experiment have measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median
from typing import Any

from models import JobStatus


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One epoch of a trial. Losses are cross-entropy in nats, accuracies fractions; None: not measured, or not a
    number."""

    epoch: int  # from 0
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    layers: Sequence[tuple[str, float]] = ()  # gradient norm by layer, from the input on; of the first epoch alone


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A trial, as far as its job has come."""

    label: str
    group: str | None
    job_id: str
    status: JobStatus | None  # None: its job was deleted
    error: Mapping[str, Any] | None
    epochs: Sequence[EpochResult]
    planned: int  # epochs
    kept_epoch: int | None  # whose weights the job keeps, where early stopping chooses it; None: the last one's
    train_images: int | None
    test_images: int | None
    steps_per_epoch: int | None
    range_test: Sequence[tuple[float, float]] = ()  # of a range test: learning rate and loss of each step
    repeats: int = 0  # jobs that train it under other seeds; the other fields are of its own job alone

    @property
    def has_succeeded(self) -> bool:
        """Whether its numbers are final."""
        return self.status is JobStatus.SUCCEEDED

    @property
    def has_diverged(self) -> bool:
        """Whether its loss became infinite or no number."""
        return self.status is JobStatus.FAILED and (self.error or {}).get("code") == "diverged"

    @property
    def final(self) -> EpochResult | None:
        """The epoch that it is judged by: the last one that was evaluated, or the one that early stopping keeps."""
        evaluated = [each for each in self.epochs if each.test_accuracy is not None]
        kept = [each for each in evaluated if each.epoch == self.kept_epoch]
        chosen = kept or evaluated
        return chosen[-1] if chosen else None

    @property
    def lowest_test_loss(self) -> EpochResult | None:
        """The epoch with the lowest test loss."""
        known = [each for each in self.epochs if each.test_loss is not None]
        return min(known, key=attrgetter("test_loss"), default=None)

    @property
    def seconds_per_epoch(self) -> float | None:
        """The median, so that the first epoch, which starts things up, does not count much."""
        return median(each.seconds for each in self.epochs) if self.epochs else None

    def step_at(self, epoch: EpochResult) -> int | None:
        """How many steps it has made at the end of an epoch."""
        return None if self.steps_per_epoch is None else (epoch.epoch + 1) * self.steps_per_epoch
