"""Which commands there are, and how a command line is read. Only the parser of the command that is asked for is built:
that of all of them would take longer than the command."""

from __future__ import annotations

import argparse
import sys

from epochal.cli.failures import CommandError
from epochal.cli.width import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from epochal.cli.context import Context

    # By name, with the module below epochal.cli.commands that has it, and what it does.
    Section = Mapping[str, tuple[str, str]]

SECTIONS: Mapping[str, Section] = {
    "Jobs": {
        "submit": ("submitting", "submit a training job, and follow it"),
        "rerun": ("submitting", "submit a job again, with changes"),
        "ls": ("jobs", "list jobs"),
        "show": ("jobs", "show one job"),
        "watch": ("following", "follow a job until it ends, or everything that runs"),
        "logs": ("following", "print the log of a job, and follow it with -f"),
        "metrics": ("curves", "print every epoch of a job"),
        "plot": ("curves", "draw the curves of jobs, here or into a file"),
        "compare": ("curves", "show jobs side by side, and where their specs differ"),
        "diagnose": ("curves", "say what the curves of a job mean, and what to try"),
        "report": ("curves", "write the report on a job"),
        "cancel": ("verbs", "end jobs, and discard their weights"),
        "stop": ("verbs", "end jobs, and keep their weights"),
        "pause": ("verbs", "write a checkpoint, and free the device"),
        "resume": ("verbs", "go on with paused jobs"),
        "edit": ("verbs", "change the name, tags or priority of a job"),
        "rm": ("verbs", "delete jobs that have ended"),
    },
    "Data sets": {
        "datasets ls": ("datasets", "list what can be trained on"),
        "datasets check": ("datasets", "look through a folder or an archive before it is uploaded"),
        "datasets upload": ("datasets", "upload a folder, an archive or a table"),
        "datasets show": ("datasets", "show a data set, and what was found in it"),
        "datasets rm": ("datasets", "delete a data set, or a version of it"),
    },
    "Trained models": {
        "models ls": ("models", "list trained models"),
        "models show": ("models", "show a trained model"),
        "models download": ("models", "save a trained model"),
        "models predict": ("models", "say what is on pictures"),
        "models alias": ("models", "give a version of a model a name such as `production`"),
        "models rm": ("models", "delete a trained model"),
    },
    "Experiments": {
        "experiments ls": ("experiments", "list the ready-made questions"),
        "experiments run": ("experiments", "train what answers a question"),
        "experiments answer": ("experiments", "print the answer of a sweep"),
        "sweeps ls": ("experiments", "list sweeps"),
        "sweeps show": ("experiments", "show a sweep and its trials"),
        "sweeps cancel": ("experiments", "end the jobs of a sweep"),
        "sweeps rm": ("experiments", "delete a sweep and its jobs"),
    },
    "The service": {
        "recipes": ("service", "list named starting points for a spec"),
        "architectures": ("service", "list the networks that can be trained"),
        "workers": ("service", "list who trains"),
        "queue": ("service", "list what waits, and why"),
        "keys ls": ("keys", "list API keys"),
        "keys create": ("keys", "make an API key"),
        "keys revoke": ("keys", "take an API key back"),
        "projects ls": ("projects", "list projects, their use and their quotas"),
        "projects show": ("projects", "show one project"),
        "projects create": ("projects", "make a project"),
        "projects edit": ("projects", "change the quotas of a project"),
        "doctor": ("doctor", "say what is wrong, and how to mend it"),
        "up": ("up", "run the service on this machine"),
    },
    "This program": {
        "login": ("login", "remember the address of a service, and the key for it"),
        "logout": ("login", "forget the key"),
        "completion": ("program", "print the completion script for a shell"),
        "skill": ("program", "print one page for programs and agents"),
    },
}
COMMANDS: Mapping[str, tuple[str, str]] = {
    name: what for section in SECTIONS.values() for name, what in section.items()
}
GROUPS = frozenset(name.split()[0] for name in COMMANDS if " " in name)

FORMS = ("table", "json", "yaml", "csv")
TAKE_A_VALUE = ("--url", "--output")  # of the options that may stand before a command
_WIDEST = 100


class Command:
    """A command: what it does, what its help says, and how its own arguments are declared.

    `examples` are command lines with what they do. `has_forms`: its result can be printed as a table, JSON, YAML or
    CSV.
    """

    def __init__(
        self,
        run: Callable[[Context], int],
        about: str,
        examples: Sequence[tuple[str, str]],
        arguments: Callable[[Parser], None] = lambda _parser: None,
        *,
        has_forms: bool = True,
    ) -> None:
        self.run = run
        self.about = about
        self.examples = examples
        self.arguments = arguments
        self.has_forms = has_forms


class Parser(argparse.ArgumentParser):
    """Raises CommandError where argparse would print a usage and exit."""

    def error(self, message: str) -> NoReturn:
        """See `argparse.ArgumentParser.error`."""
        raise CommandError(message, f"`{self.prog} --help` shows how it is used, with examples.")

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(self.prog, max_help_position=28, width=_width())


def read(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command, and its arguments. Raises CommandError, and SystemExit where a help text was printed."""
    before, name, after = split(argv)
    if name is None:
        _without_command(before)
    if name not in COMMANDS:
        _print_group(name)
    command = find(name)
    return command, build(name, command).parse_args([*before, *after])


def split(argv: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """What stands before the name of the command, the name, and what stands behind it. Raises CommandError where there
    is no such command. Of a group of which no command is named, it is `ls`; where its help is asked for, the group."""
    place = 0
    while place < len(argv) and argv[place].startswith("-"):
        place += 2 if argv[place] in TAKE_A_VALUE else 1
    before, rest = list(argv[:place]), list(argv[place:])
    if not rest:
        return before, None, []
    word, rest = rest[0], rest[1:]
    if word not in GROUPS:
        return before, known(word), rest
    if rest and not rest[0].startswith("-"):
        return before, known(f"{word} {rest[0]}"), rest[1:]
    if {"-h", "--help"} & {*before, *rest}:
        return before, word, rest
    return before, f"{word} ls", rest


def known(name: str) -> str:
    """The name, if it is that of a command. Raises CommandError with the one that was probably meant."""
    if name in COMMANDS:
        return name
    import difflib

    group, _, word = name.partition(" ")
    if word:
        of_group = [each.split()[1] for each in COMMANDS if each.split()[0] == group and " " in each]
        meant = difflib.get_close_matches(word, of_group, n=1)
        hint = f"Did you mean `epochal {group} {meant[0]}`?" if meant else f"It has {', '.join(of_group)}."
    else:
        meant = difflib.get_close_matches(name, list(dict.fromkeys(each.split()[0] for each in COMMANDS)), n=1)
        hint = f"Did you mean `epochal {meant[0]}`?" if meant else "`epochal --help` lists the commands."
    raise CommandError(f"there is no command {name!r}", hint)


def find(name: str) -> Command:
    """The command of that name."""
    from importlib import import_module

    commands: Mapping[str, Command] = import_module(f"epochal.cli.commands.{COMMANDS[name][0]}").COMMANDS
    return commands[name]


def build(name: str, command: Command) -> Parser:
    """Its parser."""
    examples = "".join(f"\n  {line}\n      {what}\n" for line, what in command.examples)
    parser = Parser(
        prog=f"epochal {name}",
        description=_filled(command.about),
        epilog=f"examples:{examples}" if examples else None,
        allow_abbrev=False,
    )
    command.arguments(parser)
    everywhere = parser.add_argument_group("options of every command")
    everywhere.add_argument(
        "--url", metavar="ADDRESS", help="of the service, in place of EPOCHAL_URL and `epochal login`"
    )
    if command.has_forms:
        _add_forms(everywhere)
    return parser


def _filled(text: str) -> str:
    """In lines of the terminal's width; what is indented stays as it is."""
    from textwrap import fill

    return "\n".join(line if line.startswith(" ") else fill(line, _width()) for line in text.split("\n"))


def _add_forms(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output",
        choices=FORMS,
        metavar="FORM",
        help="table, json, yaml or csv (default: a table on a terminal, JSON lines elsewhere)",
    )
    group.add_argument(
        "--json", action="store_const", const="json", dest="output", help="the API's own object: --output json"
    )


def _without_command(before: Sequence[str]) -> NoReturn:
    if "--version" in before:
        from epochal.version import release

        sys.stdout.write(f"epochal {release()}\n")
        raise SystemExit(0)
    if not before or {"-h", "--help"} & set(before):
        sys.stdout.write(overview())
        raise SystemExit(0)
    raise CommandError("which command?", "`epochal --help` lists them.")


def _print_group(group: str) -> NoReturn:
    lines = _lines({name: what for name, what in COMMANDS.items() if name.split()[0] == group})
    sys.stdout.write(
        f"usage: epochal {group} COMMAND ...\n\n{lines}\n`epochal {group}` alone is `epochal {group} ls`.\n"
    )
    raise SystemExit(0)


def overview() -> str:
    """The help on the program as a whole."""
    sections = "\n".join(f"{title}\n{_lines(commands)}" for title, commands in SECTIONS.items())
    return f"""usage: epochal COMMAND ...

Train image classifiers on an Epochal service: submit, follow, compare.

  epochal login http://127.0.0.1:8000            where the service is
  epochal submit --dataset digits --epochs 5     train, and follow it
  epochal plot @last                             its curves

{sections}
A job is named by its id, the start of its id, its name, or @last: the one that was
submitted last. Every command has --help, with examples, and takes --url ADDRESS;
those that print data take --json and --output table|json|yaml|csv.
Exit codes: 0 done, 1 the job failed, 2 the command is wrong, 3 the service or the
key is wrong, 130 interrupted.
"""


def _lines(commands: Section) -> str:
    return "".join(f"  {name:<20}{what}\n" for name, (_, what) in commands.items())


def _width() -> int:
    """Of a help text. Argparse would import all of shutil to know."""
    return max(40, min(columns(sys.stdout), _WIDEST)) - 2
