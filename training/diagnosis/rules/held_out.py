"""The split that the network is judged on: too few images, better than the training images, chosen on."""

from collections.abc import Iterator

import numpy as np

from training.diagnosis import patches, spec_view
from training.diagnosis.curves import last_level, noise, value_at
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.reading import Reading
from training.diagnosis.run import Curve
from training.intervals import wilson_interval

HALF_WIDTH = 0.02  # of an accuracy's 95 % interval: differences below 4 points cannot be told
NOISE_OF_LEVEL = 0.12  # of the loss, from row to row in the second half
NOISE_OF_FALL = 0.02  # of what the whole run has brought
NOISE_OF_ACCURACY = 0.02
TIMES_TRAIN = 4.0  # the other split's noise, of the train loss's
LEAST_ROWS = 6
WORSE = 1.1  # times the test loss is the train loss, over the last third of the rows
WORSE_ACCURACY = 0.02
OPTIMISM = 0.01  # by which the best epoch lies above the end


def noisy_evaluation(reading: Reading) -> Iterator[Finding]:
    """By the number of images where it is known, otherwise by how the curve jumps."""
    images, accuracy = reading.run.held_out_images, reading.final_accuracy
    if images and accuracy is not None:
        yield from _by_images(reading, images, accuracy)
    elif not images:
        yield from _by_jumps(reading)


def _by_images(reading: Reading, images: int, accuracy: float) -> Iterator[Finding]:
    low, high = wilson_interval(round(accuracy * images), images)
    half = (high - low) / 2
    if half < HALF_WIDTH:
        return
    needed = round(accuracy * (1 - accuracy) * (1.96 / (HALF_WIDTH / 2)) ** 2)
    yield Finding(
        code="noisy_evaluation",
        severity="hint",
        since_epoch=None,
        sentence=f"The {reading.split} split is small: of {images} images, {accuracy:.1%} are right. On all "
        f"images of this kind, the accuracy lies between {low:.1%} and {high:.1%}, with 95 % confidence. Differences "
        f"between epochs or jobs below {2 * half:.0%} may be chance; about {needed:,} images would tell 2 points "
        "apart.",
        evidence={
            f"{reading.split}_images": images,
            "accuracy_as_a_fraction": accuracy,
            "interval_low": low,
            "interval_high": high,
        },
        epochs=tuple(int(epoch) for epoch in reading.accuracy.epochs[-1:]),
    )


def _by_jumps(reading: Reading) -> Iterator[Finding]:
    """A curve that jumps to the end while the train loss is calm."""
    last = reading.run.last_epoch / 2
    loss, accuracy, train = (reading.own(each, last) for each in (reading.loss, reading.accuracy, reading.train))
    calm = noise(train) / max(1e-12, abs(last_level(train))) if len(train) else 0.0
    if len(loss) >= LEAST_ROWS and reading.memorised_since is None:
        share = noise(loss) / max(1e-12, abs(last_level(loss)))
        fall = abs(float(reading.loss.values[0]) - last_level(reading.loss))
        jumps = share > max(NOISE_OF_LEVEL, TIMES_TRAIN * calm) and noise(loss) > NOISE_OF_FALL * fall
        evidence = {"noise_of_the_loss_as_a_fraction": share, "noise_of_the_train_loss_as_a_fraction": calm}
    elif len(accuracy) >= LEAST_ROWS:
        jumps = noise(accuracy) > NOISE_OF_ACCURACY
        evidence = {"noise_of_the_accuracy_as_a_fraction": noise(accuracy)}
    else:
        return
    if jumps:
        yield Finding(
            code="noisy_evaluation",
            severity="warning",
            since_epoch=int(last),
            sentence=f"The {reading.split} curve jumps from epoch to epoch"
            f"{', while the train loss is calm' if len(train) else ''}: the split has few images, or images of another "
            "kind than the training images. Do not read much into a single epoch.",
            evidence=evidence,
            epochs=tuple([*reading.run.rows][-3:]),
        )


def train_is_worse(reading: Reading) -> float | None:
    """By how much the training images' figures are worse than the other split's over the last third, as a ratio of
    losses, or 1 + the difference of accuracies; None: they are not. A train loss is the mean over an epoch, during
    which the network improves: it is compared half an epoch later."""
    last = reading.run.last_epoch
    if last < 3:
        return None
    first = last * 2 / 3
    if len(reading.loss) and len(reading.train):
        return _ratio(reading.own(reading.loss, first), reading.train)
    if len(reading.accuracy) and len(reading.train_accuracy):
        accuracy = reading.own(reading.accuracy, first)
        apart = [
            value - value_at(reading.train_accuracy, epoch + 0.5)
            for epoch, value in zip(accuracy.epochs, accuracy.values, strict=True)
        ]
        return 1 + float(np.median(apart)) if apart and np.median(apart) > WORSE_ACCURACY else None
    return None


def _ratio(loss: Curve, train: Curve) -> float | None:
    pairs = [
        (value_at(train, epoch + 0.5), value)
        for epoch, value in zip(loss.epochs, loss.values, strict=True)
        if value > 0
    ]
    ratio = float(np.median([ours / theirs for ours, theirs in pairs])) if pairs else 0.0
    return ratio if ratio > WORSE else None


def train_worse_than_test(reading: Reading) -> Iterator[Finding]:
    """And why that is right, where the spec makes training harder than testing."""
    ratio = train_is_worse(reading)
    reasons = (
        spec_view.lifts_train_loss(reading.spec)
        if reading.spec
        else ["augmentation, dropout, mixup or label smoothing"]
    )
    if ratio is None or not reasons or reading.memorised_since is not None:
        return
    if_known = "are right here, because of" if reading.spec else "are right where the run has"
    yield Finding(
        code="train_worse_than_test",
        severity="hint",
        since_epoch=int(reading.run.last_epoch * 2 / 3),
        sentence=f"The training images do worse than the {reading.split} images. Such figures {if_known} "
        f"{' and '.join(reasons)}: "
        "the network is trained on harder images or labels than it is judged on. The gap between the two says nothing; "
        f"the {reading.split} curve alone counts.",
        evidence={"train_over_held_out": ratio, "reasons": ", ".join(reasons)},
        epochs=tuple([*reading.run.rows][-3:]),
    )


def chosen_on_test_split(reading: Reading) -> Iterator[Finding]:
    """The test split has guided the run, so that its accuracy is no longer of images that nobody has seen."""
    spec = reading.spec
    if spec is None or spec.validation_fraction or spec.validation_fold or not reading.run.has_ended:
        return
    schedule = spec.schedule
    watches = schedule.name == "plateau" and schedule.watch == "test_loss"
    best, last = (
        (float(reading.accuracy.values.max()), float(reading.accuracy.values[-1]))
        if len(reading.accuracy)
        else (0.0, 0.0)
    )
    if not watches and (best - last < OPTIMISM or len(reading.accuracy) < LEAST_ROWS):
        return
    patch = patches.validation(reading)
    how = (
        "the schedule watched the test loss"
        if watches
        else f"the best of {len(reading.accuracy)} epochs was chosen on the test split"
    )
    yield Finding(
        code="chosen_on_test_split",
        severity="hint",
        since_epoch=None,
        sentence=f"The test accuracy flatters: {how}. Its best epoch has {best:.1%}, the last one {last:.1%}; part of "
        "the difference is luck, which new images will not repeat.",
        evidence={"accuracy_of_the_best_epoch_as_a_fraction": best, "accuracy_of_the_last_epoch_as_a_fraction": last},
        epochs=tuple(int(epoch) for epoch in reading.accuracy.epochs[[int(reading.accuracy.values.argmax()), -1]])
        if len(reading.accuracy)
        else (),
        suggestion=Suggestion(
            patch,
            "The reported accuracy is a little lower, and true.",
            "Choose on images that are held out of the training images, and look at the test split once.",
        )
        if patch
        else None,
    )
