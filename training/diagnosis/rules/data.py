"""The data: labels or splits that look wrong, and a device that waits for images."""

from collections.abc import Iterator

import numpy as np

from training.diagnosis import patches, spec_view
from training.diagnosis.curves import last_level, peak, smoothed, value_at
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.reading import Reading
from training.diagnosis.rules.held_out import train_is_worse

FALL = 0.05  # of the accuracy since its best, …
FALL_OF_BEST = 0.1  # … and as a share of the best: learning clean images by heart costs less (Arpit et al. 2017)
SMALL_FALL = 0.05  # of the best is enough where the loss has risen above chance's: sure of what is wrong
TRAIN_ROSE = 0.1  # of the train accuracy meanwhile, …
LEARNT = 0.9  # … to so much: as long as wrong labels are not learnt, they cost nothing
KNOWN_BY_HEART = 0.5  # of the training images are right, while others …
NEAR_CHANCE = 1.5  # … are right no more often than so many times chance
EASIER = 1.5  # times the test loss is the train loss, without a reason in the spec
ABOUT_SCORE = ("leaked_exact", "leaked_near", "conflicting_labels", "conflicting_labels_near")  # of a report
WAITING = 0.3  # of a step is spent on waiting for images
LEAST_ROWS = 2


def labels_or_splits_suspicious(reading: Reading) -> Iterator[Finding]:
    """From the curves, and from what the data set's report has found."""
    told = [found for found in reading.run.data_findings if found.code in ABOUT_SCORE]
    for seen, since, evidence in _seen(reading):
        patch = patches.softened_labels(reading)
        yield Finding(
            code="labels_or_splits_suspicious",
            severity="problem",
            since_epoch=since,
            sentence=f"Labels or splits look wrong: {seen}. Have the labels audited, and compare the two splits.",
            evidence=evidence,
            epochs=tuple(epoch for epoch in reading.run.rows if epoch >= since)[:3],
            suggestion=Suggestion(
                patch,
                "The test accuracy no longer falls, and its best is higher.",
                "Mixed and smoothed labels keep a network from learning single wrong ones by heart "
                "(Zhang et al. 2017, arXiv:1710.09412, section 3.4). Mended labels are better.",
            )
            if patch
            else None,
        )
        return
    if told:
        yield Finding(
            code="labels_or_splits_suspicious",
            severity="warning",
            since_epoch=None,
            sentence="The data set's report has found what makes scores or labels wrong: "
            + " ".join(found.message for found in told[:3]),
            evidence={found.code: found.message for found in told[:3]},
        )


def _seen(reading: Reading) -> Iterator[tuple[str, int, dict[str, float | int | str]]]:
    if (fall := _fall(reading)) is not None:
        epoch, best, last = fall
        said = (
            f"since epoch {epoch}, the {reading.split} accuracy has fallen from {best:.1%} to {last:.1%}, while the "
            "training images were learnt by heart. Learning images with right labels by heart hardly harms what was "
            "learnt before; wrong labels do harm it"
        )
        yield said, epoch, {"best_accuracy_as_a_fraction": best, "accuracy_now_as_a_fraction": last}
    elif _is_at_chance(reading):
        train, final = reading.final_train_accuracy or 0.0, reading.final_accuracy or 0.0
        said = (
            f"{train:.0%} of the training images are right, but only {final:.1%} of the {reading.split} images, as "
            "many as by guessing"
        )
        yield said, reading.run.last_epoch, {"train_accuracy_as_a_fraction": train, "accuracy_now_as_a_fraction": final}
    elif (ratio := _easier(reading)) is not None:
        said = (
            f"the training images do worse than the {reading.split} images ({ratio:.1f} times the loss), and nothing "
            f"in the spec makes training harder. Training labels may be wrong, or the {reading.split} images easier"
        )
        yield said, int(reading.run.last_epoch * 2 / 3), {"train_loss_over_held_out_loss": ratio}


def _fall(reading: Reading) -> tuple[int, float, float] | None:
    """Epoch of the best accuracy, that, and the one at the end."""
    curve = reading.accuracy
    if len(curve) < 8 or not (len(reading.train_accuracy) or len(reading.train)):
        return None
    smooth = smoothed(curve.values)
    place = int(np.argmax(smooth))
    best, last = float(smooth[place]), last_level(curve)
    is_worse_than_chance = bool(reading.run.chance_loss and len(reading.loss)) and (
        last_level(reading.loss) > (reading.run.chance_loss or 0.0)
    )
    enough = SMALL_FALL * best if is_worse_than_chance else max(FALL, FALL_OF_BEST * best)
    if place > 0.6 * len(curve) or best - last < enough or not _train_rose(reading, int(curve.epochs[place])):
        return None
    return *peak(curve), last


def _train_rose(reading: Reading, since: int) -> bool:
    if len(reading.train_accuracy):
        last = last_level(reading.train_accuracy)
        return last >= LEARNT and last - value_at(reading.train_accuracy, since) > TRAIN_ROSE
    return last_level(reading.train) < 0.5 * value_at(reading.train, since)


def _is_at_chance(reading: Reading) -> bool:
    classes, train, final = reading.run.facts.classes, reading.final_train_accuracy, reading.final_accuracy
    if not classes or train is None or final is None or reading.rows < 3:
        return False
    return train > max(KNOWN_BY_HEART, 3 / classes) and final < NEAR_CHANCE / classes


def _easier(reading: Reading) -> float | None:
    if reading.spec is None or spec_view.lifts_train_loss(reading.spec) or reading.run.last_epoch < 5:
        return None
    ratio = train_is_worse(reading)
    images = reading.run.held_out_images
    has_accuracies = len(reading.train_accuracy) and len(reading.accuracy)
    apart = 2.5 * (0.25 / images) ** 0.5 if images else 0.05
    is_clear = not has_accuracies or (reading.gap or 0.0) < -max(0.03, apart)
    return ratio if ratio is not None and ratio > EASIER and is_clear else None


def data_bound(reading: Reading) -> Iterator[Finding]:
    """The device waits for images. A first epoch, in which files are decoded, does not count."""
    share = reading.run.curve("loading_share").finite()
    later = reading.own(share, (int(share.epochs[0]) + 1) if len(share) else 0)
    if len(later) < LEAST_ROWS or last_level(later) < WAITING:
        return
    streamed = reading.spec is not None and reading.spec.placement == "streamed"
    yield Finding(
        code="data_bound",
        severity="warning",
        since_epoch=int(later.epochs[0]),
        sentence=f"The run waits for its data: {last_level(later):.0%} of each step goes into fetching and "
        "preparing images, during which the device idles. The curves are not affected; the time is.",
        evidence={"share_of_a_step_spent_on_loading_as_a_fraction": last_level(later)},
        epochs=tuple(int(epoch) for epoch in later.epochs[-3:]),
        suggestion=Suggestion(
            {"placement": "auto"},
            "More images a second, the same curves.",
            "Images that lie on the device need not be fetched.",
        )
        if streamed
        else None,
    )
