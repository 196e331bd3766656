"""docs/cli.md is true: it has every command, and its command lines work."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from api.schemas.submission import JobCreate
from epochal.cli import failures, main
from epochal.cli.documents import read_document
from epochal.cli.parser import COMMANDS
from epochal.cli.specs import DEFAULT_NAMES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "cli.md").read_text()
BLOCKS = "\n".join(re.findall(r"^```sh$(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LINES = [line for line in BLOCKS.splitlines() if line.startswith("epochal ")]


def test_the_page_lists_every_command_and_no_other() -> None:
    table = PAGE.split("## Commands")[1].split("## Completion")[0]
    listed = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        first, *more = re.findall(r"`([a-z ]+)`", row)
        group = first.split()[0] if " " in first else ""
        listed |= {first, *(f"{group} {name}".strip() for name in more)}
    assert listed == set(COMMANDS)


def test_the_command_lines_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, with a made-up service; tests/client/test_cli_live.py has the real one."""
    monkeypatch.syspath_prepend(ROOT / "client" / "tests")
    fake: Any = import_module("cli.fake")
    service = fake.Service()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EPOCHAL_URL", "http://127.0.0.1:8000")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    for line in LINES:
        words = shlex.split(line, comments=True)[1:]
        words = words[: words.index(">")] if ">" in words else words
        assert main(words, transport=service.transport()) == 0, line
    assert {"curves.svg", "report.html"} <= {file.name for file in tmp_path.iterdir()}


def test_a_job_in_a_file_of_the_page_is_one(tmp_path: Path) -> None:
    [text] = re.findall(r"^```yaml$(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "job.yaml").write_text(text)
    JobCreate.model_validate(read_document(str(tmp_path / "job.yaml")))


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == {
        *(failures.DONE, failures.JOB_FAILED, failures.USAGE, failures.SERVICE, failures.INTERRUPTED)
    }


def test_the_defaults_are_those_of_the_program() -> None:
    assert all(f"`{part}` is `{name}`" in PAGE for part, name in DEFAULT_NAMES.items())


def test_the_quick_start_has_ten_lines_and_the_exercise_five() -> None:
    start, exercise = (PAGE.split(heading)[1].split("```")[1] for heading in ("## Quick start", "## The exercise"))
    assert start.count("\nepochal ") == 10
    assert exercise.count("\nepochal ") == 5
