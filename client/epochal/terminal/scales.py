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

    def place(self, value: float) -> float:
        """Where the value is, in dots from the first one."""
        span = self.high - self.low
        return (value / span - self.low / span) * self.last if span else 0.0

    def dot(self, value: float) -> int:
        """The nearest dot."""
        return round(self.place(value))


def limits(least: float, greatest: float, *, percent: bool = False) -> tuple[float, float]:
    """The ends of a scale that holds the values from the least to the greatest, which are finite. `percent`: they are
    shares of one.
    """
    if greatest - least > _LEAST_SPAN * max(abs(least), abs(greatest)):
        return least, greatest
    room = max(abs(least), abs(greatest)) / 10 or 0.5
    return least - room, min(greatest + room, 1.0) if percent else greatest + room


def labelled(low: float, high: float, most: float, *, percent: bool = False) -> list[tuple[float, str]]:
    """Round values from low to high, and what is written beside them."""
    step = _step(low, high, most)
    return [(tick, _label(tick, step, percent=percent)) for tick in ticks_of(low, high, most)]


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
