"""How a training went, in text alone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.takeaway.markdown import sparkline, table

MOST_ROWS = 12

_LOSSES = ("train_loss", "validation_loss", "test_loss")
_ACCURACIES = ("train_accuracy", "validation_accuracy", "test_accuracy")


def curves(epochs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line of bars for each curve, and a table of MOST_ROWS epochs at most."""
    shown = [name for name in (*_LOSSES, *_ACCURACIES) if any(_number(each, name) is not None for each in epochs)]
    if not shown:
        return
    lines = []
    for name in shown:
        values = [value for each in epochs if (value := _number(each, name)) is not None]
        ends = [_text(name, value) for value in (values[0], values[-1])]
        lines.append(f"{_title(name):<20} {sparkline(values)}  {' → '.join(ends)}")
    yield "```text\n" + "\n".join(lines) + "\n```\n"
    chosen = _spread(epochs)
    if len(chosen) < len(epochs):
        yield f"{len(chosen)} of {len(epochs):,} epochs:\n"
    rows = [[str(each.get("epoch", "")), *(_cell(each, name) for name in shown)] for each in chosen]
    yield table(["Epoch", *map(_title, shown)], rows, numbers=len(shown) + 1)


def _spread(epochs: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Evenly, with the first and the last."""
    if len(epochs) <= MOST_ROWS:
        return epochs
    last = len(epochs) - 1
    return [epochs[round(place * last / (MOST_ROWS - 1))] for place in range(MOST_ROWS)]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _number(epoch: Mapping[str, Any], name: str) -> float | None:
    value = epoch.get(name)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _cell(epoch: Mapping[str, Any], name: str) -> str:
    value = _number(epoch, name)
    return "" if value is None else _text(name, value)


def _text(name: str, value: float) -> str:
    return f"{100 * value:.1f} %" if name in _ACCURACIES else f"{value:.4g}"
