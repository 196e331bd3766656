"""`epochal ls` and `epochal show`."""

from __future__ import annotations

from epochal.cli.commands.arguments import STATUSES, add_job, add_limit
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0
PAGE = 100  # rows in one answer, at most
_SORTS = ("created_at", "finished_at", "name", "priority", "best_accuracy")


def _ls_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--status", action="append", choices=STATUSES, metavar="STATUS", help="once or more: " + ", ".join(STATUSES)
    )
    parser.add_argument("--dataset", "-d", metavar="NAME", help="only jobs on this data set")
    parser.add_argument("--architecture", "-a", metavar="NAME", help="only jobs with this network")
    parser.add_argument(
        "--tag", "-t", action="append", default=[], metavar="TAG", help="only jobs that have all of these"
    )
    parser.add_argument("--name", "-n", metavar="NAME", help="only jobs with exactly this name")
    parser.add_argument("--parent", metavar="ID", help="only jobs of this sweep or audit, or repeats of this job")
    parser.add_argument(
        "--since", type=read_past, metavar="TIME", help="only jobs since 2026-11-30, or within 2h, 3d, 45m"
    )
    parser.add_argument(
        "--sort",
        choices=[*_SORTS, *(f"-{name}" for name in _SORTS)],
        metavar="FIELD",
        help=f"{', '.join(_SORTS)}; --sort=-FIELD: the greatest first (default: -created_at)",
    )
    add_limit(parser, 50)


def _ls(context: Context) -> int:
    asked = context.arguments
    answers = context.rows(
        lambda client: client.jobs.list(
            status=asked.status or (),
            dataset=asked.dataset,
            architecture=asked.architecture,
            tags=asked.tag,
            name=asked.name,
            parent=asked.parent,
            created_after=asked.since,
            sort=asked.sort,
            limit=min(asked.limit + 1, PAGE) if asked.limit else PAGE,
        )
    )
    context.output.rows(
        context.limited(answers, asked.limit), "JOBS", "No jobs. `epochal submit --dataset digits` makes one."
    )
    return DONE


def _show(context: Context) -> int:
    job_id = context.job(context.arguments.job)
    answer = context.one(lambda client: client.jobs.retrieve(job_id))
    context.detail(answer, "job")
    return DONE


def read_past(text: str) -> datetime:
    """A time: of a clock, or how long ago."""
    return _time(text, -1)


def read_future(text: str) -> datetime:
    """A time: of a clock, or how long from now on."""
    return _time(text, 1)


def _time(text: str, direction: int) -> datetime:
    import argparse
    import re
    from datetime import datetime, timedelta, timezone

    span = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if span:
        unit = {"m": "minutes", "h": "hours", "d": "days"}[span[2]]
        return datetime.now(timezone.utc) + direction * timedelta(**{unit: int(span[1])})
    try:
        found = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: 2026-11-30, 2026-11-30T14:00, 45m, 2h or 3d") from None
    return found if found.tzinfo else found.astimezone()


COMMANDS = {
    "ls": Command(
        _ls,
        "List jobs, the newest first. All filters must match.",
        [
            ("epochal ls --status running --status queued", "what runs and what waits"),
            ("epochal ls --dataset digits --sort=-best_accuracy --limit 5", "the five best on digits"),
            ("epochal ls --tag report --json", "one JSON object a line, for programs"),
            ("epochal ls --output csv --limit 0", "every job, for a spreadsheet"),
        ],
        _ls_arguments,
    ),
    "show": Command(
        _show,
        "Show one job: how far it is, its best epoch, its spec, and why it failed or waits.",
        [
            ("epochal show @last", "the job that was submitted last"),
            ("epochal show baseline --json", "everything that the API says of it"),
        ],
        add_job,
    ),
}
