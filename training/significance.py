"""Whether runs of one spec differ from runs of another by more than their seeds do. Torch-free.

Runs of one spec under other seeds scatter. The mean of some has an interval by Student's t. So has a difference of
means: by the paired t-test where runs share seeds, and where they do not, by Welch's test (Welch 1947).
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance
from typing import Literal, Protocol

from training.student_t import t_quantile

CONFIDENCE = 0.95  # of the interval of a mean
# Of a difference. At 95 %, one of twenty comparisons of equal specs would find one; people compare often.
VERDICT_CONFIDENCE = 0.99
POWER = 0.9  # with which the stated number of repeats shows a difference
# A few runs say little of how much runs scatter. The number of repeats is planned for a deviation that the true one is
# below with this probability.
PLANNING_CONFIDENCE = 0.8
MOST_REPEATS = 20  # that a job may have
DIFFERENCES = (0.005, 0.01, 0.02)  # of accuracies: half a point, one, two
# Runs without a partner are left out of a comparison in pairs. With fewer partners, all runs are compared, as if they
# shared no seeds: that is cautious, since runs of one seed differ less than others, if anything.
LEAST_PAIRED = 0.75
ROUNDING_VARIANCE = 1 / 12  # that rounding to whole units adds

Verdict = Literal["different", "no_difference", "one_run"]


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """The mean of some runs, their sample standard deviation, and the interval of the mean: None of a single run."""

    count: int
    mean: float
    deviation: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much runs of a second spec are above those of a first.

    `low`, `high`: its interval. `smallest`: the difference that as many runs show with POWER. `repeats`: how many runs
    of each spec show the measured difference; None if more than MOST_REPEATS. `repeats_for`: the same for each of
    DIFFERENCES. None where a spec has a single run.
    """

    verdict: Verdict
    paired: bool  # by seed
    first_runs: int  # that were compared
    second_runs: int
    difference: float
    low: float | None = None
    high: float | None = None
    smallest: float | None = None
    repeats: int | None = None
    repeats_for: Mapping[float, int | None] | None = None


def mean_interval(values: Sequence[float]) -> MeanInterval:
    """Of the values of at least one run. If one is not finite, the mean is NaN, without an interval."""
    if not all(map(math.isfinite, values)):
        return MeanInterval(len(values), math.nan, None, None, None)
    mean = fmean(values)
    if len(values) < 2:
        return MeanInterval(len(values), mean, None, None, None)
    deviation = math.sqrt(variance(values))
    half = t_quantile((1 + CONFIDENCE) / 2, len(values) - 1) * deviation / math.sqrt(len(values))
    return MeanInterval(len(values), mean, deviation, mean - half, mean + half)


def compare_runs(first: Mapping[int, float], second: Mapping[int, float], resolution: float = 0.0) -> Difference:
    """Whether `second` differs from `first`. Each has a finite value for each seed, and at least one.

    `resolution`: the step in which values are measured, such as 1 / images for an accuracy. Without it, a few runs that
    agree by chance to within this step would seem not to scatter.
    """
    common = sorted(first.keys() & second.keys())
    rounding = ROUNDING_VARIANCE * resolution**2
    if len(common) >= max(2, LEAST_PAIRED * len(first), LEAST_PAIRED * len(second)):
        differences = [second[seed] - first[seed] for seed in common]
        pairs = _Pairs(max(variance(differences), 2 * rounding))
        return _judged(pairs, fmean(differences), len(common), len(common), paired=True)
    means = fmean(second.values()) - fmean(first.values())
    if min(len(first), len(second)) < 2:
        return Difference("one_run", paired=False, first_runs=len(first), second_runs=len(second), difference=means)
    groups = _Groups(*(max(variance(runs.values()), rounding) for runs in (first, second)))
    return _judged(groups, means, len(first), len(second), paired=False)


class _Scatter(Protocol):
    """How the difference of the means of so many runs scatters."""

    def error(self, first: int, second: int) -> float: ...

    def freedom(self, first: int, second: int) -> float: ...


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Runs that share seeds, as many of each spec."""

    variance: float  # of the difference of a pair

    def error(self, first: int, second: int) -> float:
        """The standard error of the mean difference."""
        return math.sqrt(self.variance / min(first, second))

    def freedom(self, first: int, second: int) -> float:
        """Degrees of freedom of that error."""
        return min(first, second) - 1


@dataclass(frozen=True, slots=True)
class _Groups:
    """Runs that share no seeds."""

    first_variance: float
    second_variance: float

    def error(self, first: int, second: int) -> float:
        """The standard error of the difference of the means."""
        return math.sqrt(self.first_variance / first + self.second_variance / second)

    def freedom(self, first: int, second: int) -> float:
        """Degrees of freedom of that error, by Welch and Satterthwaite."""
        of_first, of_second = self.first_variance / first, self.second_variance / second
        below = of_first**2 / (first - 1) + of_second**2 / (second - 1)
        return (of_first + of_second) ** 2 / below if below else first + second - 2


def _judged(scatter: _Scatter, difference: float, first: int, second: int, *, paired: bool) -> Difference:
    half = _t(scatter, first, second) * scatter.error(first, second)
    caution = _caution(scatter.freedom(first, second))
    return Difference(
        "different" if abs(difference) > half else "no_difference",
        paired,
        first,
        second,
        difference,
        difference - half,
        difference + half,
        _shown(scatter, first, second),
        _repeats(scatter, abs(difference), caution),
        {each: _repeats(scatter, each, caution) for each in DIFFERENCES},
    )


def _t(scatter: _Scatter, first: int, second: int) -> float:
    return t_quantile((1 + VERDICT_CONFIDENCE) / 2, scatter.freedom(first, second))


def _shown(scatter: _Scatter, first: int, second: int) -> float:
    """The difference that so many runs show with POWER."""
    quantiles = _t(scatter, first, second) + t_quantile(POWER, scatter.freedom(first, second))
    return quantiles * scatter.error(first, second)


def _repeats(scatter: _Scatter, difference: float, caution: float) -> int | None:
    """How many runs of each spec show `difference` with POWER, if the deviation is `caution` times the measured one."""
    counts = range(2, MOST_REPEATS + 1)
    place = bisect_left(counts, -difference, key=lambda count: -caution * _shown(scatter, count, count))
    return counts[place] if place < len(counts) else None


def _caution(freedom: float) -> float:
    """The upper limit of a standard deviation, as a multiple of the one that was measured with so many degrees of
    freedom: by chi-squared, in the approximation of Wilson and Hilferty (1931)."""
    share = 2 / (9 * freedom)
    cube_root = 1 - share + NormalDist().inv_cdf(1 - PLANNING_CONFIDENCE) * math.sqrt(share)
    return float(cube_root**-1.5)
