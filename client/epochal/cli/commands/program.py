"""What this program says of itself: completion scripts, and the page for those who drive it."""

from __future__ import annotations

from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0


def _completion_arguments(parser: Parser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")


def _completion(context: Context) -> int:
    from epochal.cli.scripts import SCRIPTS

    context.plain_output().text(SCRIPTS[context.arguments.shell])
    return DONE


def _skill(context: Context) -> int:
    from epochal.cli.skill import PAGE

    context.plain_output().text(PAGE)
    return DONE


COMMANDS = {
    "completion": Command(
        _completion,
        "Print the script that completes commands, flags, statuses, names and ids of jobs, data sets and models.\n"
        "  bash: echo 'source <(epochal completion bash)' >> ~/.bashrc\n"
        "  zsh:  echo 'source <(epochal completion zsh)' >> ~/.zshrc    (after compinit)\n"
        "  fish: epochal completion fish > ~/.config/fish/completions/epochal.fish",
        [("epochal completion bash", "print it")],
        _completion_arguments,
        has_forms=False,
    ),
    "skill": Command(
        _skill,
        "Print one page for a program or an agent that uses this command: what to call, what comes out, what never "
        "happens.",
        [("epochal skill", "read it before you drive this command")],
        has_forms=False,
    ),
}
