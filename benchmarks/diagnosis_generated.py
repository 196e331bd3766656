"""Curves that are made and not measured, with known causes: other scales, noise, gaps, no spec, no accuracies.

Losses fall as power laws with noise. `made(seed)` gives one curve of each cause; lengths, scales and noise are drawn.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Generator = np.random.Generator


@dataclass(frozen=True)
class Made:
    """A curve, what somebody who knows the field names in it, and what else is true of it."""

    name: str
    columns: Mapping[str, Any]
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


def made(seed: int) -> Iterator[Made]:
    """One curve of each cause, and each once more with half of its rows lost."""
    for cause in CAUSES:
        generator = np.random.default_rng([seed, CAUSES.index(cause)])
        yield cause(generator)


def epochs_of(generator: Generator) -> Floats:
    """From 0, of a run of 20 to 150."""
    return np.arange(float(generator.choice([20, 30, 50, 100, 150])))


def fall(epochs: Floats, start: float, floor: float, speed: float, power: float = 1.2) -> Floats:
    """From `start` to near `floor`; half of it is gone after about `speed` of the epochs."""
    return floor + (start - floor) * (1 + epochs / (speed * len(epochs))) ** -(power * 2)


def noisy(generator: Generator, values: Floats, share: float) -> Floats:
    """With noise of about that share of each value."""
    return values * np.exp(share * generator.standard_normal(len(values)))


def columns_of(epochs: Floats, **columns: Floats) -> dict[str, Any]:
    """As rows are read from."""
    return {"epoch": [int(epoch) for epoch in epochs], **{name: values.tolist() for name, values in columns.items()}}


def good_fit(generator: Generator) -> Made:
    """Both losses fall to a low level and stay, close to each other."""
    epochs, start = epochs_of(generator), float(generator.choice([0.4, 2.3, 8.0]))
    train = fall(epochs, start, 0.03 * start, 0.03)
    test = fall(epochs, start, 0.04 * start, 0.03)
    return Made(
        "good fit",
        columns_of(epochs, train_loss=noisy(generator, train, 0.01), validation_loss=noisy(generator, test, 0.02)),
    )


def good_steps(generator: Generator) -> Made:
    """A learning rate that falls in steps: two drops of the loss, and a low end."""
    epochs = epochs_of(generator)
    rate = 0.1 * 0.1 ** (np.floor(2.99 * epochs / len(epochs)))
    phase = np.floor(2.99 * epochs / len(epochs))
    train = fall(epochs, 2.3, 0.5, 0.02) * 0.45**phase
    test = fall(epochs, 2.3, 0.55, 0.02) * 0.55**phase
    accuracy = np.clip(1 - 0.4 * test, 0, 1)
    columns = columns_of(
        epochs,
        train_loss=noisy(generator, train, 0.01),
        test_loss=noisy(generator, test, 0.02),
        test_accuracy=accuracy,
        learning_rate=rate,
    )
    return Made("good fit with steps", columns)


def overfitted(generator: Generator) -> Made:
    """The other loss turns and rises."""
    epochs, start = epochs_of(generator), float(generator.choice([0.4, 2.3, 8.0]))
    train = fall(epochs, start, 0.06 * start, 0.05)
    low = float(generator.uniform(0.25, 0.5)) * start
    turn = float(generator.uniform(0.2, 0.5))
    rise = float(generator.uniform(0.3, 0.8)) * low
    progress = epochs / len(epochs)
    test = fall(epochs, start, low, 0.03) + rise * np.clip((progress - turn) / (1 - turn), 0, 1)
    columns = columns_of(epochs, train_loss=noisy(generator, train, 0.01), validation_loss=noisy(generator, test, 0.02))
    return Made("overfitting", columns, ("overfitting",), ("memorised",))


def overfitted_accuracy(generator: Generator) -> Made:
    """Only accuracies, far apart, one of them flat."""
    epochs = epochs_of(generator)
    train = 1 - fall(epochs, 0.9, 0.005, 0.04)
    test = 1 - fall(epochs, 0.9, float(generator.uniform(0.3, 0.5)), 0.02)
    noise = 0.004 * generator.standard_normal(len(epochs))
    columns = columns_of(epochs, train_accuracy=np.clip(train, 0, 1), test_accuracy=np.clip(test + noise, 0, 1))
    return Made("overfitting, accuracies alone", columns, ("overfitting",), ("memorised",))


def underfitted(generator: Generator) -> Made:
    """Both losses stay high."""
    epochs, start = epochs_of(generator), float(generator.choice([2.3, 4.6]))
    floor = float(generator.uniform(0.65, 0.85)) * start
    train, test = fall(epochs, start, floor, 0.01), fall(epochs, start, 1.03 * floor, 0.01)
    columns = columns_of(
        epochs, train_loss=noisy(generator, train, 0.005), validation_loss=noisy(generator, test, 0.01)
    )
    return Made("underfitting", columns, ("underfitting",), ("plateau",))


def short(generator: Generator) -> Made:
    """Both losses fall steeply to the last epoch."""
    epochs, start = np.arange(float(generator.choice([6, 10, 15]))), float(generator.choice([0.4, 2.3, 8.0]))
    train, test = fall(epochs, start, 0.01 * start, 0.6), fall(epochs, start, 0.02 * start, 0.62)
    columns = columns_of(
        epochs, train_loss=noisy(generator, train, 0.005), validation_loss=noisy(generator, test, 0.01)
    )
    return Made("too few epochs", columns, ("still_improving",))


def slow(generator: Generator) -> Made:
    """Nearly a straight line that has not got far."""
    epochs, start = epochs_of(generator), float(generator.choice([0.4, 2.3, 8.0]))
    drop = float(generator.uniform(0.15, 0.4))
    train = start * (1 - drop * epochs / len(epochs))
    columns = columns_of(
        epochs, train_loss=noisy(generator, train, 0.002), validation_loss=noisy(generator, 1.01 * train, 0.003)
    )
    return Made("learning rate too low", columns, ("learning_rate_too_low",), ("still_improving", "underfitting"))


def rising(generator: Generator) -> Made:
    """The train loss falls, and then rises for good."""
    epochs, start = epochs_of(generator), float(generator.choice([2.3, 4.6]))
    progress = epochs / len(epochs)
    train = fall(epochs, start, 0.4 * start, 0.03) + 1.5 * start * np.clip(progress - 0.5, 0, 1)
    test = 1.1 * train
    columns = columns_of(epochs, train_loss=noisy(generator, train, 0.02), test_loss=noisy(generator, test, 0.05))
    return Made("diverging", columns, ("diverging",), ("learning_rate_too_high",))


def broken(generator: Generator) -> Made:
    """NaN from one epoch on."""
    epochs = epochs_of(generator)[:20]
    train = fall(epochs, 2.3, 0.4, 0.05)
    train[int(generator.integers(4, 12)) :] = np.nan
    return Made("not a number", columns_of(epochs, train_loss=train), ("diverged",))


def jumping(generator: Generator) -> Made:
    """A train loss that leaps up every few epochs, and stays high."""
    epochs = epochs_of(generator)
    train = fall(epochs, 2.3, 1.3, 0.05) * np.exp(0.5 * np.abs(generator.standard_normal(len(epochs))))
    test = 1.2 * train * np.exp(0.2 * generator.standard_normal(len(epochs)))
    columns = columns_of(epochs, train_loss=train, test_loss=test)
    return Made(
        "learning rate too high",
        columns,
        ("learning_rate_too_high",),
        ("noisy_evaluation", "underfitting", "plateau", "diverging"),
    )


def noisy_split(generator: Generator) -> Made:
    """The other loss jumps about a calm train loss."""
    epochs = epochs_of(generator)
    train = fall(epochs, 2.3, 0.2, 0.05)
    columns = columns_of(
        epochs, train_loss=noisy(generator, train, 0.01), validation_loss=noisy(generator, 1.1 * train, 0.3)
    )
    return Made("noisy evaluation", columns, ("noisy_evaluation",))


def easier_split(generator: Generator) -> Made:
    """The other loss lies below the train loss, as with dropout."""
    epochs, start = epochs_of(generator), float(generator.choice([0.4, 2.3, 8.0]))
    train, test = fall(epochs, start, 0.22 * start, 0.04), fall(epochs, start, 0.13 * start, 0.04)
    columns = columns_of(epochs, train_loss=noisy(generator, train, 0.01), validation_loss=noisy(generator, test, 0.02))
    return Made("train worse than test", columns, ("train_worse_than_test",), ("plateau",))


def wrong_labels(generator: Generator) -> Made:
    """The test accuracy has a peak, and falls while the training images are learnt by heart."""
    epochs = epochs_of(generator)
    progress = epochs / len(epochs)
    test = 1 - fall(epochs, 0.9, 0.4, 0.02) - 0.25 * np.clip((progress - 0.2) / 0.5, 0, 1)
    train = np.clip(0.1 + 0.5 * progress / 0.2, 0, 0.55) + 0.45 * np.clip((progress - 0.2) / 0.5, 0, 1)
    noise = 0.008 * generator.standard_normal(len(epochs))
    columns = columns_of(epochs, train_accuracy=np.clip(train, 0, 1), test_accuracy=np.clip(test + noise, 0, 1))
    return Made("wrong labels", columns, ("labels_or_splits_suspicious",), ("overfitting", "memorised"))


def stuck(generator: Generator) -> Made:
    """Learns a third, and then nothing for most of the run, at one learning rate."""
    epochs, start = epochs_of(generator), 4.6
    train = fall(epochs, start, 0.4 * start, 0.008)
    rate = np.full(len(epochs), 0.05)
    columns = columns_of(
        epochs,
        train_loss=noisy(generator, train, 0.01),
        test_loss=noisy(generator, 1.05 * train, 0.02),
        learning_rate=rate,
    )
    return Made("plateau", columns, ("plateau",), ("underfitting",))


def gone(generator: Generator) -> Made:
    """A learning rate that is gone after a third of the run."""
    epochs = epochs_of(generator)
    third = len(epochs) // 3
    rate = 0.1 * 10.0 ** (-6 * epochs / third)
    train = fall(np.minimum(epochs, third / 3), 4.6, 1.5, 0.1)
    test = 1.05 * train
    columns = columns_of(
        epochs, train_loss=noisy(generator, train, 0.003), test_loss=noisy(generator, test, 0.01), learning_rate=rate
    )
    return Made("schedule over too early", columns, ("schedule_ends_too_early",), ("underfitting",))


CAUSES: tuple[Callable[[Generator], Made], ...] = (
    good_fit,
    good_steps,
    overfitted,
    overfitted_accuracy,
    underfitted,
    short,
    slow,
    rising,
    broken,
    jumping,
    noisy_split,
    easier_split,
    wrong_labels,
    stuck,
    gone,
)


def with_gaps(curve: Made, seed: int) -> Made:
    """The same with half of its rows lost, the first and the last kept."""
    epochs = len(curve.columns["epoch"])
    kept = np.random.default_rng(seed).random(epochs) < 0.5
    kept[[0, -1]] = True
    columns = {
        name: [value for value, there in zip(values, kept, strict=True) if there]
        for name, values in curve.columns.items()
    }
    return Made(f"{curve.name}, with gaps", columns, curve.must if kept.sum() >= 12 else (), (*curve.may, *curve.must))
