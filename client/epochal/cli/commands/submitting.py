"""`epochal submit` and `epochal rerun`."""

from __future__ import annotations

from epochal.cli.commands.arguments import add_job, positive
from epochal.cli.failures import CommandError
from epochal.cli.parser import Command
from epochal.cli.specs import add_spec_arguments, apply_arguments, read_submission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from epochal.cli.answers import Answer
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0

# Of the job, beside its spec.
_JOB_FIELDS = ("name", "description", "tags", "priority", "max_retries", "accelerator", "repeats")


def _submit_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--file",
        "-f",
        metavar="FILE",
        help="the job in JSON, YAML or TOML; - is the standard input; flags win over it",
    )
    add_spec_arguments(parser)
    _add_job_fields(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what the job would be and need, and submit nothing")
    parser.add_argument("--detach", action="store_true", help="do not follow it; nothing is followed but on a terminal")


def _add_job_fields(parser: Parser) -> None:
    group = parser.add_argument_group("the job")
    group.add_argument("--name", "-n", metavar="NAME", help="a label for people; it can stand for the id")
    group.add_argument("--description", metavar="TEXT", help="a text for people")
    group.add_argument("--tag", "-t", action="append", dest="tags", metavar="TAG", help="a label; once or more")
    group.add_argument("--priority", type=int, metavar="0-9", help="higher goes first (default: 5)")
    group.add_argument(
        "--max-retries", type=int, metavar="N", help="attempts that may be lost without progress (default: 3)"
    )
    group.add_argument("--accelerator", metavar="NAME", help="cpu, gpu, or part of a device's name, such as H100")
    group.add_argument("--repeats", type=positive, metavar="N", help="train it N times, each with another seed")


def _submit(context: Context) -> int:
    body = read_submission(context.arguments)
    body.update(_job_fields(context))
    spec = body.pop("spec")
    unknown = sorted(set(body) - set(_JOB_FIELDS))
    if unknown:
        from epochal.cli.documents import name_of

        raise CommandError(
            f"{name_of(context.arguments.file)}: a job has no {unknown[0]!r}",
            f"Beside `spec`, it has {', '.join(_JOB_FIELDS)}. What to train stands in `spec`.",
        )
    if context.arguments.dry_run:
        tried = context.one(lambda client: client.jobs.dry_run(spec, **body))
        context.detail(tried, "dry_run")
        return DONE
    return _submitted(context, _sent(context, lambda client: client.jobs.create(spec, **body)))


def _rerun_arguments(parser: Parser) -> None:
    add_job(parser)
    add_spec_arguments(parser)
    _add_job_fields(parser)
    parser.add_argument("--detach", action="store_true", help="do not follow it; nothing is followed but on a terminal")


def _rerun(context: Context) -> int:
    changes: dict[str, Any] = {}
    apply_arguments(changes, context.arguments)
    job_id = context.job(context.arguments.job)
    fields = {**_job_fields(context), **({"spec": changes} if changes else {})}
    return _submitted(context, _sent(context, lambda client: client.jobs.rerun(job_id, **fields)))


def _job_fields(context: Context) -> dict[str, Any]:
    given = {field: getattr(context.arguments, field) for field in _JOB_FIELDS}
    return {field: value for field, value in given.items() if value is not None}


def _sent(context: Context, call: Any) -> Answer[Any]:
    """Raises CommandError where it was interrupted: nobody knows then whether there is a job."""
    from epochal.cli.failures import Detached
    from epochal.cli.state import remember_job

    patient = context.patient()
    try:
        answer = patient.one(call)
    except KeyboardInterrupt:
        raise Detached(
            "Interrupted before the service had answered: `epochal ls` says whether there is a job."
        ) from None
    remember_job(context.target.address, answer.record.id)
    return answer


def _submitted(context: Context, answer: Answer[Any]) -> int:
    job = answer.record
    output = context.output
    if not output.is_table:
        output.one(answer.raw, list)
        return DONE
    if context.arguments.detach or not output.is_terminal:
        from epochal.cli.commands.verbs import said

        output.lines([said(job)])
        output.note(f"Follow it: epochal watch {job.id}")
        return DONE
    from epochal.cli.commands.following import follow

    return follow(context, job.id)


COMMANDS = {
    "submit": Command(
        _submit,
        "Submit a training job. On a terminal, follow it: Ctrl-C leaves it running and says how to come back. "
        "Elsewhere, print the job as JSON and return at once.",
        [
            ("epochal submit --dataset digits --epochs 5", "train ResNet-18 with the service's defaults"),
            ("epochal submit -d digits -a resnet20 --lr 0.05 --batch-size 64 --name baseline", "with a name"),
            ("epochal submit -d digits --recipe standard --set augmentation.crop.padding=2", "from a starting point"),
            ("epochal submit -f job.yaml --set optimizer.learning_rate=0.05 --detach", "from a file, with a change"),
            (
                "epochal submit -d digits --dry-run",
                "parameters, memory, time and the whole spec, before it is submitted",
            ),
            ("JOB=$(epochal submit -d digits --json | jq -r .id)", "in a script"),
        ],
        _submit_arguments,
    ),
    "rerun": Command(
        _rerun,
        "Submit a job again, with changes. What is not said stays as it was.",
        [
            ("epochal rerun baseline --seed 1", "the same with another seed"),
            ("epochal rerun @last --lr 0.05 --name slower", "with a smaller learning rate"),
        ],
        _rerun_arguments,
    ),
}
