"""Runs that are made, with known causes that a curve of losses alone does not show: confusion matrices, waiting for
images, a start without a warm-up, a schedule that is longer than the run. Each cause comes with a run that nearly shows
it. Losses fall as in benchmarks/diagnosis_generated.py, whose columns alone the other made curves have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis_generated import Floats, Generator, columns_of, epochs_of, fall, noisy
from training.diagnosis import Facts
from training.spec import TrainingSpec

Matrix = NDArray[np.int64]


class Cause(Protocol):
    """Makes runs of one cause."""

    def __call__(self, generator: Generator, *, shown: bool) -> "KnownRun":
        """A run. `shown`: whether it shows its cause, or nearly does."""


@dataclass(frozen=True)
class KnownRun:
    """A run, what somebody who knows the field names in it, and what else is true of it. `known`: fields of a Run."""

    name: str
    columns: Mapping[str, Any]
    known: Mapping[str, Any] = field(default_factory=dict)
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


def known_runs(seed: int) -> Iterator[KnownRun]:
    """Two of each cause: one that shows it, and one that nearly does."""
    for number, cause in enumerate(CAUSES):
        for shown in (True, False):
            yield cause(np.random.default_rng([seed, 100 + number, int(shown)]), shown=shown)


def _sound(generator: Generator, **more: Floats) -> dict[str, Any]:
    """Both losses fall to a low level and stay there."""
    epochs = epochs_of(generator)
    train, test = fall(epochs, 2.3, 0.2, 0.03), fall(epochs, 2.3, 0.22, 0.03)
    return columns_of(epochs, train_loss=noisy(generator, train, 0.01), test_loss=noisy(generator, test, 0.02), **more)


def _mistaken(generator: Generator, classes: int, images: int) -> Matrix:
    """Of each class, 4 to 20 % of the images are mistaken, for any other class."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for label in range(classes):
        wrong = int(generator.uniform(0.04, 0.2) * images)
        others = np.delete(np.arange(classes), label)
        matrix[label, label] = images - wrong
        np.add.at(matrix[label], generator.choice(others, wrong), 1)
    return matrix


def never_answered(generator: Generator, *, shown: bool) -> KnownRun:
    """A class whose images all go elsewhere: one with few training images, or another's labels. Nearly: it is the
    answer for two or three images; or it has too few images to tell."""
    classes = int(generator.choice([5, 10, 43]))
    matrix = _mistaken(generator, classes, int(generator.integers(30, 200)))
    label = int(generator.integers(classes))
    images = max(6, int(generator.uniform(0.1, 1) * matrix[label].sum()))
    matrix[:, label] = 0
    matrix[label] = _spread(generator, classes, label, images)
    if not shown and generator.random() < 0.5:
        matrix[label, label] = int(generator.integers(2, 4))
        name = "a class that is nearly never predicted"
    elif not shown:
        matrix[label] = _spread(generator, classes, label, int(generator.integers(1, 5)))
        name = "a class of fewer than five images is never predicted"
    else:
        name = "a class is never predicted"
    must = ("class_never_predicted",) if shown else ()
    return KnownRun(name, _sound(generator), {"confusion": matrix}, must)


def _spread(generator: Generator, classes: int, label: int, images: int) -> Matrix:
    others = np.delete(np.arange(classes), label)
    counts: Matrix = np.bincount(generator.choice(others, images), minlength=classes)
    return counts


def confused(generator: Generator, *, shown: bool) -> KnownRun:
    """Two classes that look alike, as of cats and dogs: a quarter to a half of one goes to the other. Nearly: more
    mistakes, which go to three others alike; or a pair with an eighth."""
    classes, images = int(generator.choice([10, 20, 100])), int(generator.integers(50, 200))
    matrix = _mistaken(generator, classes, images)
    first, second = generator.choice(classes, 2, replace=False)
    share = float(generator.uniform(0.28, 0.5))
    if shown:
        matrix[first] = 0
        matrix[first, second] = int(share * images)
        matrix[first, first] = images - int(share * images)
        name = "a class is taken for another"
    elif generator.random() < 0.5:
        others = generator.choice(np.delete(np.arange(classes), first), 3, replace=False)
        matrix[first] = 0
        matrix[first, others] = int(0.22 * images)
        matrix[first, first] = images - 3 * int(0.22 * images)
        name = "a hard class is taken for three others"
    else:
        matrix[first] = 0
        matrix[first, second] = int(0.12 * images)
        matrix[first, first] = images - int(0.12 * images)
        name = "a class is now and then taken for another"
    return KnownRun(name, _sound(generator), {"confusion": matrix}, ("classes_confused",) if shown else ())


def waiting(generator: Generator, *, shown: bool) -> KnownRun:
    """A device that waits for images, by 40 to 80 % of a step. Nearly: only in the first epoch, in which files are
    decoded; or by 5 to 20 %; with now and then an epoch in which the disk was slow."""
    epochs = epochs_of(generator)
    level = float(generator.uniform(0.4, 0.8) if shown else generator.uniform(0.05, 0.2))
    share = np.clip(level + 0.04 * generator.standard_normal(len(epochs)), 0, 1)
    share[0] = float(generator.uniform(0.7, 0.95))
    if not shown:
        share[int(generator.integers(2, len(epochs) - 3))] = 0.6
    train, test = fall(epochs, 2.3, 0.2, 0.03), fall(epochs, 2.3, 0.22, 0.03)
    columns = columns_of(
        epochs,
        train_loss=noisy(generator, train, 0.01),
        test_loss=noisy(generator, test, 0.02),
        loading_share=share,
    )
    name = "the device waits for images" if shown else "the device waits in the first epoch alone"
    return KnownRun(name, columns, {}, ("data_bound",) if shown else ())


def cold_start(generator: Generator, *, shown: bool) -> KnownRun:
    """A first epoch whose loss shoots up to 2 to 6 times an untrained network's, of a run that then goes well. Nearly:
    up to 1.4 times; or as high, where the schedule has a warm-up already."""
    classes = int(generator.choice([10, 100]))
    untrained = float(np.log(classes))
    epochs = epochs_of(generator)
    train = fall(epochs, untrained, 0.08 * untrained, 0.03)
    has_warmup = not shown and generator.random() < 0.5
    times = float(generator.uniform(2, 6) if shown or has_warmup else generator.uniform(1.1, 1.4))
    train[0] = times * untrained
    test = 1.1 * train
    spec = _spec(len(epochs), schedule={"name": "cosine", "warmup_epochs": 3 if has_warmup else 0}, classes=classes)
    rate = 0.05 * (1 + np.cos(np.pi * epochs / len(epochs)))
    columns = columns_of(
        epochs,
        train_loss=noisy(generator, train, 0.01),
        test_loss=noisy(generator, test, 0.02),
        learning_rate=rate,
    )
    name = "a start without a warm-up" if shown else "a rough start" + (" with a warm-up" if has_warmup else "")
    return KnownRun(
        name, columns, {"spec": spec, "facts": Facts(classes=classes)}, ("warmup_missing",) if shown else ()
    )


def cut_short(generator: Generator, *, shown: bool) -> KnownRun:
    """A schedule that is made for a longer run: at the end the learning rate is 60 to 90 % of the highest, and the test
    loss jumps by a tenth. Nearly: the rate is as high, and the curve calm; or it jumps, and the rate has come down."""
    epochs = epochs_of(generator)
    calm = not shown and generator.random() < 0.5
    last = float(generator.uniform(0.6, 0.9) if shown or calm else generator.uniform(0.02, 0.2))
    gamma = last ** (1 / len(epochs))
    train = fall(epochs, 2.3, 0.5, 0.03)
    test = noisy(generator, 1.1 * train, 0.015 if calm else 0.1)
    spec = _spec(len(epochs), schedule={"name": "exponential", "gamma": round(gamma, 6)}, classes=10)
    columns = columns_of(
        epochs, train_loss=noisy(generator, train, 0.01), test_loss=test, learning_rate=0.1 * gamma**epochs
    )
    name = "a schedule that is longer than the run"
    if not shown:
        name = "a slow schedule with a calm curve" if calm else "a schedule that ends in time, with a noisy split"
    # Both losses end where they no longer fall: it is a plateau, too, as the rate is nearly the same.
    may = ("plateau", "underfitting", "noisy_evaluation")
    return KnownRun(
        name, columns, {"spec": spec, "facts": Facts(classes=10)}, ("schedule_ends_too_late",) if shown else (), may
    )


def _spec(epochs: int, *, schedule: Mapping[str, Any], classes: int) -> TrainingSpec:
    fields = {"dataset": f"cifar{classes}", "epochs": epochs, "architecture": "resnet20", "schedule": schedule}
    return TrainingSpec.model_validate({**fields, "optimizer": {"name": "sgd", "learning_rate": 0.1}})


CAUSES: tuple[Cause, ...] = (never_answered, confused, waiting, cold_start, cut_short)
