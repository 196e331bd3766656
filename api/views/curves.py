"""Draws loss and accuracy over epochs. Equal rows give equal bytes. Only the process that draws imports this module."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from api.views.curve_data import CurveData, ImageFormat, Point
from api.views.figures import BLUE, FAINT, GREEN, GREY, INK, MAX_POINTS_WITH_DOTS, ORANGE, head, saved, style_axes

# The lines differ in their colours and in their dashes.
TRAIN: dict[str, Any] = {"label": "train", "color": BLUE, "linestyle": (0, (4, 1.5))}
TEST: dict[str, Any] = {"label": "test", "color": ORANGE, "linestyle": "solid"}
VALIDATION: dict[str, Any] = {"label": "validation", "color": GREEN, "linestyle": (0, (6, 1.5, 1, 1.5))}

MARGINS = {"left": 0.065, "right": 0.985, "top": 0.79, "bottom": 0.115, "wspace": 0.17}  # of the figure's size
SIZE, HEIGHT_WITHOUT_TITLE, TOP_WITHOUT_TITLE = (11, 4.8), 4.2, 0.92  # inches; of the figure's height

LARGEST_DRAWN = 1e30  # greater values overflow in matplotlib's arithmetic


def draw(curve_data: CurveData, form: ImageFormat) -> bytes:
    """Loss and accuracy side by side, with the best epoch marked. A value that is missing or not finite is a gap. Not
    safe between threads: matplotlib's caches are shared."""
    epochs = curve_data.epochs
    figure, margins = Figure(figsize=SIZE, facecolor="white"), MARGINS
    if not curve_data.title:
        figure.set_figheight(HEIGHT_WITHOUT_TITLE)
        margins = {**MARGINS, "top": TOP_WITHOUT_TITLE}
    loss, accuracy = figure.subplots(1, 2, gridspec_kw=margins)
    _plot(loss, epochs, [epoch.train_loss for epoch in epochs], TRAIN)
    _plot(loss, epochs, [epoch.validation_loss for epoch in epochs], VALIDATION)
    _plot(loss, epochs, [epoch.test_loss for epoch in epochs], TEST)
    _plot(accuracy, epochs, [epoch.train_accuracy for epoch in epochs], TRAIN)
    _plot(accuracy, epochs, [epoch.validation_accuracy for epoch in epochs], VALIDATION)
    _plot(accuracy, epochs, [epoch.test_accuracy for epoch in epochs], TEST)
    for axes in (loss, accuracy):
        _style_axes(axes, epochs, curve_data.planned)
    _name_loss(loss, epochs)
    _name_accuracy(accuracy, epochs)
    _mark_best(loss, accuracy, curve_data.best)
    if curve_data.title:
        head(figure, curve_data.title, f"{curve_data.subtitle}   ·   {len(epochs)} of {curve_data.planned} epochs")
    return saved(figure, curve_data.title, form)


def _plot(axes: Axes, epochs: Sequence[Point], measured: Sequence[float | None], look: Mapping[str, Any]) -> None:
    if look is VALIDATION and all(value is None for value in measured):
        return  # the job has no validation split
    values = [math.nan if value is None or not abs(value) < LARGEST_DRAWN else value for value in measured]
    dots = list(range(len(values))) if len(values) <= MAX_POINTS_WITH_DOTS else _isolated(values)
    axes.plot([epoch.epoch for epoch in epochs], values, marker="o", markersize=3.5, markevery=dots, lw=1.8, **look)


def _isolated(values: Sequence[float]) -> list[int]:
    """The indices of values between two gaps: they need a dot, since no line passes through them."""
    padded = [math.nan, *values, math.nan]
    return [
        place
        for place, (before, value, after) in enumerate(zip(padded, padded[1:], padded[2:], strict=False))
        if math.isnan(before) and not math.isnan(value) and math.isnan(after)
    ]


def _style_axes(axes: Axes, epochs: Sequence[Point], planned: int) -> None:
    first, last = (epochs[0].epoch, epochs[-1].epoch) if epochs else (0, planned - 1)
    room = max((last - first) * 0.03, 0.5 if first == last else 0)
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", color=GREY)
    style_axes(axes)
    if epochs:
        axes.grid(color=FAINT, linewidth=0.8)
        axes.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none", labelcolor=INK, handlelength=2.6)
    else:
        axes.text(0.5, 0.5, "no epoch is finished yet", transform=axes.transAxes, ha="center", color=GREY)


def _name_loss(axes: Axes, epochs: Sequence[Point]) -> None:
    axes.set_title("Loss", loc="left", color=INK)
    axes.set_ylabel("cross-entropy (nats)", color=GREY)
    axes.margins(y=0.08)
    axes.set_ylim(bottom=0)
    if not epochs:
        axes.set_yticks([])


def _name_accuracy(axes: Axes, epochs: Sequence[Point]) -> None:
    axes.set_title("Accuracy", loc="left", color=INK)
    axes.set_ylabel("images classified correctly", color=GREY)
    axes.margins(y=0.08)
    low, high = axes.get_ylim() if len(epochs) > 1 else (0, 1)
    axes.set_ylim(max(low, 0), min(high, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _mark_best(loss: Axes, accuracy: Axes, best: Point | None) -> None:
    if best is None:
        return
    look, chosen = TEST, best.test_accuracy
    if best.validation_accuracy is not None:
        look, chosen = VALIDATION, best.validation_accuracy
    if chosen is None or math.isnan(chosen):
        return
    for axes in (loss, accuracy):
        axes.axvline(best.epoch, color=GREY, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    ring: dict[str, Any] = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.8}
    accuracy.plot([best.epoch], [chosen], color=look["color"], clip_on=False, zorder=3, **ring)
    text = f"best: {chosen:.2%} on {look['label']}, epoch {best.epoch}"
    accuracy.set_title(text, loc="right", color=look["color"], fontsize=10)
