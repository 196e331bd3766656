"""Every command: found, explained, and as its examples say."""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path

import pytest
from cli.fake import Service
from cli.running import URL, Run

from epochal.cli.parser import COMMANDS, FORMS, GROUPS, SECTIONS, build, find
from epochal.cli.state import remember_job

# One becomes the service. The others need images and a service that takes them: tests/client/test_cli_live.py.
NOT_RUN = {"up", "datasets check", "datasets upload"}


def test_the_table_of_commands_is_that_of_the_modules() -> None:
    modules = {module for section in SECTIONS.values() for module, _ in section.values()}
    found = {name for module in modules for name in import_module(f"epochal.cli.commands.{module}").COMMANDS}
    assert found == set(COMMANDS)


def test_every_command_has_an_example_of_itself() -> None:
    assert [
        name
        for name in COMMANDS
        if not any(line.startswith(f"epochal {_short(name)}") for line, _ in find(name).examples)
    ] == []


def _short(name: str) -> str:
    return name.removesuffix(" ls")


def test_help_has_the_examples_and_fits_the_terminal(run: Run) -> None:
    for name in COMMANDS:
        told = run(*name.split(), "--help")
        assert (told.code, told.error) == (0, ""), name
        assert all(line in told.out and what in told.out for line, what in find(name).examples), name
        prose = told.out.split("\nexamples:")[0]
        assert [line for line in prose.splitlines() if len(line) > 80 and not line.startswith("  ")] == [], name


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NOT_RUN])
def test_every_example_of_a_help_text_works(run: Run, home: Path, service: Service, name: str) -> None:
    (home / "job.yaml").write_text("name: from a file\nspec: {dataset: digits, epochs: 3}\n")
    (home / "photo.png").write_bytes(b"\x89PNG")
    (home / "key.txt").write_text("epochal_1.secret\n")
    remember_job(URL, service.jobs[0]["id"])
    if name == "logout":
        run("login", "--key-stdin", typed="epochal_1.secret")
    for line, _ in find(name).examples:
        words, typed = command_in(line)
        told = run(*words, typed=typed)
        assert told.code == 0, (line, told.error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NOT_RUN and find(name).has_forms])
def test_every_example_has_every_form(run: Run, home: Path, service: Service, name: str, form: str) -> None:
    (home / "job.yaml").write_text("name: from a file\nspec: {dataset: digits, epochs: 3}\n")
    (home / "photo.png").write_bytes(b"\x89PNG")
    remember_job(URL, service.jobs[0]["id"])
    for line, _ in find(name).examples:
        words, typed = command_in(line)
        told = run(*words, "--output", form, typed=typed)
        assert told.code == 0, (line, told.error)


def command_in(line: str) -> tuple[list[str], str]:
    """The arguments of the command, and what is piped into it; what the shell does beside it is left out."""
    command = line.partition("epochal ")[2].partition(" | ")[0]
    command, _, file = command.partition(" < ")
    return shlex.split(command), Path(file).read_text() if file else ""


def test_the_overview_lists_every_command(run: Run) -> None:
    told = run()
    assert (told.code, told.error) == (0, "")
    assert [name for name, (_, what) in COMMANDS.items() if f"  {name} " not in told.out or what not in told.out] == []
    assert run("--help").out == told.out
    assert [line for line in told.out.splitlines() if len(line) > 85] == []


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_group_lists_its_commands_and_alone_lists_its_things(run: Run, service: Service, group: str) -> None:
    told = run(group, "--help")
    assert told.code == 0
    assert all(f"  {name} " in told.out for name in COMMANDS if name.split()[0] == group)
    assert service.requests == []
    assert run(group, "--json").code == 0
    assert service.requests[-1].url.path == f"/v1/{group}"


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["lss"], "there is no command 'lss'", "Did you mean `epochal ls`?"),
        (["qqq"], "there is no command 'qqq'", "`epochal --help` lists the commands."),
        (["dataset"], "there is no command 'dataset'", "Did you mean `epochal datasets`?"),
        (["datasets", "frob"], "there is no command 'datasets frob'", "It has ls, check, upload, show, rm."),
        (["models", "dowload"], "there is no command 'models dowload'", "Did you mean `epochal models download`?"),
        (["ls", "--bogus"], "unrecognized arguments: --bogus", "`epochal ls --help` shows"),
        (["ls", "--stat", "running"], "unrecognized arguments: --stat running", "`epochal ls --help` shows"),
        (["ls", "--limit", "-1"], "argument --limit: '-1' is no number from 0 on", "`epochal ls --help`"),
        (["models", "alias", "m", "a", "0"], "argument VERSION: '0' is no number from 1 on", "`epochal models alias"),
        (["ls", "--since", "soon"], "argument --since: 'soon' is no time", "`epochal ls --help`"),
        (["show"], "the following arguments are required: JOB", "`epochal show --help` shows"),
        (["--json"], "which command?", "`epochal --help` lists them."),
        (["submit"], "which data set?", "--dataset NAME"),
        (["compare", "baseline"], "one job cannot be compared", "two to ten"),
        (["plot", "baseline", "--output", "curves.gif"], "curves.gif: what kind of picture?", ".svg or .png"),
        (["datasets", "show", "pets@0"], "argument NAME[@VERSION]: 'pets@0' is neither", "--help"),
    ],
)
def test_a_wrong_command_is_a_line_and_a_hint(run: Run, argv: list[str], message: str, hint: str) -> None:
    told = run(*argv)
    assert (told.code, told.out) == (2, "")
    first, second = told.error.splitlines()
    assert first.startswith(f"epochal: error: {message}")
    assert second.startswith("hint: ")
    assert hint in second


def test_options_of_every_command_may_stand_before_it(run: Run, service: Service) -> None:
    assert run("--json", "--url", "http://other.test", "ls").out == run("ls", "--json").out
    assert [request.url.host for request in service.requests] == ["other.test", "service.test"]
    assert run("--help", "ls").out == run("ls", "--help").out


def test_each_command_has_the_options_of_every_command() -> None:
    for name in COMMANDS:
        command = find(name)
        options = {option for action in build(name, command)._actions for option in action.option_strings}
        assert {"--url", "--help"} <= options
        assert command.has_forms is ("--json" in options)


def test_the_page_for_programs_names_commands_that_there_are(run: Run) -> None:
    page = run("skill").out
    lines = [line.strip() for line in page.splitlines() if line.startswith("    epochal ")]
    assert len(lines) >= 8
    for line in lines:
        told = run(*shlex.split(line.partition(" #")[0])[1:])
        assert told.code == 0, (line, told.error)
