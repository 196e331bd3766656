"""Tables: aligned, and never wider than they may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

from epochal.terminal.formats import NONE
from epochal.terminal.text import PLAIN, Style, fit, safe
from epochal.terminal.text import width as measured

GAP = 2  # cells between two columns
KEPT = 9  # the rank of a column that is never left out
_SHORTEST_ID = 14  # "job_" and the ten characters of its time: more often than not, this names one job alone


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and what of a record stands in it.

    Where a table has less space than it needs, the columns of the least `rank` are narrowed first, to `least` cells
    (None: not at all); if that is not enough, they are left out, from the least rank on. A column of rank KEPT stays;
    any other is left out as well where no record says anything in it. Numbers stand on the `right`. An `id` is cut
    before all to a prefix that names it among the rows, without an ellipsis, so that it can be copied.
    """

    title: str
    value: Callable[[Any, datetime], object]
    rank: int = 5
    least: int | None = None
    right: bool = False
    id: bool = False
    colour: Callable[[Any], tuple[str, ...]] | None = None


def number(title: str, value: Callable[[Any, datetime], object], rank: int = 5) -> Column:
    """A column of figures."""
    return Column(title, value, rank, right=True)


def table(
    rows: Iterable[Any],
    columns: Sequence[Column],
    width: int | None = None,
    *,
    style: Style = PLAIN,
    now: datetime | None = None,
) -> list[str]:
    """The lines of a table, with its titles first; no lines where there are no rows.

    `width` is the greatest width, in cells; None: as wide as it needs. Without spaces at the ends of lines.
    """
    records = list(rows)
    if not records:
        return []
    moment = now or datetime.now(timezone.utc)
    cells = [[_text(column, record, moment) for record in records] for column in columns]
    said = [place for place, texts in enumerate(cells) if columns[place].rank >= KEPT or set(texts) != {NONE}]
    columns, cells = [columns[place] for place in said], [cells[place] for place in said]
    widths = _widths(columns, cells, width)
    shown = [(column, texts, size) for column, texts, size in zip(columns, cells, widths, strict=True) if size]
    titles = [(column.title, size, column, ("bold",)) for column, _, size in shown]
    lines = [_line(titles, style)]
    for place, record in enumerate(records):
        entries = [(texts[place], size, column, _colour(column, record)) for column, texts, size in shown]
        lines.append(_line(entries, style))
    return lines


def _text(column: Column, record: Any, now: datetime) -> str:
    value = column.value(record, now)
    return NONE if value is None or value == "" else safe(value)


def _colour(column: Column, record: Any) -> tuple[str, ...]:
    return column.colour(record) if column.colour else ()


def _widths(columns: Sequence[Column], cells: list[list[str]], most: int | None) -> list[int]:
    """Cells for each column; 0 for one that is left out."""
    needed = [max(measured(column.title), *map(measured, texts)) for column, texts in zip(columns, cells, strict=True)]
    if most is None:
        return needed
    least = [_least(column, texts, full) for column, texts, full in zip(columns, cells, needed, strict=True)]
    widths = list(needed)
    ascending = sorted(range(len(columns)), key=lambda place: columns[place].rank)
    ids = [place for place in ascending if columns[place].id]
    for place in [*ids, *ascending]:
        if _total(widths) > most:
            over = needed[place] if columns[place].id else _total(widths) - most
            widths[place] -= min(over, widths[place] - least[place])
    for place in ascending:
        if _total(widths) > most and columns[place].rank < KEPT:
            widths[place] = 0
    _widen(widths, needed, [place for place in reversed(ascending) if place not in ids], most)
    for place in reversed(ascending):  # the last resort, where those that are kept do not fit
        widths[place] -= min(max(0, _total(widths) - most), max(0, widths[place] - 1))
    return widths


def _widen(widths: list[int], needed: list[int], places: list[int], most: int) -> None:
    """Give what a column that was left out has freed to those that were narrowed."""
    for place in places:
        if widths[place]:
            widths[place] += min(max(0, most - _total(widths)), needed[place] - widths[place])


def _least(column: Column, texts: list[str], needed: int) -> int:
    if column.id:
        return min(needed, max(_SHORTEST_ID, _distinct(texts), measured(column.title)))
    if column.least is None:
        return needed
    return min(needed, max(column.least, measured(column.title)))


def _distinct(texts: list[str]) -> int:
    """How many characters tell the texts apart: one more than two neighbours in order have in common."""
    ordered = sorted(set(texts))
    return 1 + max((_common(one, other) for one, other in pairwise(ordered)), default=0)


def _common(one: str, other: str) -> int:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return same


def _total(widths: Sequence[int]) -> int:
    shown = [size for size in widths if size]
    return sum(shown) + GAP * (len(shown) - 1)


def _line(entries: Sequence[tuple[str, int, Column, tuple[str, ...]]], style: Style) -> str:
    parts = []
    for text, size, column, names in entries:
        ellipsis = "" if column.id else style.ellipsis
        cell = fit(text, size, right=column.right, ellipsis=ellipsis)
        # The colour is the text's, not that of the space beside it, so that the last cell can end with its text.
        bare = cell.strip(" ")
        parts.append(cell.replace(bare, style.paint(bare, *names)) if bare else cell)
    return (" " * GAP).join(parts).rstrip(" ")
