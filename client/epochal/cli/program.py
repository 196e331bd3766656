"""One run of the command: from its arguments to its exit code. Whatever goes wrong, no traceback is printed."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

DONE = 0


def run(argv: list[str], transport: Any = None) -> int:
    """The exit code; docs/cli.md has their table."""
    _prepare_streams()
    try:
        code = _dispatch(argv, transport)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse has printed a help text
        return _flushed(end.code if isinstance(end.code, int) else DONE)
    except BaseException as error:
        from epochal.cli.failures import explain

        code = explain(error)
        _give_up_unwritten()
        return code


def leave_at_once(code: int) -> NoReturn:
    """Without the interpreter's end, which tears down connections and libraries for a tenth of a second: somebody has
    pressed Ctrl-C."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _dispatch(argv: list[str], transport: Any) -> int:
    if argv[:1] == ["__complete"]:
        from epochal.cli.completion import complete

        return complete(argv[1:], transport)
    from epochal.cli.parser import read

    command, arguments = read(argv)
    from epochal.cli.context import Context

    with Context(arguments, transport) as context:
        return command.run(context)


def _prepare_streams() -> None:
    """What cannot be encoded is printed as an escape, and never an error. A stream that is closed swallows all."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # as long as we live
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        from epochal.cli.failures import explain

        code = explain(error)
        _give_up_unwritten()
    return code


def _give_up_unwritten() -> None:
    """The interpreter would try to write it once more at its end, and print that error itself."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        try:  # noqa: SIM105  # contextlib would be imported for it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError):  # no file: captured
            pass
