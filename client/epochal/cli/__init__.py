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

    if argv is not None:
        return run(list(argv), transport)
    try:
        code = run(sys.argv[1:], transport)
    except KeyboardInterrupt:  # once more, while the first was dealt with
        code = INTERRUPTED
    if code == INTERRUPTED:
        leave_at_once(code)
    return code
