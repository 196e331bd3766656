"""Diverged and diverging: a loss that is no number, or that rises for good; an accuracy that collapses."""

from collections.abc import Iterator

import numpy as np

from training.diagnosis.curves import last_level, noise, peak, trend, turn
from training.diagnosis.finding import Finding
from training.diagnosis.reading import Reading
from training.diagnosis.rules.rates import too_fast

DIVERGING_RISE = 0.25  # of what the train loss had fallen before: more is no noise
LEAST_RISE = 0.3  # of its lowest value
LEAST_ROWS, ROWS_BEHIND = 5, 3  # and behind the best one
COLLAPSE, LEAST_FALL = 0.5, 0.1  # of what the train accuracy had above chance is lost; and of all images


def diverged(reading: Reading) -> Iterator[Finding]:
    """A loss that is no finite number, or rises for good."""
    broken = _first_broken(reading)
    if broken is not None:
        sentence = f"The run diverged in epoch {broken}: its loss is no longer a finite number."
        yield too_fast(reading, "diverged", broken, sentence, {"first_epoch_without_a_finite_loss": broken})
    elif reading.run.diverged:
        yield _unseen(reading)
    elif (
        (turned := turn(reading.train))
        and reading.start is not None
        and len(reading.train) >= LEAST_ROWS
        and turned.rows >= ROWS_BEHIND
    ):
        fallen = max(reading.start, float(reading.train.values[0])) - turned.lowest
        behind = reading.own(reading.train, turned.epoch)
        line, halfway = trend(behind), turned.lowest + turned.rise / 2
        stays = bool((behind.values[1:] > halfway).all())  # it jumped up, and has not come back
        is_rising = line is not None and (line.certainty > 3 or stays)
        if is_rising and turned.rise > max(
            DIVERGING_RISE * fallen, 4 * noise(reading.train), LEAST_RISE * turned.lowest
        ):
            sentence = (
                f"The run diverges: since epoch {turned.epoch}, the train loss itself has risen from "
                f"{turned.lowest:.3g} "
                f"to {turned.last:.3g}. Overfitting lets it fall; steps that are too large let it rise."
            )
            evidence = {"lowest_train_loss": turned.lowest, "train_loss_now": turned.last}
            yield too_fast(reading, "diverging", turned.epoch, sentence, evidence)
    elif not len(reading.train):
        yield from _collapse(reading)


def _collapse(reading: Reading) -> Iterator[Finding]:
    """By accuracies alone: of the training images, most that were right no longer are, for good."""
    curve = reading.train_accuracy
    if len(curve) < LEAST_ROWS:
        return
    (since, best), last = peak(curve), last_level(curve)
    behind = int((curve.epochs > since).sum())
    chance = 1 / reading.run.facts.classes if reading.run.facts.classes else 0.0
    if behind < ROWS_BEHIND or best - last < max(COLLAPSE * (best - chance), LEAST_FALL, 5 * noise(curve)):
        return
    sentence = (
        f"The run diverges: since epoch {since}, the accuracy on the training images themselves has fallen from "
        f"{best:.1%} to {last:.1%}. Overfitting lets it rise; steps that are too large let it fall."
    )
    evidence = {"train_accuracy_then_as_a_fraction": best, "train_accuracy_now_as_a_fraction": last}
    yield too_fast(reading, "diverging", since, sentence, evidence)


def _unseen(reading: Reading) -> Finding:
    """Of a run that failed by diverging, though every loss that is recorded is finite."""
    last = reading.run.last_epoch
    if last < 0:
        return too_fast(reading, "diverged", 0, "The run diverged in its first epoch, before a loss was recorded.", {})
    evidence = {"last_recorded_epoch": last}
    if reading.spec is not None and reading.spec.precision == "fp16":
        sentence = f"The run diverged in epoch {last}: its losses are finite, but no gradient was in fp16 any more."
    else:
        sentence = f"The run diverged after epoch {last}, the last that is recorded: until then, its losses are finite."
    return too_fast(reading, "diverged", last, sentence, evidence)


def _first_broken(reading: Reading) -> int | None:
    """The first epoch whose loss is NaN or infinite."""
    found = [step.epoch for step in reading.run.steps if not np.isfinite(step.loss)][:1]
    for name in ("train_loss", "test_loss", "validation_loss"):
        curve = reading.run.curve(name)
        found += curve.epochs[~np.isfinite(curve.values)].tolist()[:1]
    return min(found, default=None)
