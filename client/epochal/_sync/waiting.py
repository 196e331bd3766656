"""What differs between a client that is awaited and one that waits: the two modules of this name."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """The result of work that takes long, done here: there is no event loop to hold up."""
    return function(*arguments)
