"""API keys."""

from __future__ import annotations

from epochal.cli.commands.jobs import read_future
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0


def _keys_ls(context: Context) -> int:
    context.output.rows(context.rows(lambda client: client.keys.list()), "KEYS", "No keys.")
    return DONE


def _create_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="who or what uses it")
    parser.add_argument(
        "--scope",
        action="append",
        choices=("read", "train", "admin"),
        metavar="SCOPE",
        help="read, train (with read) or admin (with both); default: train",
    )
    parser.add_argument("--project", metavar="ID", help="another project than your own; for the operator")
    parser.add_argument(
        "--expires", type=read_future, metavar="TIME", help="when it stops working: 2027-01-31, or in 12h, 30d"
    )


def _keys_create(context: Context) -> int:
    asked = context.arguments
    answer = context.one(
        lambda client: client.keys.create(
            asked.name, asked.scope or ["train"], project=asked.project, expires_at=asked.expires
        )
    )
    context.output.one(answer.raw, lambda: [answer.record.key])
    context.output.note("The key is shown this once. Keep it where nobody else reads.")
    return DONE


def _revoke_arguments(parser: Parser) -> None:
    parser.add_argument("key", metavar="KEY_ID", help="as in `epochal keys`")


def _keys_revoke(context: Context) -> int:
    answer = context.one(lambda client: client.keys.delete(context.arguments.key))
    context.output.one(answer.raw, lambda: [f"{answer.record.id}: revoked"])
    return DONE


COMMANDS = {
    "keys ls": Command(
        _keys_ls,
        "List the API keys of your project, without their secrets. Needs the scope admin.",
        [("epochal keys", "who has access")],
    ),
    "keys create": Command(
        _keys_create,
        "Make an API key, and print it: it is shown this once. Needs the scope admin.",
        [
            ("epochal keys create notebook --scope train", "for somebody who trains"),
            ("epochal keys create grader --scope read --expires 2027-01-31", "for somebody who reads, for a while"),
        ],
        _create_arguments,
    ),
    "keys revoke": Command(
        _keys_revoke,
        "Take an API key back: it is refused from now on.",
        [("epochal keys revoke 4k2m9qpx", "its id, as in `epochal keys`")],
        _revoke_arguments,
    ),
}
