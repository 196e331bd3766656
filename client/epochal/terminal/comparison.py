"""Jobs side by side: what they reached, in what their specs differ, and whether the difference is more than chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from epochal.terminal import formats
from epochal.terminal.columns import accuracy, status_colour
from epochal.terminal.tables import KEPT, Column, number, table
from epochal.terminal.text import PLAIN, Style, safe, wrap

if TYPE_CHECKING:
    from epochal.types import Comparison

_UNSAID = object()  # a job whose spec has no such field


def letter(place: int) -> str:
    """What stands for a job, by its place among those that are compared: A to Z, then A2 and so on."""
    round_, rest = divmod(place, 26)
    return chr(ord("A") + rest) + (str(round_ + 1) if round_ else "")


def comparison_lines(comparison: Comparison, width: int | None = None, style: Style = PLAIN) -> list[str]:
    """The comparison as text: a table of the jobs, one of the differences of their specs, and the verdicts."""
    lines = table(list(enumerate(comparison.jobs)), JOBS, width, style=style)
    lines += ["", *_differences(comparison, width, style)]
    for verdict in verdict_lines(comparison):
        lines += ["", *(wrap(verdict, width) if width else [verdict])]
    return lines


def verdict_lines(comparison: Comparison) -> list[str]:
    """What can be said of each job and the first, in a line for each."""
    return [safe(f"{_who(comparison, verdict)}: {verdict.sentence}") for verdict in comparison.verdicts]


def difference_rows(comparison: Comparison) -> list[list[str]]:
    """Each field in which the specs differ, with its value in each job."""
    return [
        [_field(difference), *(_value(difference.values.get(job.id, _UNSAID)) for job in comparison.jobs)]
        for difference in comparison.differences
    ]


def _who(comparison: Comparison, verdict: Any) -> str:
    places = {job.id: letter(place) for place, job in enumerate(comparison.jobs)}
    return f"{places.get(verdict.baseline, verdict.baseline)} and {places.get(verdict.job, verdict.job)}"


def _differences(comparison: Comparison, width: int | None, style: Style) -> list[str]:
    if not comparison.differences:
        return ["Their specs do not differ."]
    titles = [letter(place) for place in range(len(comparison.jobs))]
    columns = [_nth("SPEC", 0, KEPT, 20), *(_nth(title, place, 7, 6) for place, title in enumerate(titles, start=1))]
    return table(difference_rows(comparison), columns, width, style=style)


def _nth(title: str, place: int, rank: int, least: int) -> Column:
    return Column(title, lambda row, _: row[place], rank, least=least)


def _field(difference: Any) -> str:
    """A field's name, as `--set` of the command line takes it."""
    pointer: str = difference.pointer
    return pointer.strip("/").replace("/", ".")


def _value(value: object) -> str:
    if value is _UNSAID:
        return formats.NONE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def last(values: Sequence[float | None]) -> float | None:
    """The last value that there is."""
    return next((value for value in reversed(values) if value is not None), None)


def _best_epoch(job: Any) -> int | None:
    return job.best.epoch if job.best else None


def _job(title: str, value: Any, rank: int) -> Column:
    """A column of figures of the pairs of a place and a job."""
    return number(title, lambda pair, _: value(pair[1]), rank)


JOBS = (
    Column("", lambda pair, _: letter(pair[0]), KEPT, least=1),
    Column("NAME", lambda pair, _: pair[1].name, 8, least=16),
    Column("ID", lambda pair, _: pair[1].id, KEPT, id=True),
    Column("STATUS", lambda pair, _: pair[1].status, 5, colour=lambda pair: status_colour(pair[1])),
    _job("RUNS", lambda job: job.repeats, 4),
    _job("TRAIN LOSS", lambda job: formats.loss(last(job.curves.train_loss)), 4),
    _job("TEST LOSS", lambda job: formats.loss(last(job.curves.test_loss)), 5),
    _job("LAST", lambda job: formats.percent(last(job.curves.test_accuracy)), 6),
    _job("BEST", lambda job: formats.percent(accuracy(job.best)), 8),
    _job("IN EPOCH", _best_epoch, 6),
)
