"""How far a run has come, its best epoch so far, and how long an epoch takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from training.spec import RangeTest, ResolvedSpec


@dataclass(frozen=True, slots=True)
class SavePoint:
    """A place between two steps, at which a checkpoint can be saved. The next step is `step` of `epoch`, both counted
    from 0."""

    epoch: int
    step: int


class EpochClock:
    """The wall time of an epoch, or of the rest of one after a resume, without the time in which it was stopped."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self._began

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Time inside is not counted."""
        before = self.seconds()
        try:
            yield
        finally:
            self._began = time.perf_counter() - before


@dataclass(slots=True)
class Progress:
    """The next step is `step` of `epoch`. Where `step` is one more than the epoch's last, the epoch is trained and
    still to be evaluated."""

    epoch: int = 0
    step: int = 0
    best_epoch: int | None = None  # by validation accuracy where something was split off, otherwise by test accuracy
    best_accuracy: float = 0.0
    risen_epoch: int = 0  # the last whose accuracy was a rise, as early stopping counts it
    risen_accuracy: float | None = None
    stopped_early: bool = False

    def finished(self, spec: ResolvedSpec) -> bool:
        """Whether nothing is left to train."""
        return self.stopped_early or self.epoch >= spec.epochs

    def note_accuracy(self, accuracy: float, spec: ResolvedSpec) -> bool:
        """Take in the `accuracy` of the epoch, which decides on early stopping too. Returns whether it is the best so
        far.

        The best epoch may exceed the one before by less than the `minimum_rise` of early stopping.
        """
        if stopping := spec.regularisation.early_stopping:
            if self.risen_accuracy is None or accuracy > self.risen_accuracy + stopping.minimum_rise:
                self.risen_epoch, self.risen_accuracy = self.epoch, accuracy
            self.stopped_early = self.epoch - self.risen_epoch >= stopping.patience
        best = self.best_epoch is None or accuracy > self.best_accuracy
        if best:
            self.best_epoch, self.best_accuracy = self.epoch, accuracy
        return best


def is_evaluated(epoch: int, spec: ResolvedSpec) -> bool:
    """Whether the network is evaluated after `epoch`: at every interval, and after the last one; never in a range
    test."""
    if isinstance(spec.schedule, RangeTest):
        return False
    return (epoch + 1) % spec.evaluation_interval == 0 or epoch + 1 == spec.epochs
