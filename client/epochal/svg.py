"""Curves as a picture in SVG that needs nothing else: no script, no file, no font of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from epochal.terminal.plot import Plot, Series
from epochal.terminal.scales import Scale, labelled, limits, ticks_of
from epochal.terminal.text import safe

WIDTH, HEIGHT = 420, 240  # of a panel, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 26, 40  # around its curves
_INSIDE = WIDTH - _LEFT - _RIGHT

Point = tuple[float, float]


def picture(plot: Plot) -> str:
    """The panel as an SVG element whose text and axes have the colour of the text around it, and whose curves have the
    classes `c-` and the name of their colour. Empty where there is no finite value.

    Of values that share a pixel, the first, the last, the least and the greatest are drawn.
    """
    points = [point for curve in plot.series for point in _measured(curve)]
    finite = [value for _, value in points if math.isfinite(value)]
    if not finite:
        return ""
    values = Scale(*limits(min(finite), max(finite), percent=plot.percent), HEIGHT - _TOP - _BOTTOM + 1)
    epochs = Scale(min(epoch for epoch, _ in points), max(epoch for epoch, _ in points), _INSIDE + 1)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(plot.title)}"><title>{escape(plot.title)}</title>',
        f'<text class="t" x="{_LEFT}" y="15">{escape(plot.title)}</text>',
        *_value_axis(values, percent=plot.percent),
        *_epoch_axis(epochs),
    ]
    if plot.best is not None and epochs.low <= plot.best <= epochs.high:
        x = _LEFT + epochs.place(plot.best)
        parts.append(
            f'<path class="b" d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}"><title>best epoch {plot.best}</title></path>'
        )
    parts += [_curve(curve, epochs, values) for curve in plot.series]
    return "".join([*parts, "</svg>"])


def _measured(curve: Series) -> Iterator[tuple[int, float]]:
    for epoch, value in zip(curve.epochs, curve.values, strict=True):
        if value is not None:
            yield epoch, value


def _curve(curve: Series, epochs: Scale, values: Scale) -> str:
    stretches: list[list[Point]] = [[]]
    for epoch, value in _measured(curve):
        if math.isfinite(value):
            stretches[-1].append((_LEFT + epochs.place(epoch), HEIGHT - _BOTTOM - values.place(value)))
        elif stretches[-1]:
            stretches.append([])
    parts = []
    for stretch in filter(None, stretches):
        if len(stretch) == 1:
            parts.append(
                f'<circle class="c-{curve.colour} f" cx="{stretch[0][0]:.1f}" cy="{stretch[0][1]:.1f}" r="2.5"/>'
            )
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in _thinned(stretch))
        parts.append(f'<polyline class="c-{curve.colour}" points="{path}"/>')
    return f"<g><title>{escape(safe(curve.label))}</title>{''.join(parts)}</g>"


def _thinned(points: Sequence[Point]) -> Iterator[Point]:
    """Four points at most for each pixel across, in order."""
    start = 0
    for place in range(1, len(points) + 1):
        if place < len(points) and int(points[place][0]) == int(points[start][0]):
            continue
        group = range(start, place)
        kept = {start, place - 1, min(group, key=lambda n: points[n][1]), max(group, key=lambda n: points[n][1])}
        yield from (points[n] for n in sorted(kept))
        start = place


def _value_axis(values: Scale, *, percent: bool) -> Iterator[str]:
    for tick, text in labelled(values.low, values.high, 7, percent=percent):
        y = HEIGHT - _BOTTOM - values.place(tick)
        yield f'<path class="g" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
        yield f'<text class="e" x="{_LEFT - 6}" y="{y + 4:.1f}">{text}</text>'


def _epoch_axis(epochs: Scale) -> Iterator[str]:
    bottom = HEIGHT - _BOTTOM
    yield f'<path class="a" d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}"/>'
    for tick in ticks_of(epochs.low, epochs.high, 6, whole=True):
        x = _LEFT + epochs.place(tick)
        yield f'<path class="a" d="M{x:.1f} {bottom}v4"/>'
        yield f'<text class="m" x="{x:.1f}" y="{bottom + 17}">{tick:.0f}</text>'
    yield f'<text class="m" x="{_LEFT + _INSIDE / 2:.1f}" y="{HEIGHT - 6}">epoch</text>'
