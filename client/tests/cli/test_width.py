"""What is printed is as wide as the terminal: a real one, since nothing else says how wide it is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from epochal.cli.output import Output
from epochal.cli.width import columns

fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")


@pytest.fixture(params=[40, 80, 200])
def terminal(request: pytest.FixtureRequest) -> Iterator[tuple[int, TextIO]]:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, request.param, 0, 0))
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb"):
        yield request.param, stream


@pytest.mark.parametrize("said", [None, "", "wide", "0", "-3"])
def test_a_table_is_as_wide_as_the_terminal(
    terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if said is not None:
        monkeypatch.setenv("COLUMNS", said)
    width, stream = terminal
    assert Output(stream, None).width == width
    monkeypatch.setenv("COLUMNS", "60")
    assert Output(stream, None).width == 60


def test_without_a_terminal_it_is_eighty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    with (tmp_path / "file").open("w") as stream:
        assert columns(stream) == 80


def test_a_help_text_fits_the_terminal(terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    width, stream = terminal
    program = "import sys; from epochal.cli.parser import _width; sys.stderr.write(str(_width()))"
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        stdout=stream,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert int(told.stderr) == min(width, 100) - 2
