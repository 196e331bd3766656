"""Which release this is."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """As the distribution says; "0+checkout" where it is not installed."""
    try:
        return version("epochal")
    except PackageNotFoundError:
        return "0+checkout"


def user_agent() -> str:
    """How the client introduces itself to the service."""
    return f"epochal/{release()} python/{platform.python_version()}"
