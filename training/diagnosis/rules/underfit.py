"""A network that does not even fit its training images."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from training.diagnosis import patches
from training.diagnosis.curves import flat_since, last_level, smoothed, trend
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.reading import Reading
from training.diagnosis.rules.rates import UNUSUALLY_LOW
from training.diagnosis.run import Curve
from training.diagnosis.spec_view import mixes_labels

LEVEL = 0.5  # of the loss of a network that has learnt nothing
LEAST_ROWS = 6
FEW = 0.5  # of the training images are right
NEAR_CHANCE = 1.5  # times chance
SLOWER = 0.1  # times the learning rate of a run that never learnt anything
FLAT = 0.02  # of the level, over the last third of the rows
SMALL_GAP = 0.1  # between accuracies; a larger one is no underfitting
USUAL_WEIGHT_DECAY = 0.01  # ten times of what is usual with SGD; as much as is usual with AdamW
SMALL_NETWORKS = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110")


def underfitting(reading: Reading) -> Iterator[Finding]:
    """A train loss that stays high and no longer falls, and is about the same on other images."""
    if not len(reading.train):
        yield from _by_accuracy(reading)
    if len(reading.train) < LEAST_ROWS or reading.level is None or reading.level < LEVEL:
        return
    if (
        not reading.is_poor
        or mixes_labels(reading.spec)
        or not _is_flat(reading.own(reading.train, reading.phase_since))
        or abs(reading.gap or 0.0) > SMALL_GAP
    ):
        return
    since = flat_since(reading.train, 2 * FLAT * last_level(reading.train))
    yield Finding(
        code="underfitting",
        severity="problem",
        since_epoch=since,
        sentence=f"The network underfits: its train loss stays at {last_level(reading.train):.3g}, which is "
        f"{reading.level:.0%} of that of a network that has learnt nothing. It does not even fit the images that it "
        "sees, so that other images are not the question yet.",
        evidence={
            "train_loss": last_level(reading.train),
            "train_loss_as_a_fraction_of_an_untrained_one": reading.level,
        },
        epochs=tuple(int(epoch) for epoch in reading.train.epochs[[len(reading.train) // 2, -1]]),
        suggestion=_suggestion(reading),
    )


def _by_accuracy(reading: Reading) -> Iterator[Finding]:
    """By accuracies alone: few training images are right, as few of the others, and no more as the run goes on."""
    train, final, gap = reading.final_train_accuracy, reading.final_accuracy, reading.gap
    if train is None or len(reading.train_accuracy) < LEAST_ROWS or mixes_labels(reading.spec) or reading.a_fall_is_due:
        return
    is_like_others = final is None or gap is None or (final < FEW and abs(gap) <= SMALL_GAP)
    errors = Curve(reading.train_accuracy.epochs, 1 - reading.train_accuracy.values)
    if train >= FEW or not is_like_others or not _is_flat(reading.own(errors, reading.phase_since)):
        return
    evidence: dict[str, float | int | str] = {"train_accuracy_as_a_fraction": train}
    if final is not None:
        evidence[f"{reading.split}_accuracy_as_a_fraction"] = final
    yield Finding(
        code="underfitting",
        severity="problem",
        since_epoch=flat_since(errors, 2 * FLAT * last_level(errors)),
        sentence=f"The network underfits: it is right about {train:.1%} of its training images{_as_chance(reading)}, "
        "and no longer learns. It does not even fit the images that it sees, so that other images are not the question "
        "yet.",
        evidence=evidence,
        epochs=tuple(int(epoch) for epoch in errors.epochs[[len(errors) // 2, -1]]),
        suggestion=_suggestion(reading),
    )


def _as_chance(reading: Reading) -> str:
    return ", which is chance" if _has_learnt_nothing(reading) else ""


def _has_learnt_nothing(reading: Reading) -> bool:
    """Whether the train loss, or the accuracy where no loss was recorded, is chance's, from the start to the end."""
    classes, chance = reading.run.facts.classes, reading.run.chance_loss
    if chance and len(reading.train):
        return bool((np.abs(smoothed(reading.train.values) / chance - 1) <= FLAT).all())
    if classes and len(reading.train_accuracy):
        return bool((smoothed(reading.train_accuracy.values) <= NEAR_CHANCE / classes).all())
    return False


def _is_flat(curve: Curve) -> bool:
    """Over the last third of a curve from the last drop of the learning rate on."""
    if not len(curve):
        return False
    first, last = curve.epochs[[0, -1]]
    line = trend(curve.between(last - (last - first) / 3, last))
    return line is None or -line.change < FLAT * abs(last_level(curve))


def _suggestion(reading: Reading) -> Suggestion | None:
    """What holds it back, the likeliest first."""
    if reading.spec is None:
        return None
    architecture: Any = reading.spec.architecture
    optimizer: Any = reading.spec.optimizer
    expected = "The train loss falls well below where it stays now."
    if architecture.activation in ("sigmoid", "tanh"):
        why = f"Gradients shrink in every layer of {architecture.activation}, until the first layers learn nothing."
        return Suggestion({"architecture": {"activation": "relu"}}, expected, why)
    if not getattr(architecture, "residual", True):
        why = "Without shortcuts, deep networks are hard to train (He et al. 2015, arXiv:1512.03385)."
        return Suggestion({"architecture": {"residual": True}}, expected, why)
    if optimizer.weight_decay > USUAL_WEIGHT_DECAY and optimizer.name not in ("adamw", "lion", "lamb", "muon"):
        why = f"A weight decay of {optimizer.weight_decay:g} pulls the weights to 0 faster than the images move them."
        return Suggestion({"optimizer": {"weight_decay": 5e-4}}, expected, why)
    is_low = reading.rate_ratio is not None and reading.rate_ratio <= UNUSUALLY_LOW
    if _has_learnt_nothing(reading) and not is_low:
        return _slower(reading)
    if reading.rate_ratio is not None and reading.rate_ratio < 1 and not reading.spec.starting_weights:
        faster = patches.usual_rate(reading, 3.0)
        if faster:
            return Suggestion(faster, expected, "Its learning rate is below what is usual for its optimizer.")
    if architecture.name in SMALL_NETWORKS:
        why = "A wider network can tell more images apart."
        return Suggestion({"architecture": {"name": "resnet18"}}, expected, why)
    return None


def _slower(reading: Reading) -> Suggestion | None:
    """A network that answers every image alike from the first epoch on: its first steps were too long, as a rule."""
    patch = patches.usual_rate(reading, SLOWER)
    why = (
        "A loss that stays at chance from the first epoch on is that of a network that answers every image alike: as a "
        "rule, its first steps were too long, and it does not find back."
    )
    return Suggestion(patch, "The loss falls below chance within the first epochs.", why) if patch else None
