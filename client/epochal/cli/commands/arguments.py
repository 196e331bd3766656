"""Arguments that several commands have."""

from __future__ import annotations

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.parser import Parser

JOB_HELP = "an id, the start of an id, a name, or @last"
STATUSES = ("queued", "starting", "running", "paused", "succeeded", "failed", "cancelled", "stopped")


def add_job(parser: Parser) -> None:
    """One job."""
    parser.add_argument("job", metavar="JOB", help=JOB_HELP)


def add_jobs(parser: Parser) -> None:
    """One job or more."""
    parser.add_argument("job", metavar="JOB", nargs="+", help=JOB_HELP)


def add_yes(parser: Parser) -> None:
    """Of commands that delete."""
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask; needed where there is no terminal")


def add_limit(parser: Parser, most: int) -> None:
    """Of long lists."""
    parser.add_argument(
        "--limit", type=count, default=most, metavar="N", help="rows at most; 0 is all (default: %(default)s)"
    )


def count(text: str) -> int:
    """A number of things, for argparse."""
    return _from(0, text)


def positive(text: str) -> int:
    """A number from 1 on, for argparse."""
    return _from(1, text)


def _from(least: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:18]) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} on")
    return int(text[:18])
