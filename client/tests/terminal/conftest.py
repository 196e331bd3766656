"""Records as the API answers them, and a terminal to draw on."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from epochal.terminal.text import width
from epochal.types import (
    Attempt,
    BestEpoch,
    ComparedJob,
    Comparison,
    Curves,
    Difference,
    EpochRow,
    Job,
    JobDataset,
    JobLinks,
    Progress,
    QueuePlace,
    RunFacts,
    Spread,
    Spreads,
    Verdict,
)

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=timezone.utc)
TOKEN = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|[\s\S]")


class Emulator(io.StringIO):
    """A terminal with the control sequences that are used, which wraps lines anew when its width changes, and keeps the
    cursor on its character then, as today's do. It fails on any other sequence.
    """

    encoding = "utf-8"

    def __init__(self, columns: int = 80) -> None:
        super().__init__()
        self.columns = columns
        self.lines: list[str] = [""]  # as they were written, not as they are wrapped
        self.line, self.place = 0, 0
        self.cursor = True
        self.colours = False
        self.output = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.output += text
        for token in TOKEN.finditer(text):
            self._obey(token)
        return len(text)

    def _obey(self, token: re.Match[str]) -> None:
        mode, number, letter = token.groups()
        if letter is None:
            self._put(token.group())
        elif mode:
            assert (number, letter) in {("25", "h"), ("25", "l"), ("2026", "h"), ("2026", "l")}, token.group()
            self.cursor = letter == "h" if number == "25" else self.cursor
        elif letter == "A":
            for _ in range(int(number)):
                assert width(self.lines[self.line]) <= self.columns, "a line of the block is wrapped"
                self.line -= 1
            assert self.line >= 0, "above the first line"
        elif letter == "J":
            self.lines = [*self.lines[: self.line], self.lines[self.line][: self.place]]
        elif letter == "m":
            self.colours = True
        else:
            raise AssertionError(f"not a sequence that is used: {token.group()!r}")

    def _put(self, character: str) -> None:
        if character == "\n":
            self.line, self.place = self.line + 1, 0
            self.lines += [""] * (self.line + 1 - len(self.lines))
        elif character == "\r":
            self.place = 0  # of the line as it was written: the block's lines are never wrapped when this comes
        else:
            assert character >= " ", f"not a control character that is used: {character!r}"
            line = self.lines[self.line]
            self.lines[self.line] = line[: self.place] + character + line[self.place + 1 :]
            self.place += 1

    def rows(self) -> list[str]:
        """What is on the screen, wrapped at its width."""
        return [row for line in self.lines for row in _wrapped(line, self.columns)]

    def size(self) -> tuple[int, int]:
        return self.columns, 24


def _wrapped(line: str, columns: int) -> list[str]:
    rows, row = [], ""
    for character in line:
        if width(row + character) > columns:
            rows.append(row)
            row = ""
        row += character
    return [*rows, row]


@pytest.fixture
def terminal() -> Callable[..., Emulator]:
    """Makes a terminal of so many columns."""
    return Emulator


@pytest.fixture
def row() -> Callable[..., Any]:
    """Makes the row of an epoch."""
    return make_row


@pytest.fixture
def job() -> Callable[..., Any]:
    """Makes a job; queued, unless the fields say otherwise."""
    return make_job


@pytest.fixture
def attempt() -> Callable[..., Any]:
    """Makes an attempt that trains."""
    return make_attempt


@pytest.fixture
def best() -> Callable[..., Any]:
    """Makes the best epoch of a row."""
    return make_best


@pytest.fixture
def now() -> datetime:
    return NOW


LINKS: dict[str, Any] = {one.name: "" for one in dataclasses.fields(JobLinks)} | {"unknown_fields": None}


def make_row(epoch: int, **fields: Any) -> EpochRow:
    row = EpochRow(
        epoch=epoch,
        train_loss=0.5,
        train_accuracy=0.9,
        test_loss=0.25,
        test_accuracy=0.95,
        learning_rate=0.05,
        seconds=12.3,
        images_per_second=1234.4,
        attempt=1,
        recorded_at=NOW + timedelta(seconds=epoch),
    )
    return replace(row, **fields)


def make_attempt(number: int = 1, *, facts: Any = (), **fields: Any) -> Attempt:
    trained = RunFacts(
        device="cpu",
        precision="fp32",
        torch_version="2.15.0",
        threads=2,
        parameters=269_434,
        flops=40_000_000,
        classes=10,
        image_size=32,
        channels=3,
        train_images=1437,
        test_images=360,
        steps_per_epoch=23,
    )
    found = None if facts is None else replace(trained, **dict(facts))
    return replace(Attempt(number=number, worker="worker_a", started_at=NOW, facts=found), **fields)


def make_job(*, progress: dict[str, Any] | None = None, queue: str | None = None, **fields: Any) -> Job:
    reason = queue or "A slot is free: about to start."
    job = Job(
        id="job_01KB7Q4X2MZ8J5V6T7N9PQRSTU",
        project="default",
        name="digits-baseline",
        tags=(),
        priority=0,
        max_retries=3,
        repeats=1,
        spec={"dataset": "digits", "architecture": {"name": "resnet20"}},
        dataset=JobDataset(name="digits"),
        status="queued",
        created_at=NOW - timedelta(minutes=5),
        progress=Progress(**{"epochs": 3, "percent": 0.0, **(progress or {})}),
        attempts=(),
        links=JobLinks(**LINKS),
        queue=QueuePlace(position=1, code="about_to_start", reason=reason),
    )
    return replace(job, **fields)


def make_best(row: EpochRow) -> BestEpoch:
    values = {one.name: getattr(row, one.name) for one in dataclasses.fields(EpochRow)}
    return BestEpoch(**values, chosen_on="test")


FIRST, SECOND = "job_01KB7Q4X2MZ8J5V6T7N9PQRSTU", "job_01KB7Q4X2NZ8J5V6T7N9PQRSTU"


@pytest.fixture
def comparison() -> Comparison:
    """Two jobs side by side, of which the second has two repeats, a harmful name and no third epoch."""
    sentence = "One run each: nothing can be said about chance."
    return Comparison(
        epochs=(0, 1, 2),
        jobs=(
            _compared(FIRST, "digits-baseline", (0.5, 0.75, 0.88)),
            _compared(SECOND, "evil\x1b[31m", (0.6, 0.8, None), mean=(0.7, 0.9, None)),
        ),
        differences=(
            Difference(pointer="/optimizer/learning_rate", values={FIRST: 0.05, SECOND: 0.1}),
            Difference(pointer="/augmentation/cutout", values={FIRST: {"size": 8}}),
        ),
        verdicts=(
            Verdict(
                baseline=FIRST,
                job=SECOND,
                verdict="one_run",
                sentence=sentence,
                paired=False,
                runs=(1, 3),
                repeats_for={},
            ),
        ),
    )


def _compared(job_id: str, name: str, accuracies: tuple[Any, ...], mean: tuple[Any, ...] | None = None) -> ComparedJob:
    losses = tuple(None if value is None else 1 - value for value in accuracies)
    nothing = (None,) * len(accuracies)
    curves = dict.fromkeys((one.name for one in dataclasses.fields(Curves)), nothing) | {"unknown_fields": None}
    spread = Spread(count=(3,) * 3, mean=mean or (), deviation=nothing, low=nothing, high=nothing)
    spreads = dict.fromkeys((one.name for one in dataclasses.fields(Spreads)), spread) | {"unknown_fields": None}
    return ComparedJob(
        id=job_id,
        name=name,
        status="succeeded",
        best=make_best(make_row(1, test_accuracy=0.88)),
        repeats=3 if mean else 1,
        curves=Curves(**curves | {"train_loss": losses, "test_loss": losses, "test_accuracy": accuracies}),
        spreads=Spreads(**spreads) if mean else None,  # type: ignore[arg-type]
    )
