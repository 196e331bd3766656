"""How accurate a run will be at a later epoch: an interval, from an ensemble of power laws.

Each member is accuracy(t) = a - b * t ** -c with t = epoch + 1, fitted by least squares to the rows behind a start of
its own, and weighted by its likelihood: curves of that family fit learning curves well (Domhan et al. 2015, IJCAI;
Viering and Loog 2021, arXiv:2103.10948). A power law knows nothing of a learning rate that is still to fall, and one
that was fitted over a drop of it would foretell the next: rows before the last drop are left out. Where
whole curves of jobs with the same schedule are given, the ratio of their errors, later over now, is learnt from them,
and takes the place of the power laws. docs/diagnosis.md says how often the interval was right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.diagnosis.curves import noise
from training.diagnosis.phases import last_drop
from training.diagnosis.run import Curve, Floats, Run

EXPONENTS = np.linspace(0.1, 2.0, 20)
STARTS = (0.0, 0.1, 0.2, 0.35, 0.5)  # shares of the rows that a member leaves out: early epochs follow another law
LEAST_ROWS = 5
LEAST_NOISE = 0.003  # of an accuracy, one standard deviation: no run repeats another more closely
MODEL_ERROR = 0.25  # of the change that a member foretells, one standard deviation: no power law is true
PROBABILITY = 0.8
LEAST_LIKE = 3  # curves of like jobs
DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Forecast:
    """The accuracy lies between `low` and `high` at `epoch`, with `probability`."""

    epoch: int
    low: float
    median: float
    high: float
    probability: float


def forecast(run: Run, epoch: int) -> Forecast | None:
    """Of the accuracy on the split that the run is judged on, at a later `epoch`; None where too few rows are known
    (since the last drop of the learning rate), or the epoch is not a later one."""
    curve = run.held_out_accuracy.finite()
    if len(curve) < LEAST_ROWS or epoch <= curve.epochs[-1]:
        return None
    drawn = _by_like_jobs(curve, epoch, run.like)
    if drawn is None:
        curve = curve.between(last_drop(run), run.last_epoch)
        if len(curve) < LEAST_ROWS:
            return None
        drawn = _by_power_laws(curve, epoch)
    low, median, high = np.quantile(np.clip(drawn, 0, 1), [(1 - PROBABILITY) / 2, 0.5, (1 + PROBABILITY) / 2])
    return Forecast(epoch, float(low), float(median), float(high), PROBABILITY)


def _by_power_laws(curve: Curve, epoch: int) -> Floats:
    generator = np.random.default_rng(0)  # the same record always gets the same forecast
    scatter = max(LEAST_NOISE, noise(curve))
    foretold, fits = [], []
    for start in STARTS:
        first = min(int(start * len(curve)), len(curve) - LEAST_ROWS)
        rows = Curve(curve.epochs[first:], curve.values[first:])
        for exponent in EXPONENTS:
            value, error = _member(rows, exponent, epoch)
            if value is not None:
                foretold.append(value)
                fits.append(-0.5 * (error / scatter) ** 2)
    now = float(np.median(curve.values[-3:]))
    if not foretold:
        return now + scatter * generator.standard_normal(DRAWS)
    weights = np.exp(np.array(fits) - max(fits))
    members = generator.choice(np.array(foretold), DRAWS, p=weights / weights.sum())
    change = np.abs(members - now) * MODEL_ERROR
    return members + np.hypot(scatter, change) * generator.standard_normal(DRAWS)


def _member(rows: Curve, exponent: float, epoch: int) -> tuple[float | None, float]:
    """What the power law with this exponent foretells, and the root mean square of its residuals; None where it would
    foretell a fall, or more than there is."""
    basis = -((rows.epochs + 1.0) ** -exponent)
    x = basis - basis.mean()
    slope = float((x * rows.values).sum() / (x**2).sum())
    level = float(rows.values.mean() - slope * basis.mean())
    value = level - slope * (epoch + 1.0) ** -exponent
    error = float(np.sqrt(np.mean((rows.values - level - slope * basis) ** 2)))
    return (value, error) if slope > 0 and value <= 1.0 else (None, error)


def _by_like_jobs(curve: Curve, epoch: int, like: Sequence[Mapping[int, float]]) -> Floats | None:
    """The error now, times what was left of the error of like jobs between these two epochs."""
    now = int(curve.epochs[-1])
    ratios = []
    for other in like:
        near = [other[known] for known in (now - 1, now, now + 1) if known in other]
        if near and epoch in other and np.mean(near) < 1:
            ratios.append((1 - other[epoch]) / (1 - float(np.mean(near))))
    if len(ratios) < LEAST_LIKE:
        return None
    generator = np.random.default_rng(0)
    logs = np.log(np.maximum(ratios, 1e-6))
    spread = float(np.std(logs, ddof=1)) * np.sqrt(1 + 1 / len(logs))
    scale = logs.mean() + spread * generator.standard_t(len(logs) - 1, DRAWS)
    error = 1 - float(np.mean(curve.values[-2:]))
    scatter = max(LEAST_NOISE, noise(curve))
    drawn: Floats = 1 - error * np.exp(scale) + scatter * generator.standard_normal(DRAWS)
    return drawn
