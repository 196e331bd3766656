"""Numbers and texts as a report writes them."""

import json
import math
from typing import Any

from training.intervals import wilson_interval
from training.number_format import plain

FEW_IMAGES = 1000  # with fewer, a hundredth of a percent is less than an image
VERY_LARGE = 1e6
NOT_MEASURED = "-"


def percent(share: float | None, images: int | None = None) -> str:
    """A share of `images`, with as many digits as that many images allow."""
    if share is None:
        return NOT_MEASURED
    if not math.isfinite(share):
        return "not a number"
    return f"{share:.1%}" if images is not None and images < FEW_IMAGES else f"{share:.2%}"


def tenths(share: float | None) -> str:
    """A share in percent with one digit behind the point."""
    return percent(share, images=0)


def number(value: float | None, digits: int = 4) -> str:
    """With `digits` behind the point; very large ones with three digits and an exponent; of one that is not finite,
    that."""
    if value is None:
        return NOT_MEASURED
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return f"{value:,.{digits}f}" if abs(value) < VERY_LARGE else f"{value:.2e}"


def significant(value: float | None) -> str:
    """With four digits that count, such as a learning rate; whole numbers with all of theirs."""
    if value is None or not math.isfinite(value) or (isinstance(value, float) and abs(value) >= VERY_LARGE):
        return number(value)
    return plain(value if isinstance(value, int) else float(f"{value:.4g}"))


def interval(accuracy: float | None, images: int | None) -> str:
    """The 95 % interval (Wilson) of an accuracy that was measured on `images`; empty where there is none."""
    if accuracy is None or not images or not math.isfinite(accuracy):
        return ""
    low, high = wilson_interval(round(accuracy * images), images)
    return f"{100 * low:.1f} to {tenths(high)}"


def count(amount: int, thing: str, plural: str | None = None) -> str:
    """`1 epoch`, `1,000 epochs`."""
    return f"{amount:,} {thing if amount == 1 else plural or f'{thing}s'}"


def duration(seconds: float) -> str:
    """In the unit that suits it."""
    value, unit = _in_unit(seconds)
    return f"{value} {unit}"


def short_duration(seconds: float) -> str:
    """The same with the unit's abbreviation."""
    value, unit = _in_unit(seconds)
    return f"{value} {_SHORT[unit]}"


_SHORT = {"seconds": "s", "minutes": "min", "hours": "h"}


def _in_unit(seconds: float) -> tuple[str, str]:
    if seconds < 100:
        return f"{seconds:.1f}", "seconds"
    return (f"{seconds / 60:,.0f}", "minutes") if seconds < 100 * 60 else (f"{seconds / 3600:,.1f}", "hours")


def shortened(text: str, most: int) -> str:
    """At most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_json(value: Any, most: int = 120) -> str:
    """A value of a spec; a text without its quotes."""
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), most)


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
