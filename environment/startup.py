"""How a program ends that cannot start: in one line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class CannotStart(Exception):
    """What is wrong and what would be right, in one line, without a value of the environment."""


@contextmanager
def exit_with_one_line() -> Iterator[None]:
    """End the program with exit code 1 and the message of a CannotStart. Every other exception is a fault of ours, and
    keeps its traceback."""
    try:
        yield
    except CannotStart as error:
        sys.exit(str(error))
