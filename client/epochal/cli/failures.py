"""What goes wrong, as a line and a hint on the standard error, and as an exit code."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from epochal.errors import APIStatusError, EpochalError

DONE = 0
JOB_FAILED = 1
USAGE = 2
SERVICE = 3
INTERRUPTED = 130

# The service refused the request for what it says: the command is to be changed, and not the service or the key.
_CALLERS = frozenset({400, 404, 405, 409, 411, 412, 413, 415, 422})


class CommandError(Exception):
    """The command cannot be carried out as it was given. `hint` says what would be right."""

    def __init__(self, message: str, hint: str | None = None, code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class Detached(KeyboardInterrupt):
    """Interrupted while it followed something, which goes on. `hint` is the way back."""

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


def explain(error: BaseException) -> int:
    """Print what `error` is about, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        return DONE  # whoever reads has what they wanted
    if isinstance(error, KeyboardInterrupt):
        if isinstance(error, Detached):
            say(error.hint)
        return INTERRUPTED
    if isinstance(error, CommandError):
        complain(error.message, error.hint)
        return error.code
    from epochal.errors import EpochalError

    if isinstance(error, EpochalError):
        return _explain_epochal(error)
    if isinstance(error, UnicodeEncodeError):  # an argument whose bytes are no text here
        complain("what is to be sent is not text", "Arguments are UTF-8; see LANG and LC_ALL.")
        return USAGE
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"{where}{error.strerror or error}")
        return USAGE
    return _explain_bug(error)


def complain(message: str, hint: str | None = None) -> None:
    """An error on the standard error: one line, and a hint."""
    say(f"epochal: error: {message}")
    if hint:
        say(f"hint: {hint}")


def say(text: str) -> None:
    """A line on the standard error, harmless on any terminal."""
    from epochal.terminal.text import safe

    try:
        sys.stderr.write(f"{safe(text)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def _explain_epochal(error: EpochalError) -> int:
    from epochal.errors import APIConnectionError, APIStatusError, DatasetFailedError, LocalError

    if isinstance(error, APIStatusError):
        return _explain_status(error)
    hint = error.hint
    if isinstance(error, APIConnectionError):
        hint = "Is the service running, and is that its address? --url, EPOCHAL_URL or `epochal login` say where it is."
    complain(error.message, hint)
    if isinstance(error, DatasetFailedError) or error.code == "dataset_invalid":
        return JOB_FAILED
    return USAGE if isinstance(error, LocalError) else SERVICE


def _explain_status(error: APIStatusError) -> int:
    parts = [f"{_place(part.place)}: {part.detail}" if part.place else part.detail for part in error.errors]
    code = USAGE if error.status_code in _CALLERS else SERVICE
    request = f", request {error.request_id}" if code == SERVICE and error.request_id else ""
    if len(parts) == 1:
        complain(f"{parts[0]} ({error.code}{request})", error.hint)
        return code
    complain(f"{error.message} ({error.code}{request})", None if parts else error.hint)
    for part in parts:
        say(f"  {part}")
    if parts and error.hint:
        say(f"hint: {error.hint}")
    return code


def _place(pointer: str) -> str:
    """A JSON pointer as `--set` would write it."""
    return pointer.removeprefix("#/").replace("/", ".") if pointer.startswith("#/") else pointer


def _explain_bug(error: BaseException) -> int:
    """The traceback goes into a private file: it may hold what nobody else should see on a screen."""
    where: Sequence[str] = []
    try:
        import traceback

        from epochal.cli.state import state_folder, write_privately

        path = state_folder() / "last-error.txt"
        write_privately(path, "".join(traceback.format_exception(type(error), error, error.__traceback__)))
        where = [f"What was going on stands in {os.fspath(path)}: please report it."]
    except Exception:
        where = []
    complain(f"a fault of epochal itself: {type(error).__name__}", where[0] if where else None)
    return SERVICE
