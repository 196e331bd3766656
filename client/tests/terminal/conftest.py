"""Records as the API answers them, and a terminal to draw on."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from epochal.terminal.text import width

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
                assert len(self.lines[self.line]) <= self.columns, "a line of the block is wrapped"
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
def now() -> datetime:
    return NOW


def make_row(epoch: int, **fields: Any) -> Any:
    splits = {"train_loss": 0.5, "train_accuracy": 0.9, "test_loss": 0.25, "test_accuracy": 0.95}
    rest = dict.fromkeys(
        ("test_top5_accuracy", "validation_loss", "validation_accuracy", "device_memory_bytes", "gradient_norm")
    )
    pace = {"learning_rate": 0.05, "seconds": 12.3, "images_per_second": 1234.4, "attempt": 1}
    return SimpleNamespace(**{"epoch": epoch, **splits, **rest, **pace, **fields})


def make_attempt(number: int = 1, **fields: Any) -> Any:
    facts = {
        "device": "cpu",
        "precision": "fp32",
        "parameters": 269_434,
        "classes": 10,
        "train_images": 1437,
        "validation_images": 0,
        "test_images": 360,
        "dropped_images": 0,
        "ignored_files": 0,
        "devices": 1,
    }
    own = {"number": number, "worker": "worker_a", "end_reason": None, "resumed_from": None}
    given = fields.pop("facts", {})
    return SimpleNamespace(**{**own, "facts": None if given is None else SimpleNamespace(**facts | given), **fields})


def make_job(**fields: Any) -> Any:
    place = {"epoch": None, "epochs": 3, "step": None, "steps_per_epoch": None, "percent": 0.0}
    progress = SimpleNamespace(**{**place, "estimated_finish": None, **fields.pop("progress", {})})
    own = {
        "id": "job_01KB7Q4X2MZ8J5V6T7N9PQRSTU",
        "name": "digits-baseline",
        "status": "queued",
        "requested": None,
        "created_at": NOW - timedelta(minutes=5),
        "started_at": None,
        "finished_at": None,
        "spec": SimpleNamespace(architecture=SimpleNamespace(name="resnet20")),
        "dataset": SimpleNamespace(name="digits"),
        "latest": None,
        "best": None,
        "attempts": (),
        "error": None,
        "queue": SimpleNamespace(position=1, code="about_to_start", reason="A slot is free: about to start."),
    }
    return SimpleNamespace(**{**own, "progress": progress, **fields})


@pytest.fixture
def comparison() -> Any:
    """Two jobs side by side, of which the second has two repeats, a harmful name and no third epoch."""
    return SimpleNamespace(
        epochs=(0, 1, 2),
        jobs=(
            _compared("job_01KB7Q4X2MZ8J5V6T7N9PQRSTU", "digits-baseline", (0.5, 0.75, 0.88)),
            _compared("job_01KB7Q4X2NZ8J5V6T7N9PQRSTU", "evil\x1b[31m", (0.6, 0.8, None), mean=(0.7, 0.9, None)),
        ),
        differences=(
            SimpleNamespace(
                pointer="/optimizer/learning_rate",
                values={"job_01KB7Q4X2MZ8J5V6T7N9PQRSTU": 0.05, "job_01KB7Q4X2NZ8J5V6T7N9PQRSTU": 0.1},
            ),
            SimpleNamespace(pointer="/augmentation/cutout", values={"job_01KB7Q4X2MZ8J5V6T7N9PQRSTU": {"size": 8}}),
        ),
        verdicts=(
            SimpleNamespace(
                baseline="job_01KB7Q4X2MZ8J5V6T7N9PQRSTU",
                job="job_01KB7Q4X2NZ8J5V6T7N9PQRSTU",
                verdict="one_run",
                sentence="One run each: nothing can be said about chance.",
            ),
        ),
    )


def _compared(job_id: str, name: str, accuracies: tuple[Any, ...], mean: tuple[Any, ...] | None = None) -> Any:
    losses = tuple(None if value is None else 1 - value for value in accuracies)
    curves = {"train_loss": losses, "test_loss": losses, "test_accuracy": accuracies}
    spreads = {name: SimpleNamespace(mean=mean) for name in ("test_loss", "test_accuracy")}
    best = SimpleNamespace(epoch=1, validation_accuracy=None, test_accuracy=0.88)
    return SimpleNamespace(
        id=job_id,
        name=name,
        status="succeeded",
        best=best,
        repeats=3 if mean else 1,
        curves=SimpleNamespace(**curves),
        spreads=SimpleNamespace(**spreads) if mean else None,
    )
