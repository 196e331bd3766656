"""Curves over epochs, drawn with the dots of braille characters: two columns and four rows of dots in each cell.

Where the encoding of the output has no braille, each cell holds one mark. Every value counts: of the values that share
a column of dots, the least and the greatest are drawn, and all between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from epochal.terminal import formats
from epochal.terminal.scales import Scale, labelled, limits, ticks_of
from epochal.terminal.text import PLAIN, Style, cut, fit, safe
from epochal.terminal.text import width as measured

COLOURS = ("cyan", "magenta", "yellow", "blue", "green", "red")  # of curves, in this order where they have none
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column: the bits of Unicode's braille
_MARK_EVERY = 10  # cells between two marks of a curve without colours

Cell = tuple[int, int]


class Extent(NamedTuple):
    """What a curve covers of one column of dots: from the least to the greatest row, where it begins and where it ends.
    Rows count from the top.
    """

    column: int
    least: int
    greatest: int
    begin: int
    end: int


@dataclass(frozen=True)
class Series:
    """One curve: values over ascending epochs. None: not measured, and the curve goes on past it. A value that is not
    finite interrupts the curve. `mark`, one character of ASCII, and `colour` tell the curves apart.
    """

    label: str
    mark: str
    colour: str
    epochs: Sequence[int]
    values: Sequence[float | None]


@dataclass(frozen=True)
class Plot:
    """What one panel shows. `best` is an epoch to be marked at the axis."""

    title: str
    series: Sequence[Series]
    percent: bool = False
    best: int | None = None


def panel(plot: Plot, width: int, height: int, style: Style = PLAIN) -> list[str]:
    """The panel's lines, none of which is wider than `width` cells: the title with the legend, `height` rows of curves,
    the axis, and its epochs. At least 24 cells wide and 3 rows high. No lines where there is no finite value.
    """
    width, height = max(width, 24), max(height, 3)
    finite = [value for curve in plot.series for _, value in _points(curve) if math.isfinite(value)]
    if not finite:
        return []
    canvas_rows = height * (4 if style.unicode else 1)
    values = Scale(*limits(min(finite), max(finite), percent=plot.percent), canvas_rows)
    ticks = labelled(values.low, values.high, max(2.0, height / 2), percent=plot.percent)
    labels = {(values.last - values.dot(tick)) // (canvas_rows // height): text for tick, text in ticks}
    margin = max((measured(label) for label in labels.values()), default=0) + 2
    drawn = [epoch for curve in plot.series for epoch, _ in _points(curve)]
    area = width - margin
    epochs = Scale(min(drawn), max(drawn), area * (2 if style.unicode else 1))
    canvas = Canvas(area, height, style, marked=_is_marked(plot, style))
    for curve in plot.series:
        canvas.draw(curve, epochs, values)
    lines = _legend(plot, width, style)
    lines += [_with_label(labels.get(row, ""), margin, line, style) for row, line in enumerate(canvas.lines())]
    return [*lines, *_epoch_axis(plot, epochs, margin, area, style)]


def _is_marked(plot: Plot, style: Style) -> bool:
    """Whether colours alone do not tell the curves apart."""
    return not style.colours or len({curve.colour for curve in plot.series}) < len(plot.series)


def _points(curve: Series) -> Iterator[tuple[int, float]]:
    """The epochs with a value, with what is not finite."""
    for epoch, value in zip(curve.epochs, curve.values, strict=True):
        if value is not None:
            yield epoch, value


class Canvas:
    """Cells on which curves are drawn. Where several pass through one cell, its colour is the last one's."""

    def __init__(self, columns: int, rows: int, style: Style, *, marked: bool) -> None:
        self._columns, self._rows, self._style, self._marked = columns, rows, style, marked
        self._bits: dict[Cell, int] = {}
        self._marks: dict[Cell, str] = {}
        self._colours: dict[Cell, str] = {}
        self._curves = 0

    def draw(self, curve: Series, epochs: Scale, values: Scale) -> None:
        """Add a curve. Its place in the order of curves decides where it is marked, so that marks do not meet."""
        touched: set[Cell] = set()
        for stretch in _stretches(curve, epochs, values):
            self._stretch(stretch, curve.mark, touched)
        self._colours.update(dict.fromkeys(touched, curve.colour))
        if self._style.unicode and self._marked:
            self._sprinkle(touched, curve.mark)
        self._curves += 1

    def _stretch(self, extents: list[Extent], mark: str, touched: set[Cell]) -> None:
        """A curve without interruption."""
        before: tuple[int, int] | None = None
        for column, least, greatest, begin, end in extents:
            for dot_row in range(least, greatest + 1):
                self._dot(column, dot_row, mark, touched)
            if before:
                for dot_column, dot_row in _between(before, (column, begin)):
                    self._dot(dot_column, dot_row, mark, touched)
            before = column, end
        if len(extents) == 1 and extents[0].least == extents[0].greatest:
            self._marks[self._cell(extents[0].column, extents[0].least)] = mark  # a single dot would be overlooked

    def _cell(self, column: int, row: int) -> Cell:
        return (column // 2, row // 4) if self._style.unicode else (column, row)

    def _dot(self, column: int, row: int, mark: str, touched: set[Cell]) -> None:
        cell = self._cell(column, row)
        touched.add(cell)
        if self._style.unicode:
            self._bits[cell] = self._bits.get(cell, 0) | _DOTS[row % 4][column % 2]
        else:
            self._marks[cell] = mark

    def _sprinkle(self, touched: set[Cell], mark: str) -> None:
        """Put the curve's mark into one of its cells at every so many columns."""
        by_column: dict[int, list[int]] = {}
        for column, row in touched:
            by_column.setdefault(column, []).append(row)
        first = (3 + 3 * self._curves) % _MARK_EVERY
        for column in range(first, self._columns, _MARK_EVERY):
            rows = sorted(by_column.get(column, ()))
            if rows:
                self._marks.setdefault((column, rows[len(rows) // 2]), mark)

    def lines(self) -> Iterator[str]:
        """The rows from the top, without spaces at their ends."""
        for row in range(self._rows):
            parts, run, colour = [], "", ""
            for column in range(self._columns):
                cell = column, row
                text = self._marks.get(cell) or (chr(0x2800 + self._bits[cell]) if cell in self._bits else " ")
                now = self._colours.get(cell, "") if text != " " else colour
                if now != colour:
                    parts.append(self._style.paint(run, *([colour] if colour else [])))
                    run, colour = "", now
                run += text
            run = run.rstrip(" ")
            parts.append(self._style.paint(run, *([colour] if colour else [])))
            yield "".join(parts).rstrip(" ")


def _stretches(curve: Series, epochs: Scale, values: Scale) -> Iterator[list[Extent]]:
    """The curve in parts that are not interrupted."""
    columns: list[Extent] = []
    for epoch, value in _points(curve):
        if not math.isfinite(value):
            if columns:
                yield columns
            columns = []
            continue
        column, row = epochs.dot(epoch), values.last - values.dot(value)
        if columns and columns[-1].column == column:
            _, least, greatest, begin, _ = columns[-1]
            columns[-1] = Extent(column, min(least, row), max(greatest, row), begin, row)
        else:
            columns.append(Extent(column, row, row, row, row))
    if columns:
        yield columns


def _between(one: Cell, other: Cell) -> Iterator[Cell]:
    """The dots of a straight line, without its ends."""
    across, down = other[0] - one[0], other[1] - one[1]
    steps = max(abs(across), abs(down))
    for step in range(1, steps):
        yield one[0] + round(across * step / steps), one[1] + round(down * step / steps)


def _with_label(label: str, margin: int, line: str, style: Style) -> str:
    axis = ("┤" if label else "│") if style.unicode else ("+" if label else "|")
    return fit(label, margin - 2, right=True) + " " + style.paint(axis, "dim") + line


def _legend(plot: Plot, width: int, style: Style) -> list[str]:
    """The title, and the name of each curve with its last value, on as many lines as they need."""
    entries = []
    for curve in plot.series:
        values = [value for _, value in _points(curve)]
        if not values:
            continue
        key = "━━" if style.unicode and not _is_marked(plot, style) else curve.mark
        last = (formats.percent if plot.percent else formats.loss)(values[-1])
        lost = sum(not math.isfinite(value) for value in values)
        entry = f" {safe(curve.label)} {last}" + (f" ({lost} not finite)" if lost else "")
        entries.append((key, curve.colour, entry))
    if plot.best is not None:
        entries.append((_best_mark(style), "green", f" best epoch {plot.best}"))
    return _flowing(entries, plot.title, width, style)


def _best_mark(style: Style) -> str:
    return "▲" if style.unicode else "^"


def _flowing(entries: Sequence[tuple[str, str, str]], title: str, width: int, style: Style) -> list[str]:
    """Keys and their texts behind the title, on the lines below where there is no more space."""
    lines, used = [style.paint(title, "bold")], measured(title)
    for key, colour, text in entries:
        shown = cut(text, width - len(key) - 3)
        cells = 3 + len(key) + measured(shown)
        if used + cells > width:
            lines.append("")
            used = 0
        lines[-1] += "   " + style.paint(key, colour) + shown
        used += cells
    return lines


def _epoch_axis(plot: Plot, epochs: Scale, margin: int, area: int, style: Style) -> list[str]:
    """The axis with a tick at each epoch that is written below it. A mark stands at the best one."""
    per_cell = epochs.dots // area
    line = ["─" if style.unicode else "-"] * area
    labels = ""
    for epoch in ticks_of(epochs.low, epochs.high, max(2, area // 12), whole=True):
        cell = epochs.dot(epoch) // per_cell
        text = str(round(epoch))
        start = min(margin + cell - (len(text) - 1) // 2, margin + area - len(text))
        if start > len(labels) or not labels:
            labels = labels.ljust(start) + text
            line[cell] = "┬" if style.unicode else "+"
    axis = style.paint("".join(line), "dim")
    if plot.best is not None and epochs.low <= plot.best <= epochs.high:
        cell = epochs.dot(plot.best) // per_cell
        mark = style.paint(_best_mark(style), "green", "bold")
        axis = style.paint("".join(line[:cell]), "dim") + mark + style.paint("".join(line[cell + 1 :]), "dim")
    corner = style.paint("└" if style.unicode else "+", "dim")
    return [" " * (margin - 1) + corner + axis, labels]
