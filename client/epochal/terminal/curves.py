"""The curves of a job, and of several jobs, as panels of loss and accuracy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from epochal.terminal.comparison import letter
from epochal.terminal.plot import COLOURS, Plot, Series, panel
from epochal.terminal.text import PLAIN, Style
from epochal.terminal.text import width as measured

if TYPE_CHECKING:
    from epochal.types import Comparison, EpochRow

_BESIDE = 130  # cells from which on the panels stand beside each other
_GAP = 4
_SPLITS = ("train", "validation", "test")
_MARKS = {"train": "*", "validation": "+", "test": "o"}
_COLOURS = {"train": "cyan", "validation": "yellow", "test": "magenta"}
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def job_curves(
    rows: Sequence[EpochRow], width: int = 80, height: int = 12, style: Style = PLAIN, best: int | None = None
) -> list[str]:
    """Loss and accuracy of a job over its epochs, for each split that was evaluated. `best` is the best epoch.

    `width` in cells; `height` in rows for each panel's curves. Wide ones stand beside each other.
    """
    return _arranged(job_plots(rows, best), width, height, style)


def job_plots(rows: Sequence[EpochRow], best: int | None = None) -> list[Plot]:
    """What the panels of a job show: loss, and accuracy."""
    return [
        Plot("Loss", _series(rows, "loss"), best=best),
        Plot("Accuracy", _series(rows, "accuracy"), percent=True, best=best),
    ]


def comparison_curves(comparison: Comparison, width: int = 80, height: int = 12, style: Style = PLAIN) -> list[str]:
    """Test loss and test accuracy of several jobs in the same panels. Letters stand for the jobs, as in
    `comparison_lines`. Where a job has repeats, their mean is drawn.
    """
    return _arranged(comparison_plots(comparison), width, height, style)


def comparison_plots(comparison: Comparison) -> list[Plot]:
    """What the panels of a comparison show: test loss, and test accuracy."""
    panels = []
    for title, column in (("Test loss", "test_loss"), ("Test accuracy", "test_accuracy")):
        series = []
        for place, job in enumerate(comparison.jobs):
            values = getattr(job.spreads, column).mean if job.spreads else getattr(job.curves, column)
            mean = f" (mean of {job.repeats})" if job.spreads else ""
            label = f"{letter(place)} {job.name or job.id}{mean}"
            mark, colour = letter(place)[0].lower(), COLOURS[place % len(COLOURS)]
            series.append(Series(label, mark, colour, comparison.epochs, values))
        panels.append(Plot(title, series, percent=column.endswith("accuracy")))
    return panels


def _series(rows: Sequence[EpochRow], figure: str) -> list[Series]:
    epochs = [row.epoch for row in rows]
    series = []
    for split in _SPLITS:
        values = [getattr(row, f"{split}_{figure}") for row in rows]
        series.append(Series(split, _MARKS[split], _COLOURS[split], epochs, values))
    return series


def _arranged(plots: Sequence[Plot], width: int, height: int, style: Style) -> list[str]:
    if width < _BESIDE:
        parts = [panel(plot, width, height, style) for plot in plots]
        return [line for part in parts if part for line in ["", *part]][1:]
    half = (width - _GAP) // 2
    left, right = (panel(plot, half, height, style) for plot in plots)
    # Each may have a legend of more lines than the other; the axes stand side by side.
    tallest = max(len(left), len(right))
    left, right = ([""] * (tallest - len(lines)) + lines for lines in (left, right))
    pairs = zip(left, right, strict=True)
    return [(one + " " * (half - _cells(one) + _GAP) + other).rstrip(" ") for one, other in pairs]


def _cells(line: str) -> int:
    return measured(_ESCAPES.sub("", line))
