"""The command `epochal`. Only what a command needs is imported, when it runs: help and completion start at once."""

from __future__ import annotations

import sys

INTERRUPTED = 130

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def main(argv: Sequence[str] | None = None, *, transport: Any = None) -> int:
    """Run one command, and return its exit code. `transport` is of the HTTP library, for tests."""
    from epochal.cli.program import leave_at_once, run

    code = run(list(sys.argv[1:] if argv is None else argv), transport)
    if argv is None and code == INTERRUPTED:
        leave_at_once(code)
    return code
