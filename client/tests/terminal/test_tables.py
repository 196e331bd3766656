"""Tables have the width that they may have, and say what matters most."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from epochal import types
from epochal.terminal import columns, formats
from epochal.terminal.comparison import comparison_lines, letter
from epochal.terminal.tables import Column, number, table
from epochal.terminal.text import Style, width

ID, OTHER = "job_01KB7Q4X2MZ8J5V6T7N9PQRSTU", "job_01KB7Q4X2NZ8J5V6T7N9PQRSTV"


@pytest.fixture
def jobs(job: Callable[..., Any], row: Callable[..., Any], best: Callable[..., Any], now: datetime) -> list[Any]:
    latest = best(row(1, test_accuracy=0.9312))
    return [
        job(status="running", progress={"epoch": 2, "estimated_finish": now + timedelta(minutes=3)}, best=latest),
        job(
            id=OTHER,
            name="日本語の名前がとても長いジョブです",
            status="succeeded",
            finished_at=now - timedelta(hours=3),
        ),
        job(id="job_01KB000000Z8J5V6T7N9PQRSTV", name="evil\x1b[31m\nname", status="failed"),
        job(id="job_01KB000001Z8J5V6T7N9PQRSTV", name=None),
    ]


@pytest.mark.parametrize("most", [20, 30, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("colours", [False, True])
def test_no_line_is_wider_than_the_table_may_be(jobs: list[Any], now: datetime, most: int, *, colours: bool) -> None:
    lines = table(jobs, columns.JOBS, most, style=Style(colours=colours), now=now)
    bare = [line.replace("\x1b[0m", "").replace("\x1b[1m", "") for line in lines]
    for code in ("31", "32", "36"):
        bare = [line.replace(f"\x1b[{code}m", "") for line in bare]
    assert len(bare) == 5
    assert max(map(width, bare)) <= most
    assert "\x1b" not in "".join(bare)


def test_the_least_important_goes_first(jobs: list[Any], now: datetime) -> None:
    titles = {most: table(jobs, columns.JOBS, most, now=now)[0].split() for most in (200, 80, 60)}
    assert titles[200] == ["ID", "NAME", "STATUS", "EPOCHS", "BEST", "ARCHITECTURE", "DATASET", "WHEN"]
    assert titles[80] == ["ID", "NAME", "STATUS", "EPOCHS", "BEST", "WHEN"]
    assert titles[60] == ["ID", "NAME", "STATUS", "BEST"]


def test_columns_are_aligned_by_cells_and_numbers_on_the_right(jobs: list[Any], now: datetime) -> None:
    assert table(jobs, columns.JOBS, 100, now=now) == [
        "ID              NAME                  STATUS     EPOCHS    BEST  ARCHITECTURE  DATASET  WHEN",
        "job_01KB7Q4X2M  digits-baseline       running       2/3  93.12%  resnet20      digits   0:03:00 left",
        "job_01KB7Q4X2N  日本語の名前がとて…   succeeded     3/3       -  resnet20      digits   3 h ago",
        r"job_01KB000000  evil\x1b[31m name     failed        0/3       -  resnet20      digits   5 min ago",
        "job_01KB000001  -                     queued        0/3       -  resnet20      digits   5 min ago",
    ]


def test_a_cut_id_names_its_job_among_the_others(jobs: list[Any], now: datetime) -> None:
    for most in (40, 60, 80):
        ids = [line.split()[0] for line in table(jobs, columns.JOBS, most, now=now)[1:]]
        assert len(set(ids)) == 4
        assert all(job.id.startswith(cut) for job, cut in zip(jobs, ids, strict=True))
        assert max(map(len, ids)) < 20
    twins = [jobs[0], replace(jobs[1], id=ID[:-1] + "V")]
    assert [line.split()[0] for line in table(twins, columns.JOBS, 60, now=now)[1:]] == [ID, ID[:-1] + "V"]


def test_what_no_record_says_is_left_out(row: Callable[..., Any]) -> None:
    assert "VAL" not in table([row(0)], columns.METRICS)[0]
    assert "VAL LOSS  VAL ACC" in table([row(0, validation_loss=0.5, validation_accuracy=0.5)], columns.METRICS)[0]
    assert table([], columns.METRICS) == []


def test_what_is_left_out_makes_room_for_what_was_narrowed() -> None:
    rows = [SimpleNamespace(a="a" * 30, b="b" * 30)]
    two = [Column("A", lambda row, _: row.a, 8, least=10), number("B", lambda row, _: row.b, 2)]
    assert table(rows, two, 35)[1] == "a" * 30
    assert table(rows, two, 44)[1] == "a" * 11 + "…" + "  " + "b" * 30


def test_a_comparison_names_what_differs_and_what_was_reached(comparison: Any) -> None:
    assert comparison_lines(comparison, 80) == [
        "   NAME             ID              TEST LOSS    LAST    BEST  IN EPOCH",
        "A  digits-baseline  job_01KB7Q4X2M     0.1200  88.00%  88.00%         1",
        r"B  evil\x1b[31m     job_01KB7Q4X2N     0.2000  80.00%  88.00%         1",
        "",
        "SPEC                     A            B",
        "optimizer.learning_rate  0.05         0.1",
        'augmentation.cutout      {"size": 8}  -',
        "",
        "A and B: One run each: nothing can be said about chance.",
    ]
    assert [letter(place) for place in (0, 25, 26)] == ["A", "Z", "A2"]


def test_figures_and_times_are_readable(now: datetime) -> None:
    assert [formats.size(value) for value in (999, 1000, 99_499, 99_500, 999_499_999, 999_500_000)] == [
        "999 B", "1.0 kB", "99.5 kB", "100 kB", "999 MB", "1.0 GB",
    ]  # fmt: skip
    ago = [formats.ago(now - timedelta(seconds=seconds), now) for seconds in (0.5, 89, 90, 5399, 5400, 129_600, -300)]
    assert ago == ["now", "89 s ago", "2 min ago", "90 min ago", "2 h ago", "2 days ago", "in 5 min"]
    assert [formats.loss(value) for value in (None, float("nan"), 2.30259, 123456.0)] == [
        "-",
        "nan",
        "2.3026",
        "1.23e+05",
    ]


def sample(hint: Any, now: datetime) -> Any:
    """A value of a record's field, or a record."""
    origin, within = get_origin(hint), [one for one in get_args(hint) if one not in (type(None), ...)]
    if origin is Literal:
        return within[0]
    if origin is tuple:
        return tuple(sample(one, now) for one in within)
    if within and origin is not dict:  # a union
        return sample(within[0], now)
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{one.name: sample(hints[one.name], now) for one in dataclasses.fields(hint)})  # type: ignore[operator]
    known = {str: "text", int: 1, float: 0.5, bool: True, datetime: now, date: now.date(), dict: {}}
    return known[origin or hint]


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        (columns.METRICS, types.EpochRow),
        (columns.WORKERS, types.Worker),
        (columns.QUEUE, types.QueuedJob),
        (columns.DATASETS, types.Dataset),
        (columns.VERSIONS, types.DatasetVersionSummary),
        (columns.MODELS, types.TrainedModelSummary),
        (columns.RECIPES, types.Recipe),
        (columns.KEYS, types.Key),
        (columns.PROJECTS, types.Project),
        (columns.EVENTS, types.Event),
        (columns.CHECKPOINTS, types.Checkpoint),
    ],
)
def test_each_table_shows_its_records_and_those_with_little_in_them(
    now: datetime, shown: tuple[Column, ...], kind: Any
) -> None:
    full = sample(kind, now)
    optional = {one.name: None for one in dataclasses.fields(kind) if one.default is None}
    lines = table([full, replace(full, **optional)], shown, now=now)
    assert len(lines) == 3
    assert all(column.title in lines[0] for column in shown)
