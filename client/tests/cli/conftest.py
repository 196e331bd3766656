"""The command run in this process, against a service in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# What these tests share is a module, wherever they run.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from cli.fake import Service  # noqa: E402
from cli.running import URL, Result, Run, Stream  # noqa: E402

from epochal.cli import main  # noqa: E402


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of somebody who has no settings yet; the working folder, too."""
    for name in [name for name in os.environ if name.startswith(("EPOCHAL_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("EPOCHAL_URL", URL)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def run(home: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("ls", "--json")`. With `terminal`, somebody sits in front of it; `typed` is the standard input."""

    def call(*argv: str, terminal: bool = False, typed: str = "") -> Result:
        streams = {name: Stream(is_terminal=terminal) for name in ("stdout", "stderr")}
        monkeypatch.setattr("sys.stdin", Stream(typed, is_terminal=terminal))
        for name, stream in streams.items():
            monkeypatch.setattr(f"sys.{name}", stream)
        code = main(list(argv), transport=service.transport())
        return Result(code, streams["stdout"].getvalue(), streams["stderr"].getvalue())

    return call
