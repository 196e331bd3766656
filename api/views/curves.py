"""Draws loss and accuracy over epochs. Equal rows give equal bytes.

`python -m api.views.curves` is the process that draws for `api.service.curve_renderer`. Nothing else may import this
module: it imports matplotlib, which takes as long as importing the rest of the API. It does not use pyplot, which
keeps its figures in global state.
"""

import math
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator, PercentFormatter

from api.views.curve_data import CurveData, ImageFormat, Point, unpack
from api.views.pipe_messages import read, write

# The palette of Okabe and Ito, which colour-blind readers can tell apart. The lines also differ in their dashes.
TRAIN: dict[str, Any] = {"label": "train", "color": "#0072B2", "linestyle": (0, (4, 1.5))}
TEST: dict[str, Any] = {"label": "test", "color": "#D55E00", "linestyle": "solid"}
VALIDATION: dict[str, Any] = {"label": "validation", "color": "#009E73", "linestyle": (0, (6, 1.5, 1, 1.5))}
INK, GREY, FAINT = "#222222", "#666666", "#DDDDDD"

TITLE_FONT = FontProperties(weight="bold", size=14)

MARGINS = {"left": 0.065, "right": 0.985, "top": 0.79, "bottom": 0.115, "wspace": 0.17}  # of the figure's size
SIZE, HEIGHT_WITHOUT_TITLE, TOP_WITHOUT_TITLE = (11, 4.8), 4.2, 0.92  # inches; of the figure's height

MAX_EPOCHS_WITH_DOTS = 40  # with more, the dots of a line overlap
MAX_TITLE = 80  # characters
LARGEST_DRAWN = 1e30  # greater values overflow in matplotlib's arithmetic

# Matplotlib's settings are global. They start from its defaults, so that no matplotlibrc changes the pictures.
matplotlib.rcdefaults()
matplotlib.rcParams.update(
    {
        "font.sans-serif": [
            "DejaVu Sans",
            "Verdana",
            "Arial",
        ],  # DejaVu comes with matplotlib; the others are for browsers
        "svg.fonttype": "none",  # text remains text, so that it can be searched and read aloud
        "svg.hashsalt": "epochal",  # without it, ids within an SVG are random
    }
)
NICENESS = 10  # requests for pictures take a little longer, so that no other request does


def main() -> None:
    """Draw each request on standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    while True:
        try:
            curve_data, form = unpack(read(sys.stdin.buffer))
        except EOFError:
            return
        write(sys.stdout.buffer, draw(curve_data, form))


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
        _head(figure, curve_data.title, f"{curve_data.subtitle}   ·   {len(epochs)} of {curve_data.planned} epochs")
    output = BytesIO()
    figure.savefig(output, format=form, dpi=150, metadata=_metadata(curve_data.title, form))
    return output.getvalue()


def _plot(axes: Axes, epochs: Sequence[Point], measured: Sequence[float | None], look: Mapping[str, Any]) -> None:
    if look is VALIDATION and all(value is None for value in measured):
        return  # the job has no validation split
    values = [math.nan if value is None or not abs(value) < LARGEST_DRAWN else value for value in measured]
    dots = list(range(len(values))) if len(values) <= MAX_EPOCHS_WITH_DOTS else _isolated(values)
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
    axes.set_axisbelow(True)
    axes.tick_params(color=FAINT, labelcolor=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
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


def _head(figure: Figure, title: str, subtitle: str) -> None:
    place: dict[str, Any] = {"x": 0.02, "ha": "left", "va": "top", "parse_math": False}
    figure.text(y=0.97, s=_with_glyphs(_short(title)), color=INK, fontproperties=TITLE_FONT, **place)
    figure.text(y=0.905, s=subtitle, color=GREY, fontsize=10, **place)


def _short(title: str) -> str:
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…"


def _with_glyphs(title: str) -> str:
    """Replace characters that the font lacks with U+FFFD. An SVG's metadata still has the original title."""
    font = get_font(findfont(TITLE_FONT))
    return "".join(character if font.get_char_index(ord(character)) else "\ufffd" for character in title)


def _metadata(title: str, form: str) -> dict[str, Any]:
    """Leave out the date and matplotlib's version, so that the bytes depend only on the rows."""
    if form == "png":
        return {"Software": None}
    return {"Date": None, "Creator": None, "Title": re.sub("[\ufffe\uffff]", "\ufffd", title)}  # XML excludes these two


if __name__ == "__main__":
    main()
