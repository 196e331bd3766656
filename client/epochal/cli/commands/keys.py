"""API keys, and projects, which are the tenants."""

from __future__ import annotations

from epochal.cli.commands.jobs import read_time
from epochal.cli.failures import CommandError
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0
_QUOTAS = {
    "max_running_jobs": (int, "N", "further jobs wait"),
    "max_queued_jobs": (int, "N", "beyond it no job is accepted"),
    "max_storage_bytes": (int, "BYTES", "checkpoints, weights and data sets together"),
    "max_device_hours": (float, "HOURS", "of all devices, in a calendar month"),
}


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
    parser.add_argument("--expires", type=read_time, metavar="TIME", help="when it stops working, such as 2027-01-31")


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


def _projects_ls(context: Context) -> int:
    context.output.rows(context.rows(lambda client: client.projects.list()), "PROJECTS", "No projects.")
    return DONE


def _project_argument(parser: Parser) -> None:
    parser.add_argument("project", metavar="PROJECT", help="its id")


def _projects_show(context: Context) -> int:
    context.detail(context.one(lambda client: client.projects.retrieve(context.arguments.project)), "project")
    return DONE


def _quota_arguments(parser: Parser) -> None:
    _project_argument(parser)
    for name, (kind, metavar, text) in _QUOTAS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=_or_none(kind), metavar=metavar, help=f"{text}; none for no limit"
        )


def _or_none(kind: type) -> Any:
    def read(text: str) -> Any:
        return "none" if text == "none" else kind(text)

    read.__name__ = "number"  # what argparse says that it expects
    return read


def _quotas(context: Context) -> dict[str, Any]:
    given = {name: getattr(context.arguments, name) for name in _QUOTAS}
    return {name: None if value == "none" else value for name, value in given.items() if value is not None}


def _projects_create(context: Context) -> int:
    quotas = _quotas(context)
    context.detail(context.one(lambda client: client.projects.create(context.arguments.project, **quotas)), "project")
    return DONE


def _projects_edit(context: Context) -> int:
    quotas = _quotas(context)
    if not quotas:
        raise CommandError("which quota is to be changed?", "`epochal projects edit --help` lists them.")
    context.detail(context.one(lambda client: client.projects.update(context.arguments.project, **quotas)), "project")
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
    "projects ls": Command(
        _projects_ls,
        "List your project, or for the operator all, with what they use and may use.",
        [("epochal projects", "how much is left of the quotas?")],
    ),
    "projects show": Command(
        _projects_show,
        "Show one project.",
        [("epochal projects show default", "its use and its quotas")],
        _project_argument,
    ),
    "projects create": Command(
        _projects_create,
        "Make a project, with quotas. Only the operator can.",
        [("epochal projects create course --max-running-jobs 4", "for a class, which trains four jobs at once")],
        _quota_arguments,
    ),
    "projects edit": Command(
        _projects_edit,
        "Change the quotas of a project. Only the operator can.",
        [("epochal projects edit course --max-device-hours none", "take a limit away")],
        _quota_arguments,
    ),
}
