"""`epochal watch` and `epochal logs`: what goes on, as it goes on."""

from __future__ import annotations

import sys
import time

from epochal.cli.commands.arguments import JOB_HELP, add_job
from epochal.cli.failures import JOB_FAILED, Detached
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epochal import Epochal
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser
    from epochal.types import Event, Job

DONE = 0
LOOK_SECONDS = 1.0  # between two looks at what is drawn in place
LOG_SECONDS = 2.0  # at least between two looks at a log: it comes as a whole
_ACTIVE = ("queued", "starting", "running", "paused")
_UNSUCCESSFUL = ("failed", "cancelled")
_MOST_WATCHED = 100  # in one answer


def follow(context: Context, job_id: str) -> int:
    """Show a job until it has ended. Raises Detached where it is interrupted: the job goes on."""
    client, enduring = context.patient().client, context.enduring().client
    try:
        if context.output.is_table and context.output.is_terminal:
            from epochal.terminal.following import Follow

            shown = Follow(
                lambda epoch: enduring.jobs.metrics(job_id, epoch),
                lambda event: enduring.jobs.events(job_id, after=event),
            )
            job = shown.run(client.jobs.poll(job_id, wait=LOOK_SECONDS))
        else:
            job = client.jobs.wait(job_id)
    except KeyboardInterrupt:
        raise Detached(f"{job_id} goes on. To come back: epochal watch {job_id}") from None
    return _ended(context, job)


def _ended(context: Context, job: Job) -> int:
    if not (context.output.is_table and context.output.is_terminal):
        answer = context.enduring().one(lambda client: client.jobs.retrieve(job.id))
        context.detail(answer, "job")
    return JOB_FAILED if job.status in _UNSUCCESSFUL else DONE


def _watch_arguments(parser: Parser) -> None:
    parser.add_argument("job", nargs="?", metavar="JOB", help=f"{JOB_HELP}; without: everything that runs or waits")


def _watch(context: Context) -> int:
    if context.arguments.job is not None:
        return follow(context, context.job(context.arguments.job))
    if not (context.output.is_table and context.output.is_terminal):
        answers = context.rows(lambda client: client.jobs.list(status=_ACTIVE))
        context.output.rows(answers, "RUNNING", "Nothing runs and nothing waits.")
        return DONE
    from epochal.terminal.watching import Watch

    enduring = context.enduring().client
    try:
        Watch(lambda job_id: _if_there(enduring, job_id)).run(_looks(context.patient().client, enduring))
    except KeyboardInterrupt:
        raise Detached("What runs goes on.") from None
    return DONE


def _looks(first: Epochal, then: Epochal) -> Iterator[Sequence[Job]]:
    """What runs and waits, again and again; the first look is taken by a client of its own."""
    client = first
    while True:
        yield client.jobs.list(status=_ACTIVE, limit=_MOST_WATCHED).data
        time.sleep(LOOK_SECONDS)
        client = then


def _if_there(client: Epochal, job_id: str) -> Job | None:
    """None where it was deleted meanwhile."""
    from epochal.errors import NotFoundError

    try:
        return client.jobs.retrieve(job_id)
    except NotFoundError:
        return None


def _logs_arguments(parser: Parser) -> None:
    add_job(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="print what comes, until the job has ended")


def _logs(context: Context) -> int:
    job_id = context.job(context.arguments.job)
    if context.arguments.output in ("json", "yaml", "csv"):
        return _events(context, job_id)
    if not context.arguments.follow:
        context.output.text(context.client.jobs.log(job_id))
        return DONE
    try:
        return _ended_log(_follow_log(context, job_id))
    except KeyboardInterrupt:
        raise Detached(f"{job_id} goes on. To come back: epochal logs -f {job_id}") from None


def _events(context: Context, job_id: str) -> int:
    """What happened to a job, as the API has it."""
    if not context.arguments.follow:
        context.output.rows(context.rows(lambda client: client.jobs.events(job_id)), "EVENTS", "")
        return DONE
    client = context.patient().client
    try:
        for event in _streamed(client, context.enduring().client, job_id):
            context.output.one(event.to_dict(), list)
            context.output.flush()
    except KeyboardInterrupt:
        raise Detached(f"{job_id} goes on. To come back: epochal logs -f {job_id}") from None
    return _ended_log(context.enduring().client.jobs.retrieve(job_id))


def _streamed(client: Epochal, enduring: Epochal, job_id: str) -> Iterator[Event]:
    """Each event once, as it happens. Where something in between holds a stream back, they are asked for."""
    from epochal.errors import StreamNotAvailableError

    told = 0
    try:
        for event in client.jobs.stream(job_id):
            told = event.id
            yield event
        return
    except StreamNotAvailableError:
        pass
    for _ in client.jobs.poll(job_id, wait=20.0):
        for event in enduring.jobs.events(job_id, after=told):
            told = event.id
            yield event


def _follow_log(context: Context, job_id: str) -> Job:
    """Print the log as it grows. An epoch that a later attempt measures again stands in the log in place of the first:
    then the log is printed from there on once more."""
    enduring = context.enduring().client
    printed, seen = "", None
    for job in context.patient().client.jobs.poll(job_id, wait=20.0):
        state = (job.status, job.progress.epoch, job.progress.step, len(job.attempts))
        if state == seen and not job.finished:
            continue
        seen = state
        text = enduring.jobs.log(job_id)
        if not text.startswith(printed):
            same = _same_lines(printed, text)
            context.output.note(f"Line {text[:same].count(chr(10)) + 1} and those after it were measured again:")
            printed = text[:same]
        context.output.text(text[len(printed) :])
        context.output.flush()
        printed = text
        if not job.finished:
            time.sleep(LOG_SECONDS)
    return job


def _same_lines(one: str, other: str) -> int:
    """Characters of the whole lines that both begin with."""
    same = 0
    for line, beside in zip(one.splitlines(keepends=True), other.splitlines(keepends=True), strict=False):
        if line != beside:
            break
        same += len(line)
    return same


def _ended_log(job: Job) -> int:
    if job.status in _UNSUCCESSFUL:
        from epochal.cli.failures import say

        sys.stdout.flush()
        say(f"{job.id}: {job.status}" + (f": {job.error.message} {job.error.hint}" if job.error else ""))
        return JOB_FAILED
    return DONE


COMMANDS = {
    "watch": Command(
        _watch,
        "Follow a job until it ends: every epoch, and below them how far it is. Ctrl-C leaves it running. "
        "Elsewhere than on a terminal, wait silently and print the job when it has ended. The exit code is 1 if it "
        "failed or was cancelled. Without JOB, show everything that runs or waits, again and again.",
        [
            ("epochal watch @last", "the job that was submitted last"),
            ("epochal watch", "everything, on a terminal"),
            ("epochal watch baseline --json", "wait, and print the API's own object"),
        ],
        _watch_arguments,
    ),
    "logs": Command(
        _logs,
        "Print the losses and accuracies of a job as text, in the form of the lab exercise. With --json, print what "
        "happened to it, an event a line; with -f, go on until it has ended.",
        [
            ("epochal logs @last", "up to now"),
            ("epochal logs -f @last", "and on, until it ends; also through a pipe"),
            ("epochal logs -f @last --json", "each event as it happens, for programs"),
        ],
        _logs_arguments,
    ),
}
