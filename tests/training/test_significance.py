"""The verdict on two specs is right as often as it says, and the quantiles are those of SciPy."""

import math
import random

import pytest
from scipy import stats

from training.significance import DIFFERENCES, MOST_REPEATS, compare_runs, mean_interval
from training.student_t import t_distribution, t_quantile

TRIALS = 1000
SEEDS = range(5)


@pytest.mark.parametrize("freedom", [1, 2, 3.7, 8, 38, 1000])
def test_the_distribution_is_that_of_scipy(freedom: float) -> None:
    for probability in (0.001, 0.025, 0.5, 0.9, 0.975, 0.995):
        assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-9, abs=1e-12)
    for value in (-30.0, -1.0, 0.0, 0.3, 7.0):
        assert t_distribution(value, freedom) == pytest.approx(stats.t.cdf(value, freedom), rel=1e-9)


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    values = [0.41, 0.44, 0.42, 0.47]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=found.mean, scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert mean_interval([0.5]).low is None
    assert math.isnan(mean_interval([0.5, math.nan]).mean)


def test_pairs_and_groups_are_judged_as_by_scipy() -> None:
    first, second = [0.50, 0.52, 0.51, 0.49, 0.53], [0.55, 0.56, 0.57, 0.53, 0.56]
    paired = compare_runs(dict(enumerate(first)), dict(enumerate(second)))
    reference = stats.ttest_rel(second, first).confidence_interval(0.99)
    assert paired.paired
    assert (paired.low, paired.high) == pytest.approx((reference.low, reference.high))
    apart = compare_runs(dict(enumerate(first)), dict(enumerate(second, start=100)))
    reference = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.99)
    assert not apart.paired
    assert (apart.low, apart.high) == pytest.approx((reference.low, reference.high))


def test_no_runs_are_left_out_for_the_sake_of_two_pairs() -> None:
    first, second = {seed: 0.6 + seed / 1000 for seed in range(5)}, {seed: 0.62 + seed / 1000 for seed in range(3, 8)}
    found = compare_runs(first, second)
    assert (found.paired, found.first_runs, found.second_runs, found.verdict) == (False, 5, 5, "different")
    most_shared = compare_runs(first, {seed: 0.62 + seed / 900 for seed in range(1, 6)})
    assert (most_shared.paired, most_shared.first_runs) == (True, 4)


def test_one_run_is_no_evidence() -> None:
    found = compare_runs({0: 0.5, 1: 0.6}, {7: 0.9})
    assert (found.verdict, found.low) == ("one_run", None)


def test_equal_runs_do_not_differ_and_agreeing_ones_are_not_certain() -> None:
    same = {0: 0.5, 1: 0.6, 2: 0.55}
    assert compare_runs(same, same).verdict == "no_difference"
    # One image of 360 more, in both pairs: by chance.
    assert compare_runs({0: 0.5, 1: 0.6}, {0: 0.5 + 1 / 360, 1: 0.6 + 1 / 360}, 1 / 360).verdict == "no_difference"


@pytest.mark.parametrize("start", [0, 100], ids=["paired", "apart"])
def test_equal_specs_are_told_apart_in_one_of_a_hundred_trials(start: int) -> None:
    rng = random.Random(0)
    wrong = sum(
        compare_runs(
            {seed: rng.gauss(0.6, 0.01) for seed in SEEDS}, {start + seed: rng.gauss(0.6, 0.01) for seed in SEEDS}
        ).verdict
        == "different"
        for _ in range(TRIALS)
    )
    assert 0.003 < wrong / TRIALS < 0.018


@pytest.mark.parametrize("start", [0, 100], ids=["paired", "apart"])
def test_a_difference_is_shown_by_as_many_repeats_as_are_said(start: int) -> None:
    rng = random.Random(0)
    asked, shown = 0, 0
    for _ in range(TRIALS // 2):
        pilot = compare_runs(
            {seed: rng.gauss(0.60, 0.01) for seed in SEEDS}, {start + seed: rng.gauss(0.62, 0.01) for seed in SEEDS}
        )
        assert pilot.repeats_for is not None
        if (repeats := pilot.repeats_for[DIFFERENCES[-1]]) is None:
            continue
        asked += 1
        found = compare_runs(
            {seed: rng.gauss(0.60, 0.01) for seed in range(repeats)},
            {start + seed: rng.gauss(0.62, 0.01) for seed in range(repeats)},
        )
        shown += found.verdict == "different"
    assert asked > TRIALS // 4
    assert shown / asked > 0.85


def test_more_repeats_than_a_job_may_have_are_not_promised() -> None:
    found = compare_runs({0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.6, 1: 0.5, 2: 0.701})
    assert found.repeats is None
    assert found.repeats_for is not None
    assert all(count is None or 2 <= count <= MOST_REPEATS for count in found.repeats_for.values())
