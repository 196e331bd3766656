"""Whether a run ends in time: still improving, plateau, a schedule that ends too early or too late."""

from collections.abc import Iterator

import numpy as np

from training.diagnosis import patches
from training.diagnosis.curves import flat_since, last_level, last_rows, noise, smoothed, trend, turn
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.forecast import forecast
from training.diagnosis.reading import Reading
from training.diagnosis.run import Curve

CERTAIN = 3.0  # standard errors of a slope
LEAST_ROWS = 3
PHASE_ROWS = 6  # since a drop of the learning rate, which takes some to have its effect
GAIN = 0.05  # of the loss: what the last third must have brought to be called improving
GAIN_OF_ERROR = 0.05  # of the error (1 - accuracy), where no loss was measured
GAIN_OF_ERROR_BESIDE = 0.08  # of the error, where the loss shows less: smoothed labels keep that far above 0
GAIN_OF_FEW = 0.1  # of the error from one row to the next, of very few rows
OF_WHOLE_FALL = 0.015  # and this share of what the whole run has brought: the rest is polish
PER_DOUBLING = 0.12  # of the loss fell from a quarter to a half of an annealed run: twice the epochs would bring more
ROOM = 0.05  # of the untrained network's loss: below it, the training images are learnt
ROOM_ELSEWHERE = 0.2  # likewise of the other split's loss, at the end of a run whose learning rate has come down
ROOM_OF_ERROR = 0.3  # of the images are wrong, where no loss of the other split was measured
CALM, CALM_ROWS = 0.4, 36  # of its noise in the middle third is left in the last sixth; rows that it takes to tell
CALM_LEVEL = 0.01  # of the level: a curve with less noise was calm all along
DONE = 0.97  # of an accuracy: above it, more epochs bring less than what a usual test split can tell
TIMES = 3.0  # more epochs to try
FLAT = 0.02  # of the level
FLAT_SHARE = 0.4  # of the run is flat: a plateau
FLAT_ROWS = 8
ROOM_ABOVE = 0.15  # of the untrained network's loss is left, so that a plateau is none of a job well done
GONE = 0.0099  # of the highest learning rate: steps no longer move anything. A hundredth is what usual steps come to
GONE_SHARE = 0.25  # of the run after that
HARDLY_FALLEN = 0.5  # of the highest learning rate at the end of a schedule that was to bring it down


def still_improving(reading: Reading) -> Iterator[Finding]:
    """The other split's loss was at its lowest at the end, and falling, or its error was. A drop of the learning rate
    lowers a curve once: only the phase since the last one is judged."""
    if not reading.run.is_complete or len(reading.run.rows) < 2 or reading.memorised_since is not None:
        return
    is_decayed = reading.is_decayed or _grows_calm(reading)
    if is_decayed and not _has_room(reading):
        return
    if len(reading.run.rows) <= LEAST_ROWS and reading.run.last_epoch < 2 * LEAST_ROWS:
        is_improving = _has_just_begun(reading)
    elif is_decayed and not reading.phase_since:
        is_improving = _improves_per_doubling(reading)
    else:
        is_improving = _falls_at_the_end(reading)
    if not is_improving:
        return
    epochs = reading.run.last_epoch + 1
    more = forecast(reading.run, 2 * epochs - 1) if not is_decayed else None
    evidence: dict[str, float | int | str] = {"epochs": epochs}
    said = ""
    if more and reading.final_accuracy is not None:
        low, high = max(more.low, reading.final_accuracy), max(more.high, reading.final_accuracy)
        evidence |= {"accuracy_now_as_a_fraction": reading.final_accuracy, "forecast_low": low, "forecast_high": high}
        evidence |= {"forecast_epoch": 2 * epochs - 1, "forecast_probability": more.probability}
        said = (
            f" After twice as many epochs, the accuracy lies between {low:.1%} and {high:.1%} with a probability of "
            f"{more.probability:.0%}, after {reading.final_accuracy:.1%} now, if the learning rate stays as it is."
        )
    patch = patches.epochs(reading, TIMES)
    yield Finding(
        code="still_improving",
        severity="warning",
        since_epoch=reading.run.last_epoch,
        sentence=f"The run ended too soon: after {epochs} epochs, the {reading.split} curve was still improving, and "
        f"nothing shows overfitting.{said}",
        evidence=evidence,
        epochs=tuple([*reading.run.rows][-3:]),
        suggestion=Suggestion(
            patch,
            "The accuracy ends higher.",
            "The network had not finished learning. A schedule that ends with the run is stretched with it.",
        )
        if patch
        else None,
    )


def _has_room(reading: Reading) -> bool:
    """Of an annealed run: whether there is something left to learn."""
    has_learnt = reading.level is not None and reading.level < ROOM
    if len(reading.loss) and reading.start and last_level(reading.loss) < ROOM_ELSEWHERE * reading.start:
        return False
    if not len(reading.loss) and (reading.final_accuracy or 0.0) > 1 - ROOM_OF_ERROR:
        return False
    return not has_learnt and (reading.final_accuracy or 0.0) < DONE


def _grows_calm(reading: Reading) -> bool:
    """Of an unknown learning rate: whether it seems to have come down, as the curve no longer jumps as it did."""
    judged, last = _judged(reading), reading.run.last_epoch
    if reading.spec is not None or len(reading.rate) or judged is None or len(judged[0]) < CALM_ROWS:
        return False
    middle, end = judged[0].between(last / 3, last * 2 / 3), judged[0].between(last * 5 / 6, last)
    jumps = noise(middle)
    return jumps > CALM_LEVEL * abs(last_level(middle)) and noise(end) < CALM * jumps


def _judged(reading: Reading) -> tuple[Curve, float] | None:
    """A curve to be lowered, and the share of it that counts: the other split's loss, its error, or the train loss."""
    if len(reading.loss) >= LEAST_ROWS:
        return reading.loss, GAIN
    if len(reading.accuracy) >= LEAST_ROWS:
        return Curve(reading.accuracy.epochs, 1 - reading.accuracy.values), GAIN_OF_ERROR
    return (reading.train, GAIN) if len(reading.train) >= LEAST_ROWS else None


def _has_just_begun(reading: Reading) -> bool:
    """Of very few epochs the train loss is judged: after so few steps, the running means of normalisations are not the
    images' own yet, and a test loss says little. But the other split must not speak against it."""
    values = reading.train.values
    has_room = reading.level is not None and (reading.level > ROOM or (reading.final_accuracy or 1.0) < DONE)
    is_falling = len(values) > 1 and bool(values[-1] < (1 - GAIN) * values[-2])
    is_fine_tuned = reading.spec is not None and bool(reading.spec.starting_weights)
    return has_room and is_falling and not is_fine_tuned and _gets_better_elsewhere(reading)


def _gets_better_elsewhere(reading: Reading) -> bool:
    """Whether the last of very few rows is clearly the best on the other split: by its error, or its loss where no
    accuracy was measured; or nothing of it is known."""
    for values in (1 - reading.accuracy.values, reading.loss.values):
        if len(values) > 1:
            return bool(values[-1] < (1 - GAIN_OF_FEW) * values[:-1].min())
    return True


def _falls_at_the_end(reading: Reading) -> bool:
    judged = _judged(reading)
    if judged is None:
        return False
    errors = Curve(reading.accuracy.epochs, 1 - reading.accuracy.values)
    return _falls(reading, *judged) or (len(errors) >= LEAST_ROWS and _falls(reading, errors, GAIN_OF_ERROR_BESIDE))


def _falls(reading: Reading, whole: Curve, counts: float) -> bool:
    curve = reading.own(whole, reading.phase_since)
    if len(curve) < (PHASE_ROWS if reading.phase_since else LEAST_ROWS):
        return False
    rows = max(LEAST_ROWS, len(curve) // 3)
    last = Curve(curve.epochs[-rows:], curve.values[-rows:])
    line, turned = trend(last), turn(curve)
    if line is None or turned is None or line.slope >= 0:
        return False
    level = last_level(curve)
    is_certain = -line.certainty > (CERTAIN if rows > LEAST_ROWS else 1.5)
    is_lowest = turned.rise <= 2 * noise(curve) + 0.01 * level - line.slope * last_rows(len(curve))
    whole_fall = float(whole.values[0]) - level
    return is_certain and is_lowest and -line.change > max(counts * level, OF_WHOLE_FALL * whole_fall)


def _improves_per_doubling(reading: Reading) -> bool:
    """At the end of an annealed run every curve is flat. What more epochs would bring is seen before the end: how far
    the loss falls while the epochs double, from a quarter to a half of the run, and again to its end."""
    judged = _judged(reading)
    if judged is None:
        return False
    curve = judged[0]
    turned, epochs = turn(curve), reading.run.last_epoch + 1
    if turned is None or turned.rise > 0.02 * abs(turned.last):
        return False
    if epochs < 8:
        return bool(curve.values[-1] < (1 - PER_DOUBLING) * curve.values[len(curve) // 3])
    around = max(1.0, epochs / 10)
    quarter, half = (curve.between(at - around, at + around) for at in (epochs / 4, epochs / 2))
    if not len(quarter) or not len(half):
        return False
    before, after = float(np.median(quarter.values)), float(np.median(half.values))
    falls = before - after > max(PER_DOUBLING * before, 2 * noise(curve))
    return falls and after - last_level(curve) > PER_DOUBLING * after


def plateau(reading: Reading) -> Iterator[Finding]:
    """Nothing moves, although the learning rate is as it was, and there is room."""
    curve = reading.loss if len(reading.loss) else reading.train
    if len(curve) < FLAT_ROWS or reading.level is None or reading.level < ROOM_ABOVE or reading.is_decayed:
        return
    if reading.train_accuracy_is_high or reading.a_fall_is_due or not (reading.is_poor or reading.rate_is_constant):
        return
    since = max(_still_since(reading.train), _still_since(curve), reading.constant_since)
    flat = reading.own(reading.train, since)
    span = reading.run.last_epoch + 1 - int(curve.epochs[0])
    if len(flat) < FLAT_ROWS or reading.run.last_epoch + 1 - since < FLAT_SHARE * span:
        return
    line = trend(flat)
    if line is None or abs(line.change) > 2 * FLAT * abs(last_level(reading.train)):
        return
    yield Finding(
        code="plateau",
        severity="warning",
        since_epoch=since,
        sentence=f"The run is on a plateau: since epoch {since}, neither the train loss "
        f"({last_level(reading.train):.3g}) "
        f"nor the {reading.split} curve moves, while the learning rate stays as it is.",
        evidence={"train_loss": last_level(reading.train), "epochs_on_the_plateau": reading.run.last_epoch + 1 - since},
        epochs=tuple(int(epoch) for epoch in flat.epochs[[0, len(flat) // 2, -1]]),
        suggestion=Suggestion(
            patches.annealed(reading),
            "The loss falls again as the learning rate does.",
            "Steps of one length jump to and fro across the valley's floor; shorter ones get down to it.",
        ),
    )


def _still_since(curve: Curve) -> int:
    if not len(curve):
        return 0
    since = flat_since(curve, max(FLAT * abs(last_level(curve)), 2 * noise(curve)))
    return 0 if since is None else since


def schedule_ends_too_early(reading: Reading) -> Iterator[Finding]:
    """The learning rate was gone long before the end, and there was more to learn."""
    if len(reading.rate) < FLAT_ROWS or not reading.peak_rate or reading.level is None:
        return
    if reading.level < ROOM or reading.memorised_since is not None or (reading.gap or 0.0) > 0.2:
        return
    gone = np.flatnonzero(reading.rate.values > GONE * reading.peak_rate)
    since = int(reading.rate.epochs[min(gone[-1] + 1, len(reading.rate) - 1)])
    end = max(reading.run.last_epoch + 1, 1)
    still = reading.own(reading.train, since)
    if end - since < GONE_SHARE * end or len(still) < LEAST_ROWS:
        return
    if float(still.values[0] - still.values[-1]) > 0.1 * float(still.values[0]):
        return  # it still learns: its steps are small, and not gone
    yield Finding(
        code="schedule_ends_too_early",
        severity="problem",
        since_epoch=since,
        sentence=f"The schedule ends too early: from epoch {since} on, the learning rate is below {GONE:.0%} of its "
        f"highest value, and {end - since} of {end} epochs change nothing, although {reading.level:.0%} of the "
        "untrained network's train loss is left.",
        evidence={
            "learning_rate_then": float(reading.rate.between(since, since).values[0]),
            "highest_learning_rate": reading.peak_rate,
            "epochs_without_effect": end - since,
        },
        epochs=tuple(int(epoch) for epoch in still.epochs[[0, len(still) // 2, -1]]),
        suggestion=Suggestion(
            patches.annealed(reading),
            "The network goes on learning until the run's end.",
            "A cosine reaches 0 with the last step, and not before.",
        ),
    )


def schedule_ends_too_late(reading: Reading) -> Iterator[Finding]:
    """A schedule that was to lower the learning rate and has hardly done so, while the curves are still noisy."""
    if not reading.run.is_complete or reading.spec is None or not reading.peak_rate or len(reading.rate) < FLAT_ROWS:
        return
    last = float(reading.rate.values[-1])
    if reading.spec.schedule.name in ("constant", "warm_restarts") or last < HARDLY_FALLEN * reading.peak_rate:
        return
    if reading.memorised_since is not None or not _is_restless(reading):
        return
    yield Finding(
        code="schedule_ends_too_late",
        severity="warning",
        since_epoch=int(reading.rate.epochs[-1]),
        sentence="The schedule ends too late: in the last epoch, the learning rate is still "
        f"{last / reading.peak_rate:.0%} "
        "of its highest value, and the curves still jump: the last, small steps, which bring much, were never taken.",
        evidence={"last_learning_rate": last, "highest_learning_rate": reading.peak_rate},
        epochs=tuple([*reading.run.rows][-3:]),
        suggestion=Suggestion(
            patches.annealed(reading),
            "The accuracy rises and grows calm over the last third of the run.",
            "A learning rate that falls to 0 by the end lets the weights settle.",
        ),
    )


def _is_restless(reading: Reading) -> bool:
    judged = _judged(reading)
    if judged is None:
        return False
    curve = judged[0]
    late = reading.own(curve, reading.run.last_epoch * 2 / 3)
    return noise(late) > 0.03 * abs(last_level(curve)) or float(np.std(np.diff(smoothed(late.values)))) > 0.05
