"""What a range test says: of curves whose answer is known, and of a real run."""

import math
import random

import pytest
import torch

from tests.training.samples import digits, spec, weights_of
from training.engine.trainer import Trainer
from training.learning_rate_range import _longest_fall, suggest
from training.metrics import EpochMetrics, StepMetrics

RATES = [10 ** (-7 + 8 * step / 99) for step in range(100)]


def curve(falls_from: float, lowest_at: float) -> list[float]:
    """Flat at 2.3, then a fall by 2 up to `lowest_at`, then an explosion."""
    span = math.log(lowest_at / falls_from)
    losses = []
    for rate in RATES:
        progress = math.log(rate / falls_from) / span
        losses.append(2.3 - 2 * min(1.0, max(0.0, progress)) + (math.exp(6 * (progress - 1)) - 1) * (progress > 1))
    return losses


@pytest.mark.parametrize(("falls_from", "lowest_at"), [(1e-4, 0.1), (1e-5, 1e-2), (1e-3, 1.0)])
def test_the_valley_lies_within_the_fall_and_below_the_minimum(falls_from: float, lowest_at: float) -> None:
    found = suggest(RATES, curve(falls_from, lowest_at))
    assert found is not None
    assert falls_from < found.valley < lowest_at
    assert falls_from < found.steepest <= 2 * lowest_at
    assert found.valley < found.minimum
    assert lowest_at <= found.minimum


def test_a_higher_fall_gives_a_higher_rate_by_as_much() -> None:
    low, high = (suggest(RATES, curve(start, 1000 * start)) for start in (1e-5, 1e-4))
    assert low is not None
    assert high is not None
    assert high.valley / low.valley == pytest.approx(10, rel=0.5)


def test_the_valley_is_what_fastai_takes() -> None:
    drawn = random.Random(3)
    losses = [loss + drawn.gauss(0, 0.05) for loss in curve(1e-4, 0.1)]
    found = suggest(RATES, losses)
    assert found is not None
    first, end = round(len(found.rates) * 0.1), len(found.rates) - 5
    assert found.valley == valley_of_fastai(found.rates[first:end], found.losses[first:end])


def valley_of_fastai(rates: tuple[float, ...], losses: tuple[float, ...]) -> float:
    """As fastai/callback/schedule.py has it: in quadratic time."""
    best, count = [1] * len(losses), 0
    for later in range(1, len(losses)):
        for earlier in range(later):
            if losses[later] < losses[earlier] and best[later] < best[earlier] + 1:
                best[later] = best[earlier] + 1
    count = max(best)
    end = best.index(count)
    third = (count - 1) / 3
    return rates[end - (count - 1) + int(third) + int(third / 2)]


def test_the_longest_fall() -> None:
    assert _longest_fall([5, 9, 4, 8, 3, 7]) == (4, 2)
    assert _longest_fall([1, 2, 3]) == (0, 0)
    assert _longest_fall([3, 3, 3, 2]) == (3, 1)


def test_losses_that_are_not_finite_end_the_curve() -> None:
    losses = curve(1e-4, 0.1)
    exploded = [*losses[:80], math.nan, *[math.inf] * 19]
    found = suggest(RATES, exploded)
    assert found is not None
    assert len(found.rates) == len(found.losses) == 80
    assert all(map(math.isfinite, found.losses))


@pytest.mark.parametrize("losses", [[2.3 + step for step in range(100)], [math.nan] * 100, [*curve(1e-4, 0.1)[:20]]])
def test_nothing_is_said_of_a_curve_that_never_falls_or_is_too_short(losses: list[float]) -> None:
    assert suggest(RATES[: len(losses)], losses) is None


@pytest.mark.parametrize("rates", [RATES[:99], RATES[::-1], [0.1] * 100])
def test_rates_must_rise_and_be_as_many(rates: list[float]) -> None:
    with pytest.raises(ValueError, match="rates"):
        suggest(rates, [1.0] * 100)


def ranged(images: int, epochs: int, learning_rate: float, first: float) -> Trainer:
    """Its optimizer may have a rate that nobody could ask for."""
    asked = spec(
        epochs=epochs,
        schedule={"name": "range_test", "first_learning_rate": first},
        batch_size=32,
        logging_interval=1,
    )
    optimizer = asked.optimizer.model_copy(update={"learning_rate": learning_rate})
    return Trainer(asked.model_copy(update={"optimizer": optimizer}), digits(images))


def test_a_loss_that_explodes_ends_the_run_and_is_no_failure() -> None:
    run = ranged(64, 10, 1e30, 1e-7)
    start = weights_of(run)
    seen = list(run.epochs())
    steps = [row for row in seen if isinstance(row, StepMetrics)]
    assert len(steps) < 20
    assert not math.isfinite(steps[-1].loss)
    assert all(math.isfinite(row.loss) for row in steps[:-1])
    assert run.progress.finished(run.spec)
    assert run.progress.stopped_early
    assert weights_of(run).equal(start)
    assert all(row.test_loss is None for row in seen if isinstance(row, EpochMetrics))
    assert list(run.epochs()) == []


def test_a_run_on_digits_suggests_a_rate_that_learns_well() -> None:
    run = ranged(320, 10, 10.0, 1e-7)
    steps = [row for row in run.epochs() if isinstance(row, StepMetrics)]
    assert len(steps) == 100
    found = suggest([row.learning_rate for row in steps], [row.loss for row in steps])
    assert found is not None
    assert 1e-3 < found.valley < 1


def test_the_rate_rises_to_the_optimizer_s_in_the_last_step() -> None:
    run = ranged(96, 2, 0.1, 1e-3)
    start = weights_of(run)
    rates = [row.learning_rate for row in run.epochs() if isinstance(row, StepMetrics)]
    assert rates == pytest.approx([1e-3 * 100 ** (step / 5) for step in range(6)])
    assert torch.equal(weights_of(run), start)
    assert not run.progress.stopped_early
