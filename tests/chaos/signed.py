"""A program of the service whose writes the history can tell from others': `python -m tests.chaos.signed worker`.

PostgreSQL knows by itself who writes, by PGAPPNAME. SQLite does not: there each connection of the process gets a
function that says it, which the history's triggers call. `--without FENCE` takes out a fence besides.
"""

import argparse
import os
import runpy
import sys
from typing import Any

from sqlalchemy import Engine, event

from tests.chaos.without import FENCES

FUNCTION = "chaos_writer"
NAME = "PGAPPNAME"  # as libpq reads it
HARNESS = "the harness"


def sign(engine: Engine | type[Engine]) -> None:
    """Every connection that it makes from now on; of the class, those of every engine of this process."""
    event.listen(engine, "connect", _sign)


def _sign(connection: Any, _record: object) -> None:
    if hasattr(connection, "create_function"):  # SQLite's
        connection.create_function(FUNCTION, 0, lambda: os.environ.get(NAME, HARNESS))


def main() -> None:
    """Be the module that is named, with what follows as its arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.signed")
    parser.add_argument("--without", choices=sorted(FENCES))
    parser.add_argument("module")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if asked.without:
        FENCES[asked.without]()
    sign(Engine)
    sys.argv = [asked.module, *asked.arguments]
    runpy.run_module(asked.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
