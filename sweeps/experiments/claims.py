"""What the textbook expects of two trials, and whether it came out.

An accuracy is a share of images, so that chance alone makes it differ: a difference counts if its interval of 95 %
leaves out 0. For a loss or a time of one run no interval is known. There, by convention, two numbers differ if one is
`FACTOR` times the other, or more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sweeps.experiments.intervals import difference
from sweeps.experiments.results import TrialResult

Outcome = Literal["confirmed", "contradicted", "undecided", "missing"]

FACTOR = 1.25  # of two losses or times
LOSS_FLOOR = 0.01  # nats: added to both losses, so that two that are practically 0 do not differ


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a trial that claims are about."""

    name: str
    of: Callable[[TrialResult], float | None]
    shown: Callable[[float], str]
    images: Callable[[TrialResult], int | None] | None = None  # of which it is a share; None: it is no share
    greater_is_better: bool = False
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """That one trial does better than another by a measure.

    `margin`: how much worse it may be, as a share, and the claim still holds. `other`: the measure of the second trial,
    where it is another one.
    """

    says: str
    better: str
    worse: str
    measure: Measure
    other: Measure | None = None
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a claim."""

    expectation: str
    outcome: Outcome
    explanation: str


def judge(claim: Claim, trials: Mapping[str, TrialResult]) -> Finding:
    """Compare the two trials of a claim."""
    better, worse = trials.get(claim.better), trials.get(claim.worse)
    if better is None or worse is None:
        return Finding(claim.says, "missing", "The sweep has no such trial.")
    for trial in (better, worse):
        if not (trial.has_succeeded or trial.has_diverged):
            became = trial.status or "deleted"
            return Finding(claim.says, "missing", f"“{trial.label}” has no final numbers: its job is {became}.")
    if better.has_diverged or worse.has_diverged:
        return Finding(claim.says, *_of_diverged(better, worse))
    first, second = claim.measure.of(better), (claim.other or claim.measure).of(worse)
    if first is None or second is None:
        return Finding(claim.says, "missing", f"{claim.measure.name} was not measured in both trials.")
    told = _numbers(claim, first, second)
    if claim.measure.images is None:
        outcome, why = _by_factor(claim.measure, first, second)
    else:
        outcome, why = _by_interval(claim, better, worse, first, second)
    return Finding(claim.says, outcome, f"{told} {why}".rstrip())


def _of_diverged(better: TrialResult, worse: TrialResult) -> tuple[Outcome, str]:
    if better.has_diverged and worse.has_diverged:
        return "undecided", f"Both “{better.label}” and “{worse.label}” diverged: their losses became infinite."
    lost = better if better.has_diverged else worse
    outcome: Outcome = "contradicted" if better.has_diverged else "confirmed"
    return outcome, f"“{lost.label}” diverged after {len(lost.epochs)} epochs: its loss became infinite."


def _numbers(claim: Claim, first: float, second: float) -> str:
    measure, other = claim.measure, claim.other or claim.measure
    if claim.better == claim.worse:
        return f"“{claim.better}”: {measure.name} {measure.shown(first)}, {other.name} {other.shown(second)}."
    return (
        f"{measure.name[0].upper()}{measure.name[1:]}: {measure.shown(first)} for “{claim.better}”, "
        f"{other.shown(second)} for “{claim.worse}”."
    )


def _by_factor(measure: Measure, first: float, second: float) -> tuple[Outcome, str]:
    ratio = (second + measure.floor) / (first + measure.floor) if first + measure.floor > 0 else 1.0
    ratio = 1 / ratio if measure.greater_is_better and ratio > 0 else ratio
    if ratio >= FACTOR:
        return "confirmed", ""
    if ratio <= 1 / FACTOR:
        return "contradicted", "It is the other way round."
    return "undecided", f"The two are within {FACTOR - 1:.0%} of each other, which is not called a difference here."


def _by_interval(
    claim: Claim, better: TrialResult, worse: TrialResult, first: float, second: float
) -> tuple[Outcome, str]:
    measure, other = claim.measure, claim.other or claim.measure
    assert measure.images
    assert other.images
    images, others = measure.images(better), other.images(worse)
    if not images or not others:
        return "undecided", "How many images there were is not known, and so not how sure the numbers are."
    low, high = difference(first, images, second, others)
    apart = f"The difference is {_points(first - second)}; its interval of 95 % is {_points(low)} to {_points(high)}"
    if claim.margin:
        return _within_margin(claim.margin, low, high, apart)
    if low > 0:
        return "confirmed", f"{apart}, and leaves out 0."
    if high < 0:
        return "contradicted", f"{apart}: it is the other way round."
    return (
        "undecided",
        f"{apart}. It includes 0: on {min(images, others):,} images, chance alone may make such a difference.",
    )


def _within_margin(margin: float, low: float, high: float, apart: str) -> tuple[Outcome, str]:
    points = f"{margin * 100:g} points"
    if low > 0:
        return "confirmed", f"{apart}: nothing is lost."
    if low > -margin:
        return "confirmed", f"{apart}: at most {points} are lost."
    if high < -margin:
        return "contradicted", f"{apart}: more than {points} are lost."
    if high < 0:
        return "undecided", f"{apart}: something is lost, and it may be more than {points} or less."
    return "undecided", f"{apart}: too wide to say whether more than {points} are lost."


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"
