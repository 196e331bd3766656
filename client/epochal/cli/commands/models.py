"""Trained models: listed, saved, asked what is on pictures, and named."""

from __future__ import annotations

from epochal.cli.commands.arguments import add_limit, add_yes, positive
from epochal.cli.failures import USAGE, CommandError
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0
_MODEL_HELP = "an id, a name (its newest version), NAME@VERSION, NAME@ALIAS, or a job that has left one, such as @last"


def _ls_arguments(parser: Parser) -> None:
    parser.add_argument("--job", metavar="JOB", help="only those that this job has left")
    parser.add_argument("--name", "-n", metavar="NAME", help="only versions of this name")
    add_limit(parser, 50)


def _ls(context: Context) -> int:
    asked = context.arguments
    job_id = context.job(asked.job) if asked.job else None
    answers = context.rows(lambda client: client.models.list(job=job_id, name=asked.name))
    context.output.rows(
        context.limited(answers, asked.limit), "MODELS", "No trained models: a job that succeeds leaves one."
    )
    return DONE


def _add_model(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help=_MODEL_HELP)


def _model(context: Context) -> str:
    """The model that is meant. A word is a job's only where no model is called so."""
    from epochal.errors import NotFoundError

    reference: str = context.arguments.model
    if reference.startswith("job_") or reference == "@last":
        return _left_by(context, context.job(reference))
    try:
        context.client.models.retrieve(reference)
    except NotFoundError as error:
        try:
            job_id = context.job(reference)
        except CommandError:
            raise error from None
        return _left_by(context, job_id)
    return reference


def _left_by(context: Context, job_id: str) -> str:
    """The model of a job: of its best epoch, where it has kept that."""
    found = list(context.client.models.list(job=job_id))
    if not found:
        raise CommandError(
            f"{job_id} has left no model", "A job leaves one when it succeeds: `epochal show` says how far it is."
        )
    best = [model for model in found if model.which == "best"]
    return (best or found)[0].id


def _show(context: Context) -> int:
    model = _model(context)
    context.detail(context.one(lambda client: client.models.retrieve(model)), "model")
    return DONE


def _download_arguments(parser: Parser) -> None:
    _add_model(parser)
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a file or a folder (default: this folder)"
    )
    parser.add_argument(
        "--file", metavar="NAME", help="only this file of it, as in `epochal models show`; else all, as a zip"
    )


def _download(context: Context) -> int:
    model = _model(context)
    path = context.patient().client.models.download(model, context.arguments.path, file=context.arguments.file)
    context.plain_output().text(f"{path}\n")
    return DONE


def _predict_arguments(parser: Parser) -> None:
    _add_model(parser)
    parser.add_argument("picture", nargs="+", metavar="PICTURE", help="files of pictures")
    parser.add_argument("--top", type=positive, default=3, metavar="N", help="labels for each (default: %(default)s)")


def _predict(context: Context) -> int:
    asked = context.arguments
    model = _model(context)
    answer = context.one(lambda client: client.models.predict(model, asked.picture, top=asked.top))

    def draw() -> list[str]:
        from epochal.cli.columns import PREDICTIONS
        from epochal.terminal.tables import table

        rows = [
            row
            for name, found in zip(asked.picture, answer.record.predictions, strict=True)
            for row in _labels(name, found)
        ]
        return table(rows, PREDICTIONS, context.output.width, style=context.output.style)

    context.output.one(answer.raw, draw)
    return USAGE if any(found.error for found in answer.record.predictions) else DONE


def _labels(picture: str, found: Any) -> list[dict[str, Any]]:
    if found.error:
        return [{"picture": picture, "label": found.error, "probability": None}]
    return [
        {"picture": "" if place else picture, "label": label.label, "probability": label.probability}
        for place, label in enumerate(found.labels)
    ]


def _alias_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="of a model")
    parser.add_argument("alias", nargs="?", metavar="ALIAS", help="such as production; without: all that it has")
    parser.add_argument("version", nargs="?", type=positive, metavar="VERSION", help="that it stands for from now on")
    parser.add_argument("--reason", metavar="TEXT", help="kept in the history of the alias")
    parser.add_argument("--rm", action="store_true", help="take the alias away; the model stays")


def _alias(context: Context) -> int:
    asked = context.arguments
    if asked.alias is None:
        aliases = context.rows(lambda client: client.models.aliases(asked.name))
        context.output.rows(aliases, "ALIASES", f"{asked.name} has no alias.")
        return DONE
    if asked.rm:
        context.client.models.delete_alias(asked.name, asked.alias)
        context.output.note(f"{asked.name}@{asked.alias}: deleted")
        return DONE
    answer = context.one(
        lambda client: client.models.alias(asked.name, asked.alias, asked.version, reason=asked.reason)
    )
    context.output.one(answer.raw, lambda: [f"{asked.name}@{asked.alias} is {asked.name}@{answer.record.version}"])
    return DONE


def _rm_arguments(parser: Parser) -> None:
    _add_model(parser)
    add_yes(parser)


def _rm(context: Context) -> int:
    from epochal.cli.context import confirm

    model = _model(context)
    confirm(f"Delete the model {model} with its files?", is_agreed=context.arguments.yes)
    context.client.models.delete(model)
    context.plain_output().note(f"{model}: deleted")
    return DONE


COMMANDS = {
    "models ls": Command(
        _ls,
        "List trained models, the newest first.",
        [("epochal models", "all of them"), ("epochal models ls --job @last", "what a job has left")],
        _ls_arguments,
    ),
    "models show": Command(
        _show,
        "Show a trained model: its classes, what it was measured to do, and its files.",
        [("epochal models show @last", "of the job that was submitted last")],
        _add_model,
    ),
    "models download": Command(
        _download,
        "Save a trained model: all of its files as a zip, or one of them.",
        [
            ("epochal models download @last", "into this folder"),
            ("epochal models download digits@production model.onnx --file model.onnx", "one file"),
        ],
        _download_arguments,
        has_forms=False,
    ),
    "models predict": Command(
        _predict,
        "Say what is on pictures, with the probability of each label. The exit code is 2 if one of them is no picture; "
        "the others are answered all the same.",
        [("epochal models predict @last photo.png", "with the model of the job that was submitted last")],
        _predict_arguments,
    ),
    "models alias": Command(
        _alias,
        "Give a version of a model a name such as `production`, which can be moved to another version later.",
        [
            ("epochal models alias digits production 2", "from now on, digits@production is digits@2"),
            ("epochal models alias digits", "the aliases that it has"),
        ],
        _alias_arguments,
    ),
    "models rm": Command(
        _rm,
        "Delete a trained model with its files. It cannot be undone.",
        [("epochal models rm mdl_01kb00000000000000000000m1 --yes", "without a question")],
        _rm_arguments,
        has_forms=False,
    ),
}
