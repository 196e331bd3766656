"""What several rules need to know of a run: computed once."""

from functools import cached_property

import numpy as np

from training.diagnosis import spec_view
from training.diagnosis.curves import last_level, smoothed
from training.diagnosis.phases import last_drop
from training.diagnosis.run import Curve, Run
from training.spec import ResolvedSpec

NEAR_ZERO_LOSS = 0.02  # of what chance has: the training images are known by heart
NEAR_ALL = 0.995  # of the training images are right: likewise
HIGH_LOSS = 0.6  # nats: of an unknown number of classes, a probability of exp(-0.6) = 0.55 for the right one
WELL_FITTED = 0.75  # of the training images are right: no underfitting, whatever the loss started from
MOSTLY_RIGHT = 0.9  # of the training images: a curve that is flat there is none that is stuck
KNEW_MUCH = 0.5  # of what there is above chance, after the first epoch: the network was trained before
DECAYED = 0.1  # of the highest learning rate: below it, a curve is flat because steps are small


class Reading:
    """The curves of `run` without values that are not finite, and figures of them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.spec: ResolvedSpec | None = run.spec
        self.train = run.train_loss.finite()
        self.train_accuracy = run.curve("train_accuracy").finite()
        self.loss = run.held_out_loss.finite()
        self.accuracy = run.held_out_accuracy.finite()
        self.rate = run.curve("learning_rate").finite()
        self.split = run.judged_on

    @cached_property
    def rows(self) -> int:
        """Recorded epochs."""
        return len(self.run.rows)

    @cached_property
    def start(self) -> float | None:
        """The train loss of a network that has learnt nothing: chance's where the classes are known, otherwise the
        first that was recorded."""
        if self.run.chance_loss is not None:
            return self.run.chance_loss
        if self.run.steps:
            return self.run.steps[0].loss
        return float(self.train.values[0]) if len(self.train) else None

    @cached_property
    def level(self) -> float | None:
        """The train loss at the end, as a share of what it starts from."""
        return last_level(self.train) / self.start if len(self.train) and self.start else None

    @cached_property
    def final_train_accuracy(self) -> float | None:
        """At the end; where only the loss was recorded, exp(-loss), which is its geometric mean of the probabilities
        of the right classes, and below the accuracy as a rule."""
        if len(self.train_accuracy):
            return last_level(self.train_accuracy)
        is_cross_entropy = len(self.accuracy) and len(self.train)
        return float(np.exp(-last_level(self.train))) if is_cross_entropy else None

    @cached_property
    def final_accuracy(self) -> float | None:
        """Of the split that the network is judged on."""
        return last_level(self.accuracy) if len(self.accuracy) else None

    @cached_property
    def gap(self) -> float | None:
        """Train accuracy less the accuracy on the other split, at the end."""
        if self.final_train_accuracy is None or self.final_accuracy is None:
            return None
        return self.final_train_accuracy - self.final_accuracy

    @cached_property
    def train_accuracy_is_high(self) -> bool:
        """Whether the training images are mostly right at the end."""
        return len(self.train_accuracy) > 0 and last_level(self.train_accuracy) >= MOSTLY_RIGHT

    @cached_property
    def is_poor(self) -> bool:
        """Whether there is much left to learn of the training images: by the train accuracy; or, where neither that nor
        the classes are known, by a loss that can be a cross-entropy. A loss of another scale says nothing by its
        level."""
        if len(self.train_accuracy):
            return last_level(self.train_accuracy) < WELL_FITTED
        return len(self.train) > 0 and (self.run.chance_loss is not None or last_level(self.train) >= HIGH_LOSS)

    @cached_property
    def memorised_since(self) -> int | None:
        """The first epoch from which on the train loss stays near 0, or the train accuracy near 1; None: never."""
        if len(self.train) and self.start:
            known = smoothed(self.train.values) <= NEAR_ZERO_LOSS * self.start
            epochs = self.train.epochs
        elif len(self.train_accuracy):
            known, epochs = smoothed(self.train_accuracy.values) >= NEAR_ALL, self.train_accuracy.epochs
        else:
            return None
        if not known[-1]:
            return None
        before = np.flatnonzero(~known)
        return int(epochs[before[-1] + 1] if len(before) else epochs[0])

    @cached_property
    def peak_rate(self) -> float | None:
        """The highest learning rate up to now."""
        return float(self.rate.values.max()) if len(self.rate) else None

    @cached_property
    def is_decayed(self) -> bool:
        """Whether the learning rate has come down, so that a flat end says nothing about the network."""
        if self.peak_rate:
            return float(self.rate.values[-1]) < DECAYED * self.peak_rate
        is_annealed = bool(self.spec and spec_view.is_annealed(self.spec) and self.run.is_complete)
        return is_annealed or self.phase_since > 0

    @cached_property
    def rate_is_constant(self) -> bool | None:
        """Whether the learning rate has never fallen; None: unknown."""
        if self.peak_rate:
            return float(self.rate.values[-1]) > 0.99 * self.peak_rate
        return self.spec.schedule.name == "constant" if self.spec else None

    @cached_property
    def constant_since(self) -> int:
        """The first epoch of the present learning rate: since the last step of a schedule."""
        if len(self.rate) < 2:
            return 0
        apart = np.flatnonzero(np.abs(self.rate.values / max(1e-300, self.rate.values[-1]) - 1) > 0.01)
        return int(self.rate.epochs[min(apart[-1] + 1, len(self.rate) - 1)]) if len(apart) else 0

    @cached_property
    def phase_since(self) -> int:
        """The first epoch behind the last drop of the learning rate in one step; 0: there was none."""
        return last_drop(self.run)

    @cached_property
    def a_fall_is_due(self) -> bool:
        """Of a run that goes on, or has not come to its planned end: whether its schedule will lower the learning rate,
        or has just done so. An unknown schedule may."""
        if self.run.is_complete:
            return False
        return self.spec is None or self.spec.schedule.name != "constant"

    @cached_property
    def knew_much(self) -> bool:
        """Whether the network was trained before this run: it starts from other weights, or was right so often after
        its first epoch. What is usual for a training from random weights does not hold for it."""
        if self.spec is not None and self.spec.starting_weights:
            return True
        classes, first = self.run.facts.classes, self.run.rows.get(0)
        if first is None or not len(self.accuracy) or self.accuracy.epochs[0] > 0:
            return False
        chance = 1 / classes if classes else 0.5
        return float(self.accuracy.values[0]) >= chance + KNEW_MUCH * (1 - chance)

    @cached_property
    def rate_ratio(self) -> float | None:
        """How many times the usual learning rate the spec's is; None: unknown."""
        return spec_view.learning_rate_ratio(self.spec, self.run.facts.train_images)

    def recorded_before(self, epoch: int) -> int | None:
        """The epoch recorded before `epoch`, where others between them were not; None where none is missing."""
        earlier = [known for known in self.run.rows if known < epoch]
        return earlier[-1] if earlier and earlier[-1] < epoch - 1 else None

    def own(self, curve: Curve, first: float) -> Curve:
        """`curve` from the epoch `first` on."""
        return curve.between(first, self.run.last_epoch)
