"""A curve goes through the dots of its values, at any size."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from epochal.terminal.curves import comparison_curves, job_curves
from epochal.terminal.plot import COLOURS, Plot, Series, panel
from epochal.terminal.text import Style, width

COLOURED, BRAILLE, ASCII = Style(colours=True), Style(), Style(unicode=False)
BITS = {0x01: (0, 0), 0x02: (0, 1), 0x04: (0, 2), 0x40: (0, 3), 0x08: (1, 0), 0x10: (1, 1), 0x20: (1, 2), 0x80: (1, 3)}


def plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


CORNER = re.compile(r"└|\+(?=[-+])")


def axis(lines: list[str]) -> int:
    """The column of the axis, which ends in a corner."""
    return next(found.start() for found in map(CORNER.search, map(plain, lines)) if found)


def area(lines: list[str]) -> list[str]:
    """What is right of the axis of the first panel."""
    place = axis(lines)
    rows = [line for line in map(plain, lines) if len(line) > place and line[place] in "┤│|+└"]
    corner = next(number for number, line in enumerate(rows) if CORNER.match(line, place))
    return [line[place + 1 :] for line in rows[:corner]]


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """Column and row of each dot, from the upper left."""
    return {
        (2 * column + across, 4 * row + down)
        for row, line in enumerate(area(lines))
        for column, character in enumerate(line)
        if "\u2800" <= character <= "\u28ff"
        for bit, (across, down) in BITS.items()
        if (ord(character) - 0x2800) & bit
    }


def curve(values: list[float | None], epochs: list[int] | None = None) -> Series:
    return Series("train", "*", "cyan", epochs or list(range(len(values))), values)


def places(values: list[float], columns: int, rows: int) -> list[tuple[float, float]]:
    """Where the values are, in dots and not rounded."""
    low, span = min(values), max(values) - min(values)
    last = len(values) - 1
    return [
        (epoch / last * (2 * columns - 1), (4 * rows - 1) * (1 - (value - low) / span))
        for epoch, value in enumerate(values)
    ]


@pytest.mark.parametrize("size", [(80, 12), (40, 3), (200, 30)])
@pytest.mark.parametrize("count", [2, 7, 60, 1000])
def test_each_value_is_right_to_half_a_dot(size: tuple[int, int], count: int) -> None:
    chance = random.Random(count)
    values = [chance.uniform(-3, 7) for _ in range(count)]
    lines = panel(Plot("Loss", [curve(list(values))]), *size, COLOURED)
    columns = size[0] - axis(lines) - 1
    drawn = dots(lines)
    for across, down in places(values, columns, size[1]):
        assert any(abs(x - across) <= 0.5001 and abs(y - down) <= 0.5001 for x, y in _near(drawn, across, down))


def _near(drawn: set[tuple[int, int]], across: float, down: float) -> list[tuple[int, int]]:
    floor = [(math.floor(across) + x, math.floor(down) + y) for x in (0, 1) for y in (0, 1)]
    return [dot for dot in floor if dot in drawn]


def test_of_ten_thousand_epochs_each_spike_is_drawn() -> None:
    values: list[float | None] = [1.0 + 0.001 * (epoch % 2) for epoch in range(10_000)]
    values[5_000], values[7_777] = 9.0, 0.0
    lines = panel(Plot("Loss", [curve(values)]), 80, 12, COLOURED)
    columns = 80 - axis(lines) - 1
    drawn = dots(lines)
    assert (round(5_000 / 9_999 * (2 * columns - 1)), 0) in drawn
    assert (round(7_777 / 9_999 * (2 * columns - 1)), 47) in drawn
    assert {x for x, _ in drawn} == set(range(2 * columns))  # and there is no hole


def test_a_curve_is_a_line_without_holes_and_nothing_beside_it() -> None:
    drawn = dots(panel(Plot("Loss", [curve([0.0, 1.0])]), 40, 5, COLOURED))
    assert len(drawn) == len({x for x, _ in drawn})
    for x, y in drawn:
        assert abs(y - 19 * (1 - x / max(x for x, _ in drawn))) <= 0.51


def test_what_was_not_measured_is_passed_and_what_is_not_finite_interrupts() -> None:
    passed = dots(panel(Plot("Loss", [curve([0.0, None, None, 3.0])]), 60, 6, COLOURED))
    assert {x for x, _ in passed} == set(range(max(x for x, _ in passed) + 1))
    values = [0.0, 1.0, math.nan, math.inf, 4.0, 5.0]
    lines = panel(Plot("Loss", [curve(list(values))]), 60, 6, COLOURED)
    assert "(2 not finite)" in plain(lines[0])
    last = max(x for x, _ in dots(lines))
    columns = {x for x, _ in dots(lines)}
    assert columns == {x for x in range(last + 1) if not round(last / 5) < x < round(4 * last / 5)}


def test_one_epoch_and_equal_values_are_drawn() -> None:
    one = panel(Plot("Loss", [curve([0.5])]), 40, 5, BRAILLE)
    assert "".join(area(one)).count("*") == 1
    flat = dots(panel(Plot("Loss", [curve([2.0] * 9)]), 40, 5, COLOURED))
    assert len({y for _, y in flat}) == 1
    assert len(flat) > 40


@pytest.mark.parametrize("values", [[], [None], [math.nan, math.inf]])
def test_nothing_is_drawn_of_nothing(values: list[float | None]) -> None:
    assert panel(Plot("Loss", [curve(values)]), 80, 12) == []


@pytest.mark.parametrize("values", [[0.0, 1.7e308], [5e-324, 0.0], [1e300, -1e300], [1.0, 1.0 + 1e-15], [-7.0, -7.0]])
def test_values_of_any_size_have_an_axis(values: list[float | None]) -> None:
    lines = panel(Plot("Loss", [curve(values)]), 60, 8, BRAILLE)
    assert len(lines) == 11
    assert max(map(width, lines)) <= 60


def test_the_labels_stand_where_their_values_are() -> None:
    lines = panel(Plot("Accuracy", [curve([n / 100 for n in range(101)])], percent=True), 80, 12, BRAILLE)
    labels = {line.split("┤")[0].strip(): row for row, line in enumerate(lines[1:]) if "┤" in line}
    assert labels == {f"{p}%": round(47 * (1 - p / 100)) // 4 for p in (0, 20, 40, 60, 80, 100)}
    bottom, epochs = lines[-2:]
    for label in re.finditer(r"\d+", epochs):
        epoch = int(label.group())
        cell = round(epoch / 100 * (2 * (80 - 1 - axis(lines)) - 1)) // 2 + axis(lines) + 1
        assert bottom[cell] == "┬"
        assert label.start() <= cell < label.end() + 1


@pytest.mark.parametrize("style", [COLOURED, BRAILLE, ASCII])
@pytest.mark.parametrize("columns", [24, 40, 80, 129, 130, 200])
@pytest.mark.parametrize("epochs", [1, 2, 30, 500])
def test_no_line_is_wider_than_it_may_be(row: Callable[..., Any], style: Style, columns: int, epochs: int) -> None:
    rows = [row(n, train_loss=1 / (n + 1), test_accuracy=n / 500, validation_loss=0.3) for n in range(epochs)]
    lines = [plain(line) for line in job_curves(rows, columns, 10, style, best=epochs // 2)]
    assert max(map(width, lines)) <= columns
    assert sum(line.count("best epoch") for line in lines) == 2
    assert (not style.unicode) == all(map(str.isascii, lines))
    assert columns > 130 or any(width(line) == columns for line in lines)


def test_without_colours_each_curve_has_its_marks(row: Callable[..., Any]) -> None:
    rows = [row(n, train_loss=1 / (n + 1), test_loss=2 / (n + 1) + 0.5) for n in range(50)]
    for style in (BRAILLE, ASCII):
        text = "\n".join(area(job_curves(rows, 80, 12, style)))
        assert text.count("*") > 3
        assert text.count("o") > 3
    assert not re.search("[*o]", "\n".join(area(job_curves(rows, 80, 12, COLOURED))))


def test_more_curves_than_colours_have_marks_as_well() -> None:
    series = [Series(f"job {n}", "abcdefgh"[n], COLOURS[n % len(COLOURS)], range(50), [n] * 50) for n in range(8)]
    text = "\n".join(map(plain, panel(Plot("Loss", series), 80, 12, COLOURED)))
    assert all(f"   {mark} job" in text for mark in "abcdefgh" if mark != "a")
    assert all(text.count(mark) > 2 for mark in "cdfgh")
    assert "━━" not in text


def test_jobs_are_drawn_over_each_other(comparison: Any) -> None:
    text = "\n".join(map(plain, comparison_curves(comparison, 80, 12, COLOURED)))
    assert "A digits-baseline 88.00%" in text
    assert r"B evil\x1b[31m (mean of 3) 90.00%" in text
    assert "Test loss" in text
    assert "\x1b" not in text
