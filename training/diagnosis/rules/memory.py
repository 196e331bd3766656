"""Training images that are known by heart."""

from collections.abc import Iterator

from training.diagnosis.curves import last_level, noise, value_at
from training.diagnosis.finding import Finding
from training.diagnosis.reading import Reading
from training.diagnosis.rules.fit import against_overfitting, rows_of, train_in_words

GAP = 0.1  # a network that knows its images by heart and does well on others is what was wanted
STILL_ROSE = 0.01  # of the accuracy since then: more epochs did help


def memorised(reading: Reading) -> Iterator[Finding]:
    """A train loss near 0, and yet mistakes on other images, which no longer grow fewer."""
    since, level = reading.memorised_since, reading.level
    if since is None or not _is_worse_elsewhere(reading) or _still_rose(reading, since):
        return
    if reading.is_decayed and since > reading.run.last_epoch / 2:
        return  # the small steps at a schedule's end do that, and cost nothing
    before = reading.recorded_before(since)
    unknown = f"; epochs {before + 1} to {since - 1} are not recorded" if before is not None else ""
    evidence: dict[str, float | int | str] = {}
    if len(reading.train):
        evidence |= {"train_loss": last_level(reading.train), "train_loss_as_a_fraction_of_the_first": level or 0.0}
        evidence["train_loss_then"] = value_at(reading.train, since)
    if reading.final_accuracy is not None:
        evidence[f"{reading.split}_accuracy_as_a_fraction"] = reading.final_accuracy
    yield Finding(
        code="memorised",
        severity="warning",
        since_epoch=since,
        sentence=f"By epoch {since}, the network knew its training images by heart ({train_in_words(reading, since)}"
        f"{unknown}): from there on, it has nothing left to learn from them, and more epochs cannot help.",
        evidence=evidence,
        epochs=rows_of(reading, since),
        suggestion=against_overfitting(reading),
    )


def _still_rose(reading: Reading, since: int) -> bool:
    """Whether the accuracy on other images has risen since, or will when the learning rate falls."""
    if reading.a_fall_is_due:
        return True
    if not len(reading.accuracy):
        return False
    rise = last_level(reading.accuracy) - value_at(reading.accuracy, since)
    return rise > max(STILL_ROSE, 2 * noise(reading.accuracy))


def _is_worse_elsewhere(reading: Reading) -> bool:
    if reading.gap is not None and len(reading.train_accuracy):
        return reading.gap >= GAP
    if reading.final_accuracy is not None:
        return 1 - reading.final_accuracy >= GAP
    if not len(reading.loss) or not reading.start:
        return False
    known = len(reading.train) and last_level(reading.loss) >= 10 * last_level(reading.train)
    return bool(known and last_level(reading.loss) >= 0.1 * reading.start)
