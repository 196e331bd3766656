"""Draws an experiment: a curve for each trial. Equal results give equal bytes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweeps.experiments.definition import Experiment, Panel
from sweeps.experiments.results import TrialResult
from training.evaluation.svg import MARGIN, TITLE_HEIGHT, document, shortened, text, width_of

WIDTH, HEIGHT = 350, 240  # of a chart, in pixels
AXIS, GAP, HEAD, FOOT = 52, 32, 26, 48
IN_A_ROW = 2  # charts
MOST_POWERS = 6  # of ten on an axis
HIGHEST_LOSS = 100.0  # nats: a loss that is greater is drawn there

LEGEND_LINE, LEGEND_SIZE = 20, 11

# The palette of Okabe and Ito, which colour-blind readers can tell apart, without its yellow. Then dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#777777")
DASHES = ("", "7 3", "2 3")

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (
            (math.log10(self.low), math.log10(self.high), math.log10(max(value, self.low)))
            if self.is_log
            else (self.low, self.high, value)
        )
        return self.start + (value - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Where its lines are."""
        if self.is_log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            every = 1 + (last - first) // MOST_POWERS
            found = [10.0**power for power in range(first, last + 1, every) if self.low <= 10.0**power <= self.high]
            return found if len(found) > 1 else [self.low, self.high]
        return [self.low + (self.high - self.low) * part / 4 for part in range(5)]


def picture(experiment: Experiment, trials: Sequence[TrialResult], subtitle: str) -> str:
    """The charts of an experiment side by side, as an SVG file."""
    panels = [panel for panel in experiment.panels if any(_points(panel, trial) for trial in trials)]
    panels = panels or list(experiment.panels[:1])
    parts: list[str] = []
    top = float(TITLE_HEIGHT)
    for first in range(0, len(panels), IN_A_ROW):
        row = panels[first : first + IN_A_ROW]
        lines = 0
        for number, panel in enumerate(row):
            shown = [*enumerate(trial for trial in trials if panel.group in (None, trial.group))]
            left = MARGIN + AXIS + number * (WIDTH + AXIS + GAP)
            parts += _chart(panel, shown, left, top + HEAD)
            parts += _legend(shown, left, top + HEAD + HEIGHT + FOOT)
            lines = max(lines, math.ceil(len(shown) / _columns(shown)))
        top += HEAD + HEIGHT + FOOT + lines * LEGEND_LINE + MARGIN
    columns = min(len(panels), IN_A_ROW)
    width = 2 * MARGIN + columns * (AXIS + WIDTH) + (columns - 1) * GAP
    return document(width, top, experiment.title, subtitle, parts)


def _points(panel: Panel, trial: TrialResult) -> Points:
    if panel.group not in (None, trial.group):
        return []
    if panel.measured == "range_test":
        return [(rate, min(loss, HIGHEST_LOSS)) for rate, loss in trial.range_test if rate > 0]
    if panel.measured == "gradient_norm":
        layers = trial.epochs[0].layers if trial.epochs else ()
        return [(float(place), norm) for place, (_, norm) in enumerate(layers, start=1) if norm > 0]
    found: Points = []
    for epoch in trial.epochs:
        value = getattr(epoch, panel.measured)
        x = trial.step_at(epoch) if panel.by == "step" else epoch.epoch + 1
        if value is not None and x is not None:
            found.append((float(x), min(value, HIGHEST_LOSS)))
    return found


def _chart(panel: Panel, shown: Sequence[tuple[int, TrialResult]], left: float, top: float) -> Iterator[str]:
    curves = [(place, points) for place, trial in shown if (points := _points(panel, trial))]
    yield text(left, top - 10, panel.title, "head")
    every = [point for _, points in curves for point in points]
    is_share = panel.measured.endswith("accuracy")
    across = _across(panel, [x for x, _ in every], left)
    up = _up([y for _, y in every], top, is_log=not is_share)
    yield from _frame(panel, across, up, is_share=is_share, left=left, top=top)
    for place, points in curves:
        yield _curve([(across.at(x), up.at(y)) for x, y in points], place)


def _across(panel: Panel, values: Sequence[float], left: float) -> Scale:
    low, high = min(values, default=1.0), max(values, default=1.0)
    return Scale(low, max(high, 10 * low) if panel.is_log else high, left, left + WIDTH, is_log=panel.is_log)


def _up(values: Sequence[float], top: float, *, is_log: bool) -> Scale:
    if is_log:
        positive = [value for value in values if value > 0]
        low, high = min(positive, default=0.1), max(positive, default=1.0)
        return Scale(low / 1.15, high * 1.15, top + HEIGHT, top, is_log=True)
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = 0.05 if high - low > 0.1 else 0.01
    return Scale(math.floor(low / step) * step, min(1.0, math.ceil(high / step) * step), top + HEIGHT, top)


def _frame(panel: Panel, across: Scale, up: Scale, *, is_share: bool, left: float, top: float) -> Iterator[str]:
    for tick in up.ticks():
        y = up.at(tick)
        yield f'<path class="rule" d="M{left:.1f} {y:.1f}h{WIDTH}"/>'
        yield text(left - 8, y + 4, f"{tick:.1%}" if is_share else f"{tick:.3g}", "grey end", 11)
    for tick in across.ticks():
        yield text(
            across.at(tick),
            top + HEIGHT + 17,
            f"{tick:.4g}" if panel.by == "rate" else f"{tick:.0f}",
            "grey middle",
            11,
        )
    name = {
        "epoch": "epochs trained",
        "step": "steps made",
        "layer": "layer, from the input on",
        "rate": "learning rate",
    }[panel.by]
    yield text(left + WIDTH / 2, top + HEIGHT + 35, name, "grey middle")


def _curve(points: Points, place: int) -> str:
    style = _style(place)
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{_colour(place)}"/>' for x, y in points if len(points) <= 40
    )
    return f'<path d="M{path}" fill="none" stroke-width="1.8" {style}/>{dots}'


def _legend(shown: Sequence[tuple[int, TrialResult]], left: float, top: float) -> Iterator[str]:
    columns = _columns(shown)
    column = WIDTH / columns
    for number, (place, trial) in enumerate(shown):
        x, y = left + number % columns * column, top + number // columns * LEGEND_LINE
        yield f'<path d="M{x:.1f} {y:.1f}h22" fill="none" stroke-width="2.4" {_style(place)}/>'
        yield text(x + 28, y + 4, shortened(trial.label, LEGEND_SIZE, column - 34), "", LEGEND_SIZE)


def _columns(shown: Sequence[tuple[int, TrialResult]]) -> int:
    widest = max((width_of(trial.label, LEGEND_SIZE) for _, trial in shown), default=0.0)
    return 3 if widest < WIDTH / 3 - 34 else 2


def _style(place: int) -> str:
    dashes = DASHES[place // len(COLOURS) % len(DASHES)]
    return f'stroke="{_colour(place)}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
