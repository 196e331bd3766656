"""Scales of a plot: which dot a value is, and which values are written at an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LEAST_SPAN = 1e-9  # of the values: closer ones are one value, whose labels would differ in the tenth digit


@dataclass(frozen=True)
class Scale:
    """A range of values over a number of dots: `low` is the centre of the first, `high` that of the last one."""

    low: float
    high: float
    dots: int

    @property
    def last(self) -> int:
        """The greatest dot's place."""
        return self.dots - 1

    def dot(self, value: float) -> int:
        """The place of the nearest dot."""
        span = self.high - self.low
        return round((value / span - self.low / span) * self.last) if span else 0


def scale_of(
    least: float, greatest: float, dots: int, rows: int, *, percent: bool = False
) -> tuple[Scale, dict[int, str]]:
    """The scale from the least to the greatest value, and what is written beside which of its `rows`, from the top.

    All values finite. `percent`: they are shares of one.
    """
    if greatest - least <= _LEAST_SPAN * max(abs(least), abs(greatest)):
        room = max(abs(least), abs(greatest)) / 10 or 0.5
        least, greatest = least - room, min(greatest + room, 1.0) if percent else greatest + room
    scale = Scale(least, greatest, dots)
    step = _step(least, greatest, max(2.0, rows / 2))
    labels = {}
    for tick in ticks_of(least, greatest, max(2.0, rows / 2)):
        labels[(scale.last - scale.dot(tick)) // (dots // rows)] = _label(tick, step, percent=percent)
    return scale, labels


def ticks_of(low: float, high: float, most: float, *, whole: bool = False) -> list[float]:
    """Round values from low to high, evenly spaced, about so many; whole numbers alone if `whole`."""
    if low == high:
        return [low]
    step = _step(low, high, most, whole=whole)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [tick * step for tick in range(first, last + 1)]


def _step(low: float, high: float, most: float, *, whole: bool = False) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten, of which `most` at most lie between low and high."""
    least = max(high / most - low / most, 1.0 if whole else 5e-300)
    power = 10.0 ** math.floor(math.log10(least))
    steps = (1.0, 2.0, 5.0, 10.0) if whole else (1.0, 2.0, 2.5, 5.0, 10.0)
    return next(power * step for step in steps if power * step >= least * (1 - 1e-9))


def _label(value: float, step: float, *, percent: bool) -> str:
    """The value with as many decimals as the step has."""
    if percent:
        value, step = 100 * value, 100 * step
    decimals = next((places for places in range(9) if math.isclose(round(step, places), step, rel_tol=1e-6)), None)
    if decimals is None or abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:.{decimals}f}{'%' if percent else ''}"
