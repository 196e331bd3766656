"""docs/cli.md is true: it has every command, and its command lines work."""

import re
import shlex
from pathlib import Path

import pytest

from epochal.cli import failures
from epochal.cli.parser import COMMANDS, build, find, split
from epochal.cli.specs import DEFAULT_NAMES

PAGE = (Path(__file__).parent.parent / "docs" / "cli.md").read_text()
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


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_of_the_page_is_one(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else words
    before, name, after = split(words)
    assert name is not None
    assert name in COMMANDS
    build(name, find(name)).parse_args([*before, *after])


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
