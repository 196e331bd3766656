"""The live table of what runs."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from epochal.terminal.screen import Screen
from epochal.terminal.text import Style, width
from epochal.terminal.watching import Watch

Make = Callable[..., Any]


@pytest.fixture
def looks(job: Make, attempt: Make, row: Make, now: datetime) -> list[list[Any]]:
    under_way = {"epoch": 2, "estimated_finish": now + timedelta(minutes=3)}
    runs = job(id="job_a", name="a", status="running", attempts=(attempt(),), progress=under_way, latest=row(1))
    return [[runs, job(id="job_b", name="日本")], [job(id="job_b", name="日本"), job(id="job_c", name="c\x1b[2J")]]


def test_the_table_follows_and_a_line_says_how_a_job_ended(
    looks: list[list[Any]], job: Make, terminal: Make, now: datetime
) -> None:
    stream = terminal(80)
    screen = Screen(stream, Style(), live=True, size=stream.size)
    ended = job(id="job_a", name="a", status="cancelled")
    watch = Watch({"job_a": ended}.get, screen=screen, clock=lambda: now)
    with screen:
        watch.show(looks[0])
        assert stream.rows() == [
            "JOB   STATUS   EPOCHS    LOSS  ACCURACY    LR  IMAGES/S     LEFT",
            "a     running     2/3  0.5000    95.00%  0.05     1,234  0:03:00",
            "日本  queued      0/3       -         -     -         -        -",
        ]
        stream.columns = 40
        watch.show(looks[1])
        assert stream.lines[0] == "a: Cancelled."
        assert [line.split() for line in stream.lines[1:]] == [
            ["JOB", "STATUS", "EPOCHS"],
            ["日本", "queued", "0/3"],
            [r"c\x1b[2J", "queued", "0/3"],
        ]
        watch.show([])
        assert stream.lines[-1] == "Nothing runs and nothing waits."
    assert stream.lines[-1] == ""


def test_more_jobs_than_rows_are_counted(job: Make, terminal: Make) -> None:
    stream = terminal(60)
    screen = Screen(stream, Style(), live=True, size=lambda: (60, 10))
    with screen:
        Watch(lambda _: None, screen=screen).show([job(id=f"job_{n}", name=f"n{n}") for n in range(30)])
        assert len(stream.lines) == 9
        assert stream.lines[-1] == "and 23 more"
        assert max(map(width, stream.lines)) < 60


def test_elsewhere_than_on_a_terminal_each_change_is_a_line(looks: list[list[Any]]) -> None:
    stream = io.StringIO()
    Watch(lambda _: None, screen=Screen(stream)).run([*looks, looks[1]])
    place = "Queued, place 1: A slot is free: about to start."
    first, *rest = stream.getvalue().splitlines()
    assert first.startswith("a: Training on cpu")
    assert rest == [f"日本: {place}", rf"c\x1b[2J: {place}"]


def test_a_job_that_is_missing_in_a_look_and_has_not_ended_is_not_told(
    looks: list[list[Any]], job: Make, terminal: Make
) -> None:
    """There may be more jobs than a look has."""
    stream = terminal(80)
    screen = Screen(stream, Style(), live=True, size=stream.size)
    with screen:
        watch = Watch({"job_a": looks[0][0]}.get, screen=screen)
        watch.show(looks[0])
        watch.show([])
        assert stream.lines == ["Nothing runs and nothing waits."]
