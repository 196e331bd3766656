"""A program that cannot start ends with one line that says why."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class CannotStart(Exception):
    """What is wrong and what would be right, in one line, without a value of the environment."""


@contextmanager
def exit_with_one_line() -> Iterator[None]:
    """End the program on a CannotStart, with its message and exit code 1. Every other exception is a fault of ours, and
    keeps its traceback."""
    try:
        yield
    except CannotStart as error:
        sys.exit(str(error))
