"""Overfitting: by the other split's loss, by its accuracy, or by how far it lies below the training images'."""

from collections.abc import Iterator

from training.diagnosis import patches
from training.diagnosis.curves import Turn, flat_since, last_level, noise, peak, smoothed, trend, turn, value_at
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.reading import NEAR_ALL, Reading
from training.diagnosis.rules.sure_gap import sure_gap

# A rise since the lowest loss, as a share of that, and how sure the line through it is, in standard errors of its
# slope: the smaller the rise, the surer. SageMaker's rule asks for a gap of 0.1 to the train loss instead.
RISES = ((0.03, 5.0), (0.05, 2.0), (0.2, 1.5))
# Of what the loss had fallen before: less is of no account; and less still along a line that is so sure.
RISE_OF_FALL, SURE_RISE_OF_FALL, SURE = 0.05, 0.03, 5.0
ROWS_BEHIND = 3  # of the lowest one
TRAIN_FELL = 0.95  # of its value there: a train loss that has not fallen since is no overfitting
FALL_THAT_COUNTS = 0.01  # of the accuracy
GAP = 0.15  # between accuracies, where no loss shows a rise
WIDE_GAP, MOST_RIGHT = 0.2, 0.85  # between accuracies, and of the training images
WIDER_GAP = 0.3  # where the accuracy rose to the end: sound runs with 100 classes have up to 0.25
FALL = 0.02  # of the accuracy since its best, along a line with …
CERTAIN_FALL = 3.0  # … so many standard errors of its slope
RISE_IN_A_PHASE = 0.2  # of the loss: what a later drop of the learning rate does not bring back
FLAT = 0.02  # within so much of the end, an accuracy no longer rises


def overfitting(reading: Reading) -> Iterator[Finding]:
    """By the loss of the other split where that has risen; otherwise by its accuracy, unless the learning rate is still
    to fall, which mends that: one that falls; one that no longer rises, unless the learning rate has come down, after
    which nothing does; or one that lies far below the training images'."""
    found = [*_by_loss(reading)]
    if not found and not reading.a_fall_is_due:
        found = [*_by_fall(reading)]
        found = found or ([] if reading.is_decayed else [*_by_accuracy(reading)]) or [*_by_gap(reading)]
    yield from found


def _by_loss(reading: Reading) -> Iterator[Finding]:
    turned = turn(reading.loss)
    if turned is None or len(reading.loss) < ROWS_BEHIND + 2 or turned.rows < ROWS_BEHIND:
        return
    if not _has_risen(reading, turned) or not _train_fell_since(reading, turned.epoch):
        return
    split, share = reading.split, turned.last / turned.lowest - 1
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
        f"{turned.lowest:.3g} to {turned.last:.3g}{_while_training(reading)}: what it learns since then holds for "
        f"the training images alone.{consequence}",
        evidence=evidence,
        epochs=rows_of(reading, turned.epoch),
        suggestion=against_overfitting(reading),
    )


def _has_risen(reading: Reading, turned: Turn) -> bool:
    """Whether the loss has turned for good: by enough to matter, and along a line, so that it is no noise."""
    first = float(reading.loss.values[0])
    start = max(first, reading.run.chance_loss) if reading.run.chance_loss else first
    if reading.a_fall_is_due and reading.phase_since and turned.rise < RISE_IN_A_PHASE * turned.lowest:
        return False
    line = trend(reading.own(reading.loss, turned.epoch))
    if line is None or turned.lowest <= 0:
        return False
    counts = SURE_RISE_OF_FALL if line.certainty >= SURE else RISE_OF_FALL
    if turned.rise < counts * max(0.0, start - turned.lowest):
        return False
    share = min(turned.rise, line.change) / turned.lowest
    return any(share >= rise and line.certainty >= certain for rise, certain in RISES)


def _train_fell_since(reading: Reading, epoch: int) -> bool:
    if len(reading.train):
        return last_level(reading.train) <= TRAIN_FELL * value_at(reading.train, epoch)
    if len(reading.train_accuracy):
        return last_level(reading.train_accuracy) > value_at(reading.train_accuracy, epoch)
    return True  # nothing contradicts it


def _while_training(reading: Reading) -> str:
    if len(reading.train):
        return ", while the train loss fell on"
    return ", while the train accuracy rose on" if len(reading.train_accuracy) else ""


def _by_fall(reading: Reading) -> Iterator[Finding]:
    """The accuracy falls, while that of the training images rises."""
    if len(reading.accuracy) < 2 * ROWS_BEHIND or not (len(reading.train) or len(reading.train_accuracy)):
        return
    since, last = peak(reading.accuracy)[0], last_level(reading.accuracy)
    behind = reading.own(reading.accuracy, since)
    line, then = trend(behind), float(smoothed(reading.accuracy.values).max())
    if len(behind) <= ROWS_BEHIND or line is None or then - last < max(FALL, 3 * noise(reading.accuracy)):
        return
    best = _best(reading)
    if -line.certainty < CERTAIN_FALL or best is None or not _train_fell_since(reading, since):
        return
    yield Finding(
        code="overfitting",
        severity="problem",
        since_epoch=since,
        sentence=f"The network overfits: since epoch {since}, the {reading.split} accuracy has fallen, to {last:.1%}"
        f"{_while_training(reading)}: what it learns since then holds for the training images alone. The best epoch, "
        f"{best[0]}, had {best[1]:.1%}.",
        evidence={
            f"{reading.split}_accuracy_as_a_fraction": last,
            "best_epoch": best[0],
            "accuracy_of_the_best_epoch_as_a_fraction": best[1],
            "accuracy_lost_since_as_a_fraction": best[1] - last,
        },
        epochs=rows_of(reading, since),
        suggestion=against_overfitting(reading),
    )


def _by_accuracy(reading: Reading) -> Iterator[Finding]:
    gap, train, final = reading.gap, reading.final_train_accuracy, reading.final_accuracy
    since = _flat_since(reading)
    if gap is None or train is None or final is None or since is None or gap < GAP:
        return
    best = _best(reading) or (since, final)
    before = reading.recorded_before(since)
    unknown = f" (epochs {before + 1} to {since - 1} are not recorded)" if before is not None else ""
    yield Finding(
        code="overfitting",
        severity="problem",
        since_epoch=since,
        sentence=f"The network overfits, since epoch {since} at the latest{unknown}: there, "
        f"{train_in_words(reading, since)}, and the "
        f"{reading.split} accuracy has not risen any more. It ends at {final:.1%}, {gap:.0%} below the training "
        f"images'; the best epoch, {best[0]}, had {best[1]:.1%}.",
        evidence={
            "train_accuracy_as_a_fraction": train,
            f"{reading.split}_accuracy_as_a_fraction": final,
            "gap_as_a_fraction": gap,
            "best_epoch": best[0],
            "accuracy_of_the_best_epoch_as_a_fraction": best[1],
        },
        epochs=rows_of(reading, since),
        suggestion=against_overfitting(reading),
    )


def _flat_since(reading: Reading) -> int | None:
    """Since when the accuracy no longer rises; None: it does, or there are too few rows to tell."""
    if len(reading.accuracy) < ROWS_BEHIND + 2:
        return None
    since = flat_since(reading.accuracy, FLAT * max(last_level(reading.accuracy), 0.1))
    behind = int((reading.accuracy.epochs > since).sum()) if since is not None else 0
    return since if behind >= max(ROWS_BEHIND, len(reading.accuracy) // 5) else None


def _by_gap(reading: Reading) -> Iterator[Finding]:
    """Nearly all training images are right, and far fewer others, although these may still get better; or all of them
    are known by heart, with nothing that made them harder, and fewer others than chance explains."""
    gap, train, final = reading.gap, reading.final_train_accuracy, reading.final_accuracy
    if gap is None or train is None or final is None or reading.rows < ROWS_BEHIND + 2:
        return
    sure = sure_gap(reading) if _flat_since(reading) is not None else None
    rose = gap < WIDER_GAP and _rose_to_the_end(reading)
    if sure is None and (gap < WIDE_GAP or train < MOST_RIGHT or rose):
        return
    since = _wide_since(reading) if sure is None else flat_since(reading.train_accuracy, 1 - NEAR_ALL) or 0
    yield Finding(
        code="overfitting",
        severity="warning",
        since_epoch=since,
        sentence=f"The network fits its training images far better than others: at the end, {train:.1%} of them are "
        f"right, and {final:.1%} of the {reading.split} images, {gap:.0%} fewer. {f'{sure.sentence} ' if sure else ''}"
        f"The {reading.split} accuracy has not fallen: the run is not spoilt, but more varied training images would "
        "bring more than it had from these.",
        evidence={
            "train_accuracy_as_a_fraction": train,
            f"{reading.split}_accuracy_as_a_fraction": final,
            "gap_as_a_fraction": gap,
            **(sure.evidence if sure else {}),
        },
        epochs=rows_of(reading, since),
        suggestion=against_overfitting(reading, still_learns=_learnt_to_the_end(reading)),
    )


def _rose_to_the_end(reading: Reading) -> bool:
    """Whether the accuracy is about at its best, and better than in the first half."""
    half = reading.accuracy.between(0, reading.run.last_epoch / 2)
    best, last = float(smoothed(reading.accuracy.values).max()), last_level(reading.accuracy)
    return best - last < FALL_THAT_COUNTS and (not len(half) or last - last_level(half) > FALL_THAT_COUNTS)


def _learnt_to_the_end(reading: Reading) -> bool:
    """Whether the training images were not yet known by heart at the end of a run that is over."""
    return reading.run.is_complete and reading.memorised_since is None


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


def train_in_words(reading: Reading, epoch: int) -> str:
    """How well the training images were known in `epoch`."""
    if len(reading.train):
        return f"the train loss is {value_at(reading.train, epoch):.2g}"
    return f"the train accuracy is {value_at(reading.train_accuracy, epoch):.1%}"


def rows_of(reading: Reading, since: int) -> tuple[int, ...]:
    """The rows that show it: where it began, in the middle, and now."""
    later = [epoch for epoch in reading.run.rows if epoch >= since]
    return tuple(dict.fromkeys((later[0], later[len(later) // 2], later[-1]))) if later else ()


def against_overfitting(reading: Reading, *, still_learns: bool = False) -> Suggestion | None:
    """More images where most were held out; more varied ones where they can be had; then a run that ends in time.
    `still_learns`: to its end, it had not seen enough, and harder images need more time."""
    more = patches.more_training_images(reading)
    if more:
        return Suggestion(
            more,
            "The validation accuracy ends higher, and its interval is wider: it is of fewer images.",
            "Most images were held out for validation. What they show of other images of their kind, the network can "
            "learn; a tenth is usual.",
        )
    stronger = patches.augmentation(reading)
    longer = patches.epochs(reading, 2.0) if still_learns else None
    if stronger and longer:
        return Suggestion(
            {**stronger, **longer},
            "The train accuracy rises more slowly; the test accuracy goes on rising for longer, and ends higher.",
            "Images that are moved a little each epoch cannot be learnt by heart. They take longer to learn: in as "
            "many epochs as before, the network would not get there.",
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
