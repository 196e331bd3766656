"""What a service offers, and who works for it: recipes, architectures, workers and the queue."""

from __future__ import annotations

from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0


def _recipe_arguments(parser: Parser) -> None:
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="only this one, with its spec")


def _recipes(context: Context) -> int:
    name = context.arguments.recipe
    if name:
        answer = context.one(lambda client: client.recipes.retrieve(name))
        context.detail(answer, "recipe")
    else:
        context.output.rows(context.rows(lambda client: client.recipes.list()), "RECIPES", "No recipes.")
    return DONE


def _architectures(context: Context) -> int:
    answers = context.rows(lambda client: client.architectures.list())
    context.output.rows(answers, "ARCHITECTURES", "No architectures.")
    return DONE


def _workers(context: Context) -> int:
    answers = context.rows(lambda client: client.workers.list())
    context.output.rows(answers, "WORKERS", "No worker is connected: jobs wait. `epochal doctor` says more.")
    return DONE


def _queue(context: Context) -> int:
    context.output.rows(context.rows(lambda client: client.queue.list()), "QUEUE", "Nothing waits.")
    return DONE


COMMANDS = {
    "recipes": Command(
        _recipes,
        "List named starting points for a spec, with the best result that was measured with each.",
        [("epochal recipes", "all of them"), ("epochal recipes standard", "what it fills in")],
        _recipe_arguments,
    ),
    "architectures": Command(
        _architectures,
        "List the networks that can be trained, with their sizes.",
        [("epochal architectures", "names for --architecture")],
    ),
    "workers": Command(
        _workers,
        "List the connected workers: what they train on, how busy they are, and when they were seen last.",
        [("epochal workers", "who trains")],
    ),
    "queue": Command(
        _queue,
        "List the jobs that wait, in the order in which they are served, each with the reason.",
        [("epochal queue", "why is it not running?")],
    ),
}
