"""What a job has measured: its epochs, their curves, several jobs side by side, and what it all means."""

from __future__ import annotations

from pathlib import Path

from epochal.cli.commands.arguments import add_job, add_jobs, count
from epochal.cli.failures import CommandError
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser
    from epochal.types import Comparison

DONE = 0
_MOST_COMPARED = 10


def _metrics_arguments(parser: Parser) -> None:
    add_job(parser)
    parser.add_argument("--after-epoch", type=count, metavar="N", help="only epochs after this one; they count from 0")
    parser.add_argument("--max-points", type=count, metavar="N", help="only the epochs that a chart needs")
    parser.add_argument("--steps", action="store_true", help="the loss of every recorded step in place of the epochs")


def _metrics(context: Context) -> int:
    asked = context.arguments
    job_id = context.job(asked.job)
    after = -1 if asked.after_epoch is None else asked.after_epoch
    if asked.steps:
        steps = context.rows(lambda client: client.jobs.steps(job_id, after, max_points=asked.max_points))
        context.output.rows(steps, "STEPS", "No steps were recorded yet.")
        return DONE
    epochs = context.rows(lambda client: client.jobs.metrics(job_id, after, max_points=asked.max_points))
    context.output.rows(epochs, "METRICS", "No epoch was measured yet.")
    return DONE


def _plot_arguments(parser: Parser) -> None:
    add_jobs(parser)
    parser.add_argument("--output", "-o", metavar="FILE", help="draw into FILE.svg or FILE.png; one job only")


def _plot(context: Context) -> int:
    job_ids = context.jobs()
    if context.arguments.output:
        return _picture(context, job_ids, Path(context.arguments.output))
    output = context.plain_output()
    from epochal.terminal.curves import comparison_curves, job_curves

    if len(job_ids) == 1:
        rows = context.client.jobs.metrics(job_ids[0])
        lines = job_curves(rows, width=output.width, style=output.style)
    else:
        lines = comparison_curves(_compared(context, job_ids), width=output.width, style=output.style)
    output.lines(lines)
    if not lines:
        output.note("No epoch was measured yet.")
    return DONE


def _picture(context: Context, job_ids: list[str], path: Path) -> int:
    form = path.suffix.lower().lstrip(".")
    if form not in ("svg", "png"):
        raise CommandError(f"{path}: what kind of picture?", "The name of the file ends in .svg or .png.")
    if len(job_ids) > 1:
        raise CommandError(
            "a picture has one job", "`epochal compare` and `epochal plot` without --output show several."
        )
    write_file(path, context.client.jobs.curves(job_ids[0], form))  # type: ignore[arg-type]  # one of the two
    return DONE


def write_file(path: Path, content: bytes) -> None:
    """A file that appears only when it is complete. Raises OSError."""
    import os
    import tempfile

    try:
        number, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _compare(context: Context) -> int:
    job_ids = context.jobs()
    if len(job_ids) < 2:
        raise CommandError("one job cannot be compared", "Name from two to ten different jobs.")
    answer = context.one(lambda client: client.compare(job_ids, max_points=context.arguments.max_points))

    def draw() -> list[str]:
        from epochal.terminal.comparison import comparison_lines

        width = context.output.width if context.output.is_terminal else None
        return comparison_lines(answer.record, width, context.output.style)

    context.output.one(answer.raw, draw)
    return DONE


def _compared(context: Context, job_ids: list[str]) -> Comparison:
    if len(job_ids) > _MOST_COMPARED:
        raise CommandError(f"{len(job_ids)} jobs are too many for one plot", f"At most {_MOST_COMPARED}.")
    return context.client.compare(job_ids)


def _compare_arguments(parser: Parser) -> None:
    add_jobs(parser)
    parser.add_argument("--max-points", type=count, metavar="N", help="epochs at most, in JSON")


def _diagnose(context: Context) -> int:
    job_id = context.job(context.arguments.job)
    context.detail(context.one(lambda client: client.jobs.diagnosis(job_id)), "diagnosis")
    return DONE


def _report_arguments(parser: Parser) -> None:
    add_job(parser)
    parser.add_argument(
        "--output", "-o", metavar="FILE", help="FILE.html or FILE.md (default: Markdown to the standard output)"
    )
    parser.add_argument("--sweep", action="append", default=[], metavar="ID", help="with the answer of this sweep")


def _report(context: Context) -> int:
    asked = context.arguments
    path = Path(asked.output) if asked.output else None
    form = path.suffix.lower().lstrip(".") if path else "md"
    if form not in ("html", "md"):
        raise CommandError(f"{path}: what kind of report?", "The name of the file ends in .html or .md.")
    job_id = context.job(asked.job)
    text = context.client.jobs.report(job_id, form, sweeps=asked.sweep)  # type: ignore[arg-type]  # one of the two
    if path:
        write_file(path, text.encode())
    else:
        context.plain_output().text(text)
    return DONE


COMMANDS = {
    "metrics": Command(
        _metrics,
        "Print every epoch of a job: losses, accuracies, learning rate, time and speed.",
        [
            ("epochal metrics @last", "as a table"),
            ("epochal metrics @last --steps", "the loss of every recorded step"),
            ("epochal metrics @last --output csv", "for a spreadsheet or pandas"),
            ("epochal metrics @last --json --after-epoch 12", "what is new since epoch 12"),
        ],
        _metrics_arguments,
    ),
    "plot": Command(
        _plot,
        "Draw loss and accuracy over the epochs, here in the terminal, of one job or of several together.",
        [
            ("epochal plot @last", "here"),
            ("epochal plot baseline wider", "two in one picture"),
            ("epochal plot @last --output curves.svg", "into a file"),
        ],
        _plot_arguments,
        has_forms=False,
    ),
    "compare": Command(
        _compare,
        "Show from two to ten jobs side by side: what they reached, where their specs differ, and whether the "
        "difference is more than their seeds make. The first one is what the others are compared with.",
        [("epochal compare baseline wider", "which one is better, and by how much?")],
        _compare_arguments,
    ),
    "diagnose": Command(
        _diagnose,
        "Say what the curves of a job mean up to now: what is wrong, since when, and what to try.",
        [("epochal diagnose @last", "why does it not learn?")],
        add_job,
    ),
    "report": Command(
        _report,
        "Write the report on a job: settings, curves, result and what it means.",
        [
            ("epochal report @last --output report.html", "a page that needs nothing else"),
            ("epochal report @last", "Markdown, here"),
        ],
        _report_arguments,
        has_forms=False,
    ),
}
