"""Projects, which are the tenants, and their quotas."""

from __future__ import annotations

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
