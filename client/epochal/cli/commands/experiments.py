"""Questions that are ready-made, and sweeps: several jobs that answer one."""

from __future__ import annotations

from epochal.cli.commands.arguments import add_limit, add_yes
from epochal.cli.failures import JOB_FAILED, CommandError, Detached
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0
_FORMS = ("html", "md", "svg")


def _experiments_ls(context: Context) -> int:
    answers = context.rows(lambda client: client.experiments.list())
    context.output.rows(answers, "EXPERIMENTS", "No experiments.")
    return DONE


def _run_arguments(parser: Parser) -> None:
    parser.add_argument("experiment", metavar="EXPERIMENT", help="its name: `epochal experiments`")
    parser.add_argument(
        "--size", choices=("small", "full"), metavar="SIZE", help="small: minutes on two cores; full: for a GPU"
    )
    parser.add_argument("--dataset", "-d", metavar="NAME", help="what to train on")
    parser.add_argument("--tag", "-t", action="append", metavar="TAG", help="a label of all its jobs; once or more")
    parser.add_argument("--priority", type=int, metavar="0-9", help="of all its jobs")
    parser.add_argument("--accelerator", metavar="NAME", help="cpu, gpu, or part of a device's name")
    parser.add_argument("--wait", action="store_true", help="until all of its jobs have ended")


def _run(context: Context) -> int:
    asked = context.arguments
    try:
        answer = context.patient().one(
            lambda client: client.experiments.run(
                asked.experiment,
                size=asked.size,
                dataset=asked.dataset,
                tags=asked.tag,
                priority=asked.priority,
                accelerator=asked.accelerator,
            )
        )
    except KeyboardInterrupt:
        raise Detached(
            "Interrupted before the service had answered: `epochal sweeps` says whether it has begun."
        ) from None
    sweep_id = answer.record.id
    if asked.wait:
        try:
            context.patient().client.sweeps.wait(sweep_id)
        except KeyboardInterrupt:
            raise Detached(f"{sweep_id} goes on. Its answer: epochal experiments answer {sweep_id}") from None
        answer = context.enduring().one(lambda client: client.sweeps.retrieve(sweep_id))
    context.detail(answer, "sweep")
    if context.output.is_table:
        context.output.note(f"Its answer: epochal experiments answer {sweep_id}")
    return JOB_FAILED if answer.record.status in ("failed", "cancelled") else DONE


def _add_sweep(parser: Parser) -> None:
    parser.add_argument("sweep", metavar="SWEEP_ID", help="as in `epochal sweeps`")


def _answer_arguments(parser: Parser) -> None:
    _add_sweep(parser)
    parser.add_argument("--file", metavar="FILE", help="as a document: FILE.html, FILE.md, or its curves: FILE.svg")


def _answer(context: Context) -> int:
    sweep_id, file = context.arguments.sweep, context.arguments.file
    if not file:
        context.detail(context.one(lambda client: client.sweeps.answer(sweep_id)), "answer")
        return DONE
    from pathlib import Path

    from epochal.cli.commands.curves import write_file

    form = Path(file).suffix.lower().lstrip(".")
    if form not in _FORMS:
        raise CommandError(f"{file}: what kind of file?", "Its name ends in .html, .md or .svg.")
    write_file(Path(file), context.client.sweeps.answer_file(sweep_id, form))  # type: ignore[arg-type]  # one of the three
    return DONE


def _sweeps_ls_arguments(parser: Parser) -> None:
    add_limit(parser, 50)


def _sweeps_ls(context: Context) -> int:
    answers = context.limited(context.rows(lambda client: client.sweeps.list()), context.arguments.limit)
    context.output.rows(answers, "SWEEPS", "No sweeps. `epochal experiments` lists questions that make one.")
    return DONE


def _sweeps_show(context: Context) -> int:
    context.detail(context.one(lambda client: client.sweeps.retrieve(context.arguments.sweep)), "sweep")
    return DONE


def _sweeps_cancel(context: Context) -> int:
    context.detail(context.one(lambda client: client.sweeps.cancel(context.arguments.sweep)), "sweep")
    return DONE


def _sweeps_rm_arguments(parser: Parser) -> None:
    _add_sweep(parser)
    add_yes(parser)


def _sweeps_rm(context: Context) -> int:
    from epochal.cli.context import confirm

    sweep_id = context.arguments.sweep
    confirm(f"Delete {sweep_id} with all its jobs?", is_agreed=context.arguments.yes)
    context.client.sweeps.delete(sweep_id)
    context.plain_output().note(f"{sweep_id}: deleted")
    return DONE


_A_SWEEP = "swp_01kb0000000000000000000000"

COMMANDS = {
    "experiments ls": Command(
        _experiments_ls,
        "List questions that are ready-made, each with the jobs that answer it.",
        [("epochal experiments", "what can be asked")],
    ),
    "experiments run": Command(
        _run,
        "Train what answers a question. Its jobs are a sweep.",
        [
            ("epochal experiments run batch_size", "small: minutes on two cores"),
            ("epochal experiments run batch_size --wait --json", "in a script"),
        ],
        _run_arguments,
    ),
    "experiments answer": Command(
        _answer,
        "Print the answer of an experiment, computed from what its jobs have measured, as far as they have come.",
        [
            (f"epochal experiments answer {_A_SWEEP}", "here"),
            (f"epochal experiments answer {_A_SWEEP} --file answer.html", "as a page"),
        ],
        _answer_arguments,
    ),
    "sweeps ls": Command(
        _sweeps_ls, "List sweeps, the newest first.", [("epochal sweeps", "how far are they?")], _sweeps_ls_arguments
    ),
    "sweeps show": Command(
        _sweeps_show,
        "Show a sweep and its trials.",
        [(f"epochal sweeps show {_A_SWEEP}", "what each trial has measured")],
        _add_sweep,
    ),
    "sweeps cancel": Command(
        _sweeps_cancel,
        "Cancel the jobs of a sweep that have not ended.",
        [(f"epochal sweeps cancel {_A_SWEEP}", "all of them")],
        _add_sweep,
    ),
    "sweeps rm": Command(
        _sweeps_rm,
        "Delete a sweep with its jobs, which must all have ended. It cannot be undone.",
        [(f"epochal sweeps rm {_A_SWEEP} --yes", "without a question")],
        _sweeps_rm_arguments,
        has_forms=False,
    ),
}
