"""`epochal up`: the service, on this machine."""

from __future__ import annotations

from epochal.cli.failures import CommandError
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from epochal.cli.context import Context


def _up(_context: Context) -> int:
    import os
    import sys

    program = _program()
    if program is None:
        raise CommandError(
            "the service is not installed here: this is the client alone",
            "In a checkout of Epochal: make up. `epochal login ADDRESS` uses a service elsewhere.",
        )
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, os.fspath(program)])  # noqa: S606  # it is this process from now on


def _program() -> Path | None:
    """The service's own `serve.py`: beside this package where both are installed, or in the checkout it is part of.
    One that only happens to be called so is not run."""
    import sys
    from pathlib import Path

    import epochal

    package = Path(epochal.__file__).resolve().parent
    folders = [package.parent, package.parent.parent, *map(Path, filter(None, sys.path))]
    for folder in folders:
        program = folder / "serve.py"
        if program.is_file() and (folder / "api" / "app.py").is_file() and (folder / "worker").is_dir():
            return program
    return None


COMMANDS = {
    "up": Command(
        _up,
        "Run the service on this machine until Ctrl-C, where it is installed: broker, database, API and worker, at "
        "http://127.0.0.1:8000. EPOCHAL_DATA_DIR says where it keeps everything.",
        [("epochal up", "and in another terminal: epochal doctor")],
        has_forms=False,
    ),
}
