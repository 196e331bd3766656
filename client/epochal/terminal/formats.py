"""Figures, times and sizes in the words of the tables."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

NONE = "-"
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def percent(share: float | None) -> str:
    """A share of one, with two decimals."""
    return NONE if share is None else f"{share:.2%}"


def loss(value: float | None) -> str:
    """A loss: four decimals, or powers of ten where it is so large that they would tell nothing."""
    if value is None:
        return NONE
    return f"{value:.4f}" if not math.isfinite(value) or abs(value) < 1e4 else f"{value:.2e}"


def short(value: float | None) -> str:
    """A figure of any size, such as a learning rate."""
    return NONE if value is None else f"{value:.4g}"


def count(value: float | None) -> str:
    """A whole number with separators."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if math.isfinite(value) else str(value)


def size(value: float | None) -> str:
    """Bytes, in powers of 1,000."""
    if value is None:
        return NONE
    unit = 0
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_SIZES[unit]}" if unit == 0 or value >= 99.5 else f"{value:.1f} {_SIZES[unit]}"


def clock(span: timedelta) -> str:
    """A length of time as hours, minutes and seconds."""
    return str(timedelta(seconds=max(0, round(span.total_seconds()))))


def seconds(value: float | None) -> str:
    """A length of time in its largest unit."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return str(value)
    if value < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago it was, or how long it takes until then. Clocks that differ a little are not told."""
    if moment is None:
        return NONE
    past = (now - moment).total_seconds()
    if abs(past) < 2:
        return "now"
    words = _span(abs(past))
    return f"{words} ago" if past > 0 else f"in {words}"


def _span(past: float) -> str:
    for most, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if past < most:
            return f"{past / unit:.0f} {name}"
    return f"{past / 86_400:.0f} days"
