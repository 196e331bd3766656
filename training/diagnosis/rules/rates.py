"""The learning rate: too high, too low, no warm-up."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from training.diagnosis import patches
from training.diagnosis.curves import last_level, noise, smoothed
from training.diagnosis.finding import Code, Finding, Severity, Suggestion
from training.diagnosis.reading import Reading

Evidence = Mapping[str, float | int | str]

EARLY_ROWS = 3  # in which a start can go wrong
SPIKE = 1.5  # times the loss of an untrained network: a sound step lowers the loss
STUCK = 0.95  # of it, at the end: nothing was learnt
JUMP = 0.3  # of its value, by which the train loss rises from one epoch to the next
RESTLESS = 0.15  # of the train loss is noise from epoch to epoch
JUMPS = 0.15  # of the epochs: a single one is an accident
JUMPY_LEVEL = 0.3  # of the untrained network's loss: above it, jumps alone say that steps overshoot
UNUSUALLY_HIGH = 8.0  # times the usual learning rate; Bengio 2012 (arXiv:1206.5533): about a factor of 2 is too much
UNUSUALLY_LOW = 0.15  # times the usual learning rate
LEFT_OVER = 0.08  # of the untrained network's loss is left at the end, although …
GOOD, LOW_LEVEL = 0.85, 0.2  # of an accuracy, and of the untrained network's loss: no problem
SLOW_LEVEL = 0.5  # likewise, where the spec is unknown
STRAIGHT = 0.5  # the second half of the rows brings so much of what the first brings: a curve without a knee
SLOW_ROWS = 8
SLOWER, FASTER = 0.1, 10.0

# Signs of a learning rate that is too high, as their evidence is called.
SPIKED = "highest_early_train_loss"
JUMPED = "epochs_whose_train_loss_jumped_up_as_a_fraction"
LEAPT = "epochs_whose_held_out_loss_jumped_up_as_a_fraction"
DIFFERS = "noise_of_the_train_loss_as_a_fraction"
STAYED = "train_loss_now"
UNUSUAL = "times_the_usual_learning_rate"


def learning_rate_too_high(reading: Reading) -> Iterator[Finding]:
    """Steps that overshoot: a loss above that of an untrained network at the start, or one that keeps jumping up."""
    if not len(reading.train) or reading.start is None:
        return
    signs = {sign.name: sign for sign in _signs(reading, reading.start)}
    unusual, has_much_left = UNUSUAL in signs, (reading.level or 0.0) > JUMPY_LEVEL
    # A leap of the other split's loss alone has other causes, unless the learning rate is unusual.
    is_seen = (
        (unusual and len(signs) > 1)
        or (SPIKED in signs and (STAYED in signs or JUMPED in signs))
        or (has_much_left and (JUMPED in signs or DIFFERS in signs))
    )
    is_usual = reading.rate_ratio is not None and reading.rate_ratio <= 1
    if not is_seen or is_usual:
        return
    evidence = {
        "train_loss_of_an_untrained_network": reading.start,
        **{name: sign.value for name, sign in signs.items()},
    }
    seen = ", and ".join(sign.words for sign in signs.values())
    sentence = f"The learning rate is too high: {seen}. Each step overshoots what it aims at."
    yield too_fast(reading, "learning_rate_too_high", int(reading.train.epochs[0]), sentence, evidence)


class _Sign(NamedTuple):
    name: str  # of the evidence
    value: float
    words: str


def _signs(reading: Reading, start: float) -> Iterator[_Sign]:
    """Of a learning rate that is too high. No single one is enough."""
    if spike := _spike(reading):
        words = f"the loss shot up to {spike:.3g} at the start, where an untrained network has {start:.3g}"
        yield _Sign(SPIKED, spike, words)
    if jumps := _jumps(reading):
        yield _Sign(JUMPED, jumps, f"the train loss jumped up in {jumps:.0%} of the epochs")
    if restless := _restlessness(reading):
        yield _Sign(DIFFERS, restless, f"from epoch to epoch, the train loss differs by {restless:.0%}")
    if _is_stuck(reading):
        last = last_level(reading.train)
        yield _Sign(STAYED, last, f"it stays at {last:.3g}, as if nothing had been learnt")
    ratio = reading.rate_ratio
    if reading.spec and ratio is not None and ratio >= UNUSUALLY_HIGH:
        if leaps := _held_out_leaps(reading):
            yield _Sign(LEAPT, leaps, f"the {reading.split} loss jumped up in {leaps:.0%} of the epochs")
        rate = reading.spec.optimizer.learning_rate
        yield _Sign(UNUSUAL, ratio, f"{rate:g} is {ratio:.0f} times what is usual for its optimizer")


def _spike(reading: Reading) -> float:
    """The highest loss of the first epochs where it lies above an untrained network's; otherwise 0."""
    if reading.start is None:
        return 0.0
    early = reading.train.epochs[:EARLY_ROWS][-1]
    steps = [step.loss for step in reading.run.steps if step.epoch <= early and np.isfinite(step.loss)]
    untrained = max([reading.start, *steps[:1]])
    highest = float(reading.train.values[:EARLY_ROWS].max())
    return highest if highest >= SPIKE * untrained else 0.0


def _jumps(reading: Reading) -> float:
    """Share of the rows whose train loss lies well above the row before, while there is much left to learn. Restarts of
    the schedule raise it, too, and do not count; nor does a loss near 0, where a single batch decides."""
    values = reading.train.values
    if len(values) < 8 or reading.start is None or _rate_rises(reading):
        return 0.0
    rises = (values[1:] > (1 + JUMP) * values[:-1]) & (values[1:] > 0.1 * reading.start)
    share = float(rises.mean())
    return share if share >= JUMPS else 0.0


def _held_out_leaps(reading: Reading) -> float:
    """Share of the rows, behind the first ones, whose loss on the other split lies well above the row before, while the
    learning rate has not come down."""
    values = reading.loss.values[EARLY_ROWS:]
    if len(values) < EARLY_ROWS or reading.is_decayed:
        return 0.0
    share = float((values[1:] > (1 + JUMP) * values[:-1]).mean())
    return share if share >= JUMPS else 0.0


def _restlessness(reading: Reading) -> float:
    """The train loss's noise in the second half, as a share of its level, where it is far above that of a mean over
    an epoch; otherwise 0."""
    late = reading.own(reading.train, reading.run.last_epoch / 2)
    share = noise(late) / max(1e-12, abs(last_level(late))) if len(late) >= EARLY_ROWS + 3 else 0.0
    return share if share >= RESTLESS and not _rate_rises(reading) else 0.0


def _rate_rises(reading: Reading) -> bool:
    return len(reading.rate) > 1 and bool((np.diff(reading.rate.values[1:]) > 0).any())


def _is_stuck(reading: Reading) -> bool:
    return reading.level is not None and len(reading.train) >= EARLY_ROWS and reading.level >= STUCK


def too_fast(reading: Reading, code: Code, since: int, sentence: str, evidence: Evidence) -> Finding:
    """A problem that shorter steps mend."""
    patch = patches.usual_rate(reading, SLOWER)
    expected = "The loss falls from the first epoch on, and without jumps."
    why = (
        "A step that is too long lands higher on the other side of the valley. A tenth, or the usual rate, stays in it."
    )
    rows = [epoch for epoch in reading.run.rows if epoch >= since][:EARLY_ROWS]
    suggestion = Suggestion(patch, expected, why) if patch else None
    return Finding(code, "problem", since, sentence, evidence, tuple(rows), suggestion)


def learning_rate_too_low(reading: Reading) -> Iterator[Finding]:
    """A loss that creeps down evenly, and is far from done at the end. Of a network that knew much before, small steps
    are usual; where it ends with most images right, a higher rate is no more than faster."""
    if not len(reading.train) or reading.level is None or reading.memorised_since is not None or reading.knew_much:
        return
    slow = _is_unusually_slow(reading) if reading.rate_ratio is not None else _is_straight(reading)
    if not slow:
        return
    evidence: dict[str, float | int | str] = {
        "train_loss": last_level(reading.train),
        "train_loss_as_a_fraction_of_an_untrained_one": reading.level,
    }
    reason, patch = "without the steep start that a suitable rate gives", patches.usual_rate(reading, FASTER)
    if reading.spec and reading.rate_ratio is not None:
        rate = reading.spec.optimizer.learning_rate
        evidence |= {"learning_rate": rate, "times_the_usual_learning_rate": reading.rate_ratio}
        reason = f"at a learning rate of {rate:g}, {reading.rate_ratio:.2g} times what is usual for its optimizer"
    is_good = max(reading.final_accuracy or 0.0, reading.final_train_accuracy or 0.0) >= GOOD
    severity: Severity = "hint" if is_good or reading.level < LOW_LEVEL else "problem"
    yield Finding(
        code="learning_rate_too_low",
        severity=severity,
        since_epoch=int(reading.train.epochs[0]),
        sentence=f"The learning rate is too low: the train loss creeps down evenly, {reason}, and at the end "
        f"{reading.level:.0%} of an untrained network's is left.",
        evidence=evidence,
        epochs=tuple(int(epoch) for epoch in reading.train.epochs[[0, len(reading.train) // 2, -1]]),
        suggestion=Suggestion(
            patch,
            "In as many epochs, the loss falls several times as far.",
            "Steps go in the right direction, and are too short to get there.",
        )
        if patch
        else None,
    )


def _is_unusually_slow(reading: Reading) -> bool:
    """By the spec: far below the usual rate, while the train loss is far from done and falls without jumps."""
    if reading.rate_ratio is None or reading.level is None or reading.rate_ratio > UNUSUALLY_LOW:
        return False
    smooth = smoothed(reading.train.values)
    is_even = bool((np.diff(smooth) <= 0.02 * smooth[:-1]).all())
    return reading.level >= LEFT_OVER and is_even and (reading.gap or 0.0) < 0.2


def _is_straight(reading: Reading) -> bool:
    """By the curve alone: little learnt, no knee, hardly any noise. Not where it fell because the learning rate did:
    shorter steps would not help a run whose steps are too short."""
    if len(reading.train) < SLOW_ROWS or reading.level is None or not SLOW_LEVEL <= reading.level < STUCK:
        return False
    if reading.phase_since:
        return False
    values = smoothed(reading.train.values)
    middle = len(values) // 2
    early, late = float(values[0] - values[middle]), float(values[middle] - values[-1])
    if len(reading.loss) and _holds_for_the_training_images_alone(reading):
        return False
    return early > 0 and late >= STRAIGHT * early and noise(reading.train) < 0.05 * (early + late)


def _holds_for_the_training_images_alone(reading: Reading) -> bool:
    """Whether the other split's loss fell less than the train loss: whoever is too slow is so on both."""
    held, train = smoothed(reading.loss.values), smoothed(reading.train.values)
    return bool(held[0] - held[-1] < 0.5 * (train[0] - train[-1]))


def warmup_missing(reading: Reading) -> Iterator[Finding]:
    """A start that went wrong, of a run that then went well."""
    spike = _spike(reading) if len(reading.train) > EARLY_ROWS else 0.0
    has_warmup = reading.spec is not None and reading.spec.schedule.warmup_epochs > 0
    if not spike or has_warmup or reading.level is None or reading.level > 0.5 or reading.start is None:
        return
    patch = patches.warmup(reading)
    yield Finding(
        code="warmup_missing",
        severity="warning",
        since_epoch=int(reading.train.epochs[0]),
        sentence=f"A warm-up is missing: at the start, the train loss shot up to {spike:.3g}, above the "
        f"{reading.start:.3g} "
        "of an untrained network, and the first epochs were spent on coming back. Then the learning rate was right.",
        evidence={"highest_early_train_loss": spike, "train_loss_of_an_untrained_network": reading.start},
        epochs=tuple(int(epoch) for epoch in reading.train.epochs[:EARLY_ROWS]),
        suggestion=Suggestion(
            patch,
            "The loss falls from the first step on.",
            "At the start, gradients are large and the norms' statistics wrong: small steps first, then the whole "
            "learning rate (Goyal et al. 2017, arXiv:1706.02677).",
        )
        if patch
        else None,
    )
