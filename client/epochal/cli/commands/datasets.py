"""Data sets: looked through, uploaded, shown and deleted."""

from __future__ import annotations

import argparse

from epochal.cli.commands.arguments import add_yes
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from epochal.cli.context import Context
    from epochal.cli.parser import Parser

DONE = 0


def _ls(context: Context) -> int:
    context.output.rows(context.rows(lambda client: client.datasets.list()), "DATASETS", "No data sets.")
    return DONE


def _add_split(parser: Parser) -> None:
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="of each class to test on, where the images come without a split (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of that split (default: %(default)s)")


def _check_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", help="a folder, an archive or a table of images")
    _add_split(parser)


def _check(context: Context) -> int:
    asked = context.arguments
    found = context.client.datasets.check(asked.path, test_fraction=asked.test_fraction, seed=asked.seed)

    def draw() -> list[str]:
        from epochal.cli.details import dataset_check
        from epochal.cli.page import Page

        return dataset_check(Page(context.output.width, context.output.style), found)

    context.output.one(found.report, draw)
    return DONE


def _upload_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the data set; if it exists, this becomes its next version")
    parser.add_argument("path", metavar="PATH", help="a folder, an archive or a table of images")
    _add_split(parser)
    parser.add_argument("--detach", action="store_true", help="do not wait until the service has looked through it")


def _upload(context: Context) -> int:
    asked = context.arguments
    from epochal.cli.failures import Detached
    from epochal.cli.progress import UploadLine

    line = UploadLine()
    try:
        version = context.patient().client.datasets.upload(
            asked.name,
            asked.path,
            test_fraction=asked.test_fraction,
            seed=asked.seed,
            wait=not asked.detach,
            on_progress=line.show,
        )
    except KeyboardInterrupt:
        line.clear()
        is_sent = line.stage == "validating"
        way_back = f"epochal datasets show {asked.name}" if is_sent else "the same command goes on where it was"
        raise Detached(
            f"Interrupted{', but all of it was sent' if is_sent else ''}. To come back: {way_back}"
        ) from None
    finally:
        line.clear()
    answer = context.patient().one(lambda client: client.datasets.version(version.name, version.version))
    context.detail(answer, "dataset_version")
    return DONE


def _show_arguments(parser: Parser) -> None:
    parser.add_argument("dataset", type=_reference, metavar="NAME[@VERSION]", help="a data set, or a version of it")


def _show(context: Context) -> int:
    name, number = context.arguments.dataset
    if number is not None:
        context.detail(context.one(lambda client: client.datasets.version(name, number)), "dataset_version")
        return DONE
    answer = context.one(lambda client: client.datasets.retrieve(name))
    context.detail(answer, "dataset", _versions(context, answer.record))
    return DONE


def _versions(context: Context, dataset: Any) -> list[Any]:
    """Of an uploaded data set; others have none."""
    if dataset.source != "upload" or not context.output.is_table:
        return []
    return list(context.client.datasets.versions(dataset.name))


def _rm_arguments(parser: Parser) -> None:
    _show_arguments(parser)
    add_yes(parser)


def _rm(context: Context) -> int:
    from epochal.cli.context import confirm

    name, number = context.arguments.dataset
    what = f"{name} with all its versions" if number is None else f"{name}@{number}"
    confirm(f"Delete {what}?", is_agreed=context.arguments.yes)
    context.client.datasets.delete(name, number)
    context.plain_output().note(f"{what}: deleted")
    return DONE


def _reference(text: str) -> tuple[str, int | None]:
    """A name, and a version if one is named."""
    name, sign, number = text.partition("@")
    if not name or (sign and not (number.isdecimal() and number.isascii() and int(number[:10]))):
        raise argparse.ArgumentTypeError(f"{text!r} is neither NAME nor NAME@VERSION, such as pets@3")
    return name, int(number[:10]) if sign else None


COMMANDS = {
    "datasets ls": Command(
        _ls,
        "List what can be trained on: what comes with Epochal, and what you have uploaded.",
        [("epochal datasets", "names for --dataset")],
    ),
    "datasets check": Command(
        _check,
        "Look through images on this machine, with the service's own code, and say what it would find: what cannot be "
        "read, duplicates, images under two labels. Nothing is sent. Needs: pip install numpy pillow zstandard. "
        "Images lie at train/<class>/ and test/<class>/, or at <class>/.",
        [
            ("epochal datasets check pets/", "a folder of images"),
            ("epochal datasets check pets/ --test-fraction 0.3 --json", "the whole report"),
        ],
        _check_arguments,
    ),
    "datasets upload": Command(
        _upload,
        "Upload images as the next version of a data set, and wait until it is ready. An upload that broke off goes "
        "on where it was, if the same command is given again.",
        [("epochal datasets upload pets pets/", "then: epochal submit --dataset pets")],
        _upload_arguments,
    ),
    "datasets show": Command(
        _show,
        "Show a data set and its versions; or one version, and what was found in it.",
        [("epochal datasets show pets", "its versions"), ("epochal datasets show pets@1", "what is in the first")],
        _show_arguments,
    ),
    "datasets rm": Command(
        _rm,
        "Delete an uploaded data set with all its versions, or one version. It cannot be undone.",
        [("epochal datasets rm pets@1 --yes", "only the first version, without a question")],
        _rm_arguments,
        has_forms=False,
    ),
}
