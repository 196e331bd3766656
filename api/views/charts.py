"""Draws the charts of an experiment. Equal data give equal bytes. Only the process that draws imports this module."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter

from api.views.chart_data import Chart, ChartData, Curve
from api.views.curve_data import ImageFormat
from api.views.figures import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    MAX_POINTS_WITH_DOTS,
    NEUTRAL,
    ORANGE,
    PINK,
    SKY,
    head,
    saved,
    style_axes,
)

IN_A_ROW = 2  # charts
WIDTH, HEIGHT = 5.5, 3.9  # of a chart, in inches
HEAD, LEGEND_LINE = 0.75, 0.22  # inches

# First all colours, then the same ones with dashes.
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, NEUTRAL)
DASHES: Sequence[Any] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))

MOST_LETTERS_OF_THREE = 17  # labels that are longer stand in two columns
# An axis from a value to so many times that value is marked at even distances, or at 1, 2 and 5 times powers of ten.
EVEN, BETWEEN_POWERS = 4.0, 300.0


def draw(data: ChartData, form: ImageFormat) -> bytes:
    """The charts in rows, each above its legend. Not safe between threads: matplotlib's caches are shared."""
    rows = [data.charts[first : first + IN_A_ROW] for first in range(0, len(data.charts), IN_A_ROW)]
    heights = [HEIGHT + LEGEND_LINE * max(map(_legend_lines, row)) for row in rows]
    columns = max(map(len, rows))
    height = HEAD + sum(heights)
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - HEAD / height), h_pad=0.1, w_pad=0.12)
    figure = Figure(figsize=(columns * WIDTH, height), facecolor="white", layout=layout)
    head(figure, data.title, data.subtitle)
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    for line, row in enumerate(rows):
        for column, chart in enumerate(row):
            _chart(figure.add_subplot(grid[line, column]), chart)
    return saved(figure, data.title, form)


def _chart(axes: Axes, chart: Chart) -> None:
    style_axes(axes)
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_title(chart.title, loc="left", color=INK)
    axes.set_xlabel(chart.across, color=GREY)
    for curve in chart.curves:
        _curve(axes, curve)
    points = [point for curve in chart.curves for point in curve.points]
    if not points:
        axes.text(0.5, 0.5, "nothing is measured yet", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        axes.set_yticks([])
    else:
        _across(axes, chart, [x for x, _ in points])
        _up(axes, chart, [y for _, y in points])
    _legend(axes, chart)


def _curve(axes: Axes, curve: Curve) -> None:
    axes.plot(
        [x for x, _ in curve.points],
        [y for _, y in curve.points],
        label=curve.label,
        color=COLOURS[curve.place % len(COLOURS)],
        linestyle=DASHES[curve.place // len(COLOURS) % len(DASHES)],
        marker="o" if len(curve.points) <= MAX_POINTS_WITH_DOTS else "",
        markersize=3,
        lw=1.6,
    )


def _across(axes: Axes, chart: Chart, values: Sequence[float]) -> None:
    if chart.is_log:
        axes.set_xscale("log")
        _mark_logarithms(axes.xaxis, values)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        if min(values) == max(values):
            axes.set_xlim(values[0] - 0.5, values[0] + 0.5)


def _up(axes: Axes, chart: Chart, values: Sequence[float]) -> None:
    if not chart.is_share:
        axes.set_yscale("log")
        _mark_logarithms(axes.yaxis, values)
        return
    axes.margins(y=0.06)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _mark_logarithms(axis: Axis, values: Sequence[float]) -> None:
    span = max(values) / min(values)
    subs = (1.0, 2.0, 5.0) if span < BETWEEN_POWERS else (1.0,)
    axis.set_major_locator(MaxNLocator(nbins=5) if span < EVEN else LogLocator(subs=subs, numticks=7))
    axis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axis.set_minor_locator(NullLocator())


def _legend(axes: Axes, chart: Chart) -> None:
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "ncols": _legend_columns(chart)}
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, handlelength=2.6, **place)


def _legend_columns(chart: Chart) -> int:
    return 3 if max(len(curve.label) for curve in chart.curves) <= MOST_LETTERS_OF_THREE else 2


def _legend_lines(chart: Chart) -> int:
    return math.ceil(len(chart.curves) / _legend_columns(chart))
