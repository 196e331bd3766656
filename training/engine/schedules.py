"""The learning rate: a function of the step alone, so that a checkpoint need not hold it.

The exception is the plateau schedule, which follows the losses: PlateauWatch has a state.
"""

import math
from typing import TypedDict, assert_never

from training.metrics import EpochMetrics
from training.spec import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    RangeTest,
    ResolvedSpec,
    Schedule,
    StepDecay,
    Swa,
    WarmRestarts,
)


def learning_rate_factor(
    step: int,
    *,
    schedule: Schedule,
    peak: float,
    steps_per_epoch: int,
    epochs: int,
    plateau: float = 1.0,
    swa: Swa | None = None,
) -> float:
    """The learning rate of `step`, counted from 0 over the whole run, as a share of `peak`, the optimizer's own.

    A warm-up takes its first step at 1 / warm-up steps and its last at 1. What follows begins at the warm-up's end
    and takes the steps that remain: the epochs of a step, an exponential or a warm-restart schedule count from there.
    Milestones alone name epochs of the run. `plateau` is a PlateauWatch's factor. From its start epoch on, the
    learning rate of `swa`, where it has one, takes the place of all this.
    """
    epoch = step // steps_per_epoch
    if swa and swa.learning_rate is not None and epoch >= swa.start_epoch:
        return swa.learning_rate / peak
    warmup = schedule.warmup_epochs * steps_per_epoch
    if step < warmup:
        return (step + 1) / warmup
    match schedule:
        case Plateau():
            return max(plateau, schedule.minimum / peak)
        case WarmRestarts():
            done, length = _place_in_cycle(
                step - warmup, schedule.first_cycle_epochs * steps_per_epoch, schedule.cycle_factor
            )
            return _between(schedule.final_learning_rate / peak, _half_cosine(done / length))
        case Cosine() | OneCycle() | Linear() | Polynomial():
            return _over_the_run(step - warmup, epochs * steps_per_epoch - warmup, schedule, peak)
        case RangeTest():
            first, steps = schedule.first_learning_rate / peak, epochs * steps_per_epoch
            return math.pow(first, 1 - step / max(1, steps - 1))
        case Constant() | StepDecay() | MultiStep() | Exponential():
            return _by_epoch(epoch, schedule)
        case _:
            assert_never(schedule)


def _by_epoch(epoch: int, schedule: Constant | StepDecay | MultiStep | Exponential) -> float:
    """Of every step of `epoch`, counted from 0 over the whole run, behind the warm-up."""
    match schedule:
        case Constant():
            return 1.0
        case StepDecay():
            return schedule.gamma ** ((epoch - schedule.warmup_epochs) // schedule.step_epochs)
        case MultiStep():
            return schedule.gamma ** sum(milestone <= epoch for milestone in schedule.milestones)
        case Exponential():
            return schedule.gamma ** (epoch - schedule.warmup_epochs)


def _over_the_run(step: int, steps: int, schedule: Cosine | OneCycle | Linear | Polynomial, peak: float) -> float:
    """Of `step` out of `steps`, from 0. The final learning rate is that of the step after the last."""
    left = 1 - step / steps
    match schedule:
        case Cosine():
            return _between(schedule.final_learning_rate / peak, _half_cosine(1 - left))
        case Linear():
            return _between(schedule.final_learning_rate / peak, left)
        case Polynomial():
            return _between(schedule.final_learning_rate / peak, left**schedule.power)
        case OneCycle():
            return _one_cycle(step, steps, schedule)


def _one_cycle(step: int, steps: int, schedule: OneCycle) -> float:
    """As torch's OneCycleLR: the peak lies at step rise * steps - 1, which need not be whole, the end at the last."""
    top = schedule.rise * steps - 1
    first = 1 / schedule.start_divisor
    if step < top:
        low, progress = first, 1 - step / top
    else:
        low, progress = first / schedule.final_divisor, (step - top) / (steps - 1 - top)
    return _between(low, _half_cosine(progress) if schedule.shape == "cosine" else 1 - progress)


def _place_in_cycle(step: int, length: int, factor: int) -> tuple[int, int]:
    """How many steps of its cycle `step` is behind, and the cycle's length; the first cycle is `length` steps."""
    if factor == 1:
        return step % length, length
    while step >= length:
        step, length = step - length, length * factor
    return step, length


def _half_cosine(progress: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * progress)) / 2


def _between(low: float, share: float) -> float:
    """`low` at 0, 1 at 1."""
    return low + (1 - low) * share


class PlateauState(TypedDict):
    """The state of a PlateauWatch, as plain JSON."""

    factor: float
    best: float | None
    bad_epochs: int
    cooldown_left: int


class PlateauWatch:
    """Multiplies `factor`, 1 at first, by the schedule's gamma when the loss has stopped falling.

    As torch's ReduceLROnPlateau, with a relative threshold. The schedule's minimum is learning_rate_factor's matter.
    """

    def __init__(self, schedule: Plateau) -> None:
        self.factor = 1.0
        self._schedule = schedule
        self._best: float | None = None
        self._bad_epochs = 0
        self._cooldown_left = 0

    def learn_from(self, metrics: EpochMetrics) -> None:
        """Observe the watched loss of an epoch, where it was measured. Epochs of the warm-up are left out: the learning
        rate has not yet reached the value that a plateau would lower."""
        if metrics.epoch < self._schedule.warmup_epochs:
            return
        watched = {
            "train_loss": metrics.train_loss,
            "validation_loss": metrics.validation_loss,
            "test_loss": metrics.test_loss,
        }[self._schedule.watch]
        if watched is not None:
            self.observe(watched)

    def observe(self, loss: float) -> None:
        """The watched loss of one epoch more, or of one evaluation more."""
        if self._best is None or loss < self._best * (1 - self._schedule.threshold):
            self._best, self._bad_epochs = loss, 0
        else:
            self._bad_epochs += 1
        if self._cooldown_left:
            self._cooldown_left, self._bad_epochs = self._cooldown_left - 1, 0
        if self._bad_epochs > self._schedule.patience:
            self.factor *= self._schedule.gamma
            self._cooldown_left, self._bad_epochs = self._schedule.cooldown, 0

    def state_dict(self) -> PlateauState:
        """All that it needs to go on."""
        return PlateauState(
            factor=self.factor, best=self._best, bad_epochs=self._bad_epochs, cooldown_left=self._cooldown_left
        )

    def load_state_dict(self, state: PlateauState) -> None:
        """Go on from what `state_dict` returned."""
        self.factor, self._best = state["factor"], state["best"]
        self._bad_epochs, self._cooldown_left = state["bad_epochs"], state["cooldown_left"]


class LearningRate:
    """The learning rate of every step of a run. Steps are counted from 0 within their epoch."""

    def __init__(self, spec: ResolvedSpec) -> None:
        self._spec = spec
        self._plateau = PlateauWatch(spec.schedule) if isinstance(spec.schedule, Plateau) else None

    def factor(self, epoch: int, step: int, steps_per_epoch: int) -> float:
        """Of `step` of `epoch`: the share of the optimizer's learning rate."""
        return learning_rate_factor(
            epoch * steps_per_epoch + step,
            schedule=self._spec.schedule,
            peak=self._spec.optimizer.learning_rate,
            steps_per_epoch=steps_per_epoch,
            epochs=self._spec.epochs,
            plateau=self._plateau.factor if self._plateau else 1.0,
            swa=self._spec.regularisation.swa,
        )

    def at(self, epoch: int, step: int, steps_per_epoch: int) -> float:
        """Of `step` of `epoch`."""
        return self._spec.optimizer.learning_rate * self.factor(epoch, step, steps_per_epoch)

    def learn_from(self, metrics: EpochMetrics) -> None:
        """A plateau schedule follows the losses of epochs; the others do not."""
        if self._plateau:
            self._plateau.learn_from(metrics)

    def state_dict(self) -> PlateauState | None:
        """What a plateau schedule has seen; the others need nothing to be resumed."""
        return self._plateau.state_dict() if self._plateau else None

    def load_state_dict(self, state: PlateauState | None) -> None:
        """Go on from what `state_dict` returned in a run of the same schedule."""
        if self._plateau and state is not None:
            self._plateau.load_state_dict(state)
