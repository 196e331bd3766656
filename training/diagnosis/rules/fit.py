"""Overfitting, and training images that are known by heart."""

from collections.abc import Iterator

from training.diagnosis import patches
from training.diagnosis.curves import Turn, flat_since, last_level, trend, turn, value_at
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.reading import Reading

# A rise since the lowest loss, as a share of that, and how sure the line through it is, in standard errors of its
# slope: the smaller the rise, the surer. SageMaker's rule asks for a gap of 0.1 to the train loss instead.
RISES = ((0.03, 5.0), (0.05, 2.0), (0.2, 1.5))
RISE_OF_FALL = 0.05  # of what the loss had fallen before: less is of no account
ROWS_BEHIND = 3  # of the lowest one
TRAIN_FELL = 0.95  # of its value there: a train loss that has not fallen since is no overfitting
FALL_THAT_COUNTS = 0.01  # of the accuracy
GAP = 0.15  # between accuracies, where no loss shows a rise
WIDE_GAP, MOST_RIGHT = 0.2, 0.85  # between accuracies, and of the training images
GAP_OF_MEMORISED = 0.1  # a network that knows its images by heart and does well on others is what was wanted
FLAT = 0.02  # within so much of the end, an accuracy no longer rises


def overfitting(reading: Reading) -> Iterator[Finding]:
    """By the loss of the other split where that has risen; otherwise by an accuracy that no longer rises, or that lies
    far below the training images'."""
    found = [*_by_loss(reading)] or [*_by_accuracy(reading)] or [*_by_gap(reading)]
    yield from found


def _by_loss(reading: Reading) -> Iterator[Finding]:
    turned = turn(reading.loss)
    if turned is None or len(reading.loss) < ROWS_BEHIND + 2 or turned.rows < ROWS_BEHIND:
        return
    if not _has_risen(reading, turned) or not _train_fell_since(reading, turned.epoch):
        return
    split, share = reading.split, turned.rise / turned.lowest
    evidence: dict[str, float | int | str] = {
        "lowest_loss": turned.lowest,
        "loss_now": turned.last,
        "rise_as_a_fraction_of_the_lowest": share,
        "epoch_of_the_lowest": turned.epoch,
    }
    best = _best(reading)
    lost = best[1] - last_level(reading.accuracy) if best else 0.0
    consequence = ""
    if best:
        evidence |= {"best_epoch": best[0], "accuracy_of_the_best_epoch_as_a_fraction": best[1]}
        evidence["accuracy_lost_since_as_a_fraction"] = lost
        consequence = (
            f" The best epoch, {best[0]}, was {lost:.1%} more accurate than the end."
            if lost >= FALL_THAT_COUNTS
            else " Its accuracy has not fallen with it: the network grows too sure of its mistakes."
        )
    yield Finding(
        code="overfitting",
        severity="problem" if lost >= FALL_THAT_COUNTS or best is None else "warning",
        since_epoch=turned.epoch,
        sentence=f"The network overfits: since epoch {turned.epoch}, the {split} loss has risen by {share:.0%}, from "
        f"{turned.lowest:.3g} to {turned.last:.3g}, while the train loss fell on: what it learns since then holds for "
        f"the training images alone.{consequence}",
        evidence=evidence,
        epochs=_rows_of(reading, turned.epoch),
        suggestion=against_overfitting(reading),
    )


def _has_risen(reading: Reading, turned: Turn) -> bool:
    """Whether the loss has turned for good: by enough to matter, and along a line, so that it is no noise."""
    first = float(reading.loss.values[0])
    start = max(first, reading.run.chance_loss) if reading.run.chance_loss else first
    line = trend(reading.own(reading.loss, turned.epoch))
    if line is None or turned.lowest <= 0 or turned.rise < RISE_OF_FALL * max(0.0, start - turned.lowest):
        return False
    share = min(turned.rise, line.change) / turned.lowest
    return any(share >= rise and line.certainty >= certain for rise, certain in RISES)


def _train_fell_since(reading: Reading, epoch: int) -> bool:
    if len(reading.train):
        return last_level(reading.train) <= TRAIN_FELL * value_at(reading.train, epoch)
    if len(reading.train_accuracy):
        return last_level(reading.train_accuracy) > value_at(reading.train_accuracy, epoch)
    return True  # nothing contradicts it


def _by_accuracy(reading: Reading) -> Iterator[Finding]:
    gap, train, final = reading.gap, reading.final_train_accuracy, reading.final_accuracy
    if gap is None or train is None or final is None or len(reading.accuracy) < ROWS_BEHIND + 2 or gap < GAP:
        return
    since = flat_since(reading.accuracy, FLAT * max(final, 0.1))
    behind = int((reading.accuracy.epochs > since).sum()) if since is not None else 0
    if since is None or behind < max(ROWS_BEHIND, len(reading.accuracy) // 5):
        return
    best = _best(reading) or (since, final)
    before = reading.recorded_before(since)
    unknown = f" (epochs {before + 1} to {since - 1} are not recorded)" if before is not None else ""
    yield Finding(
        code="overfitting",
        severity="problem",
        since_epoch=since,
        sentence=f"The network overfits, since epoch {since} at the latest{unknown}: there, "
        f"{_train_in_words(reading, since)}, and the "
        f"{reading.split} accuracy has not risen any more. It ends at {final:.1%}, {gap:.0%} below the training "
        f"images'; the best epoch, {best[0]}, had {best[1]:.1%}.",
        evidence={
            "train_accuracy_as_a_fraction": train,
            f"{reading.split}_accuracy_as_a_fraction": final,
            "gap_as_a_fraction": gap,
            "best_epoch": best[0],
            "accuracy_of_the_best_epoch_as_a_fraction": best[1],
        },
        epochs=_rows_of(reading, since),
        suggestion=against_overfitting(reading),
    )


def _by_gap(reading: Reading) -> Iterator[Finding]:
    """Nearly all training images are right, and far fewer others, although these may still get better."""
    gap, train, final = reading.gap, reading.final_train_accuracy, reading.final_accuracy
    if (
        gap is None
        or train is None
        or final is None
        or gap < WIDE_GAP
        or train < MOST_RIGHT
        or reading.rows < ROWS_BEHIND + 2
    ):
        return
    since = _wide_since(reading)
    yield Finding(
        code="overfitting",
        severity="warning",
        since_epoch=since,
        sentence=f"The network fits its training images far better than others: at the end, {train:.1%} of them are "
        "right, "
        f"and {final:.1%} of the {reading.split} images, {gap:.0%} fewer. The {reading.split} curve has not turned, so "
        "that the run is not spoilt; but most of what it learns since is of its training images alone.",
        evidence={
            "train_accuracy_as_a_fraction": train,
            f"{reading.split}_accuracy_as_a_fraction": final,
            "gap_as_a_fraction": gap,
        },
        epochs=_rows_of(reading, since),
        suggestion=against_overfitting(reading, still_learns=reading.run.has_ended and reading.memorised_since is None),
    )


def _wide_since(reading: Reading) -> int:
    """The first epoch from which on the gap is wide."""
    if not len(reading.train_accuracy):
        return reading.run.last_epoch
    since = reading.run.last_epoch
    for epoch, accuracy in zip(reversed(reading.accuracy.epochs), reversed(reading.accuracy.values), strict=True):
        if value_at(reading.train_accuracy, float(epoch)) - accuracy < WIDE_GAP / 2:
            break
        since = int(epoch)
    return since


def _best(reading: Reading) -> tuple[int, float] | None:
    """Epoch and accuracy of the most accurate one."""
    if not len(reading.accuracy):
        return None
    place = int(reading.accuracy.values.argmax())
    return int(reading.accuracy.epochs[place]), float(reading.accuracy.values[place])


def _train_in_words(reading: Reading, epoch: int) -> str:
    if len(reading.train):
        return f"the train loss is {value_at(reading.train, epoch):.2g}"
    return f"the train accuracy is {value_at(reading.train_accuracy, epoch):.1%}"


def _rows_of(reading: Reading, since: int) -> tuple[int, ...]:
    """The rows that show it: where it began, in the middle, and now."""
    later = [epoch for epoch in reading.run.rows if epoch >= since]
    return tuple(dict.fromkeys((later[0], later[len(later) // 2], later[-1]))) if later else ()


def memorised(reading: Reading) -> Iterator[Finding]:
    """A train loss near 0, and yet mistakes on other images."""
    since, level = reading.memorised_since, reading.level
    if since is None or not _is_worse_elsewhere(reading):
        return
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
        sentence=f"By epoch {since}, the network knew its training images by heart ({_train_in_words(reading, since)}"
        f"{unknown}): from there on, it has nothing left to learn from them, and more epochs cannot help.",
        evidence=evidence,
        epochs=_rows_of(reading, since),
        suggestion=against_overfitting(reading),
    )


def _is_worse_elsewhere(reading: Reading) -> bool:
    if reading.gap is not None and len(reading.train_accuracy):
        return reading.gap >= GAP_OF_MEMORISED
    if reading.final_accuracy is not None:
        return 1 - reading.final_accuracy >= GAP_OF_MEMORISED
    if not len(reading.loss) or not reading.start:
        return False
    known = len(reading.train) and last_level(reading.loss) >= 10 * last_level(reading.train)
    return bool(known and last_level(reading.loss) >= 0.1 * reading.start)


def against_overfitting(reading: Reading, *, still_learns: bool = False) -> Suggestion | None:
    """More varied images where they can be had; then a run that ends in time. `still_learns`: to its end, it had not
    seen enough, and harder images need more time."""
    stronger = patches.augmentation(reading)
    longer = patches.epochs(reading, 2.0) if still_learns else None
    if stronger and longer:
        return Suggestion(
            {**stronger, **longer},
            "The train accuracy rises more slowly; the test accuracy goes on rising for longer, and ends higher.",
            "Images that are moved a little each epoch cannot be learnt by heart. They take longer to learn: in as "
            "many "
            "epochs as before, the network would not get there.",
        )
    if stronger:
        return Suggestion(
            stronger,
            "The train loss falls more slowly and stays higher; the test accuracy goes on rising for longer, and ends "
            "higher.",
            "Images that are moved a little each epoch cannot be learnt by heart, and their classes stay the same. "
            "Mirror them as well (flip) where a mirrored image keeps its class.",
        )
    stopped = patches.early_stopping(reading)
    if stopped:
        return Suggestion(
            stopped,
            "The run ends where the validation accuracy stops rising, and keeps that epoch's weights.",
            "Augmentation is strong already; what is left is to stop in time, judged on images that are not the test "
            "split's.",
        )
    return None
