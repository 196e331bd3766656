"""What is done to jobs that are there: cancel, stop, pause, resume, edit and delete."""

from __future__ import annotations

from epochal.cli.commands.arguments import add_job, add_jobs, add_yes
from epochal.cli.failures import CommandError
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0


def _act(context: Context, verb: str) -> int:
    """All jobs are found before the first is touched."""
    for job_id in context.jobs():
        _act_on(context, job_id, verb)
    return DONE


def _act_on(context: Context, job_id: str, verb: str) -> None:
    answer = context.one(lambda client: getattr(client.jobs, verb)(job_id))
    context.output.one(answer.raw, lambda: [said(answer.record)])


def said(job: Any) -> str:
    """What has become of it, or will."""
    from epochal.terminal.text import safe

    name = f" ({safe(job.name)})" if job.name else ""
    asked = f", asked to {job.requested}" if job.requested else ""
    return f"{job.id}{name}: {job.status}{asked}"


def _cancel(context: Context) -> int:
    return _act(context, "cancel")


def _stop(context: Context) -> int:
    return _act(context, "stop")


def _pause(context: Context) -> int:
    return _act(context, "pause")


def _resume(context: Context) -> int:
    return _act(context, "resume")


def _edit_arguments(parser: Parser) -> None:
    add_job(parser)
    parser.add_argument("--name", "-n", help="a label for people; '' takes it away")
    parser.add_argument("--description", metavar="TEXT", help="a text for people; '' takes it away")
    parser.add_argument(
        "--tag", "-t", action="append", metavar="TAG", help="all tags that it has from now on; '' for none"
    )
    parser.add_argument("--priority", type=int, metavar="0-9", help="higher goes first, while it waits")


def _edit(context: Context) -> int:
    asked = context.arguments
    tags = None if asked.tag is None else [tag for tag in asked.tag if tag]
    given = {"name": asked.name, "description": asked.description, "tags": tags, "priority": asked.priority}
    changes = {field: None if value == "" else value for field, value in given.items() if value is not None}
    if not changes:
        raise CommandError("what is to be changed?", "--name, --description, --tag or --priority say it.")
    job_id = context.job(asked.job)
    answer = context.one(lambda client: client.jobs.update(job_id, **changes))
    context.output.one(answer.raw, lambda: [said(answer.record)])
    return DONE


def _rm_arguments(parser: Parser) -> None:
    add_jobs(parser)
    add_yes(parser)


def _rm(context: Context) -> int:
    from epochal.cli.context import confirm

    job_ids = context.jobs()
    confirm(f"Delete {', '.join(job_ids)} with curves, checkpoints and weights?", is_agreed=context.arguments.yes)
    for job_id in job_ids:
        context.client.jobs.delete(job_id)
        context.output.note(f"{job_id}: deleted")
    return DONE


COMMANDS = {
    "cancel": Command(
        _cancel,
        "End jobs, and discard their weights. Those that run end after their current step.",
        [
            ("epochal cancel @last", "the job that was submitted last"),
            ("epochal cancel baseline wider", "two, by name"),
        ],
        add_jobs,
    ),
    "stop": Command(
        _stop,
        "End jobs after their current step, and keep the weights that they have.",
        [("epochal stop @last", "end it, and keep what it has learned")],
        add_jobs,
    ),
    "pause": Command(
        _pause,
        "Have jobs write a checkpoint and free their devices, until they are resumed.",
        [("epochal pause @last", "free the device for something else")],
        add_jobs,
    ),
    "resume": Command(
        _resume,
        "Queue paused jobs again. They go on from their checkpoints.",
        [("epochal resume @last", "go on where it was paused")],
        add_jobs,
    ),
    "edit": Command(
        _edit,
        "Change what people call a job, or when it runs. What it trains cannot be changed: see `epochal rerun`.",
        [("epochal edit @last --name baseline --tag report", "give it a name and a tag")],
        _edit_arguments,
    ),
    "rm": Command(
        _rm,
        "Delete jobs that have ended, with their curves, checkpoints and weights. It cannot be undone.",
        [("epochal rm baseline --yes", "without a question")],
        _rm_arguments,
        has_forms=False,
    ),
}
