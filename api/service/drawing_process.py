"""Runs a program that draws, over a pipe.

Drawing computes for a good part of a second. In a thread it would hold the interpreter lock, and every other request
would wait. The program starts with the first picture, and ends when this process ends and so closes its standard input.
It gets nothing of the environment but what Python and its libraries need: no secret is in a process that reads what a
stranger has sent.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.views.pipe_messages import read, write

TIMEOUT_SECONDS = 60.0  # for one picture, including the start of the process

_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
_ENVIRONMENT_PREFIXES = ("LC_", "MPL", "PYTHON", "XDG_")


class NotDrawn(Exception):
    """The program could not be started, ended, or took too long. The next picture starts it anew."""


class DrawingProcess:
    """Draws one picture at a time. Thread-safe; `FairLimits.expensive` bounds how many threads wait here."""

    def __init__(self, module: str) -> None:
        """`module`: its program answers each request of a fixed number of messages with one (`pipe_messages`)."""
        self._module = module
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, messages: Sequence[bytes]) -> bytes:
        """The answer to a request. Raises NotDrawn."""
        with self._lock:
            try:
                process = self._running()
            except OSError as error:
                raise NotDrawn("What draws could not be started.") from error
            assert process.stdin
            assert process.stdout
            watch = threading.Timer(TIMEOUT_SECONDS, process.kill)
            try:
                watch.start()
                for message in messages:
                    write(process.stdin, message)
                return read(process.stdout)
            except (OSError, EOFError) as error:
                self._end()
                raise NotDrawn("What draws ended before it had drawn.") from error
            finally:
                watch.cancel()

    def close(self) -> None:
        """End the process, and wait for its end."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603  # one of our own programs
                [sys.executable, "-m", self._module],
                cwd=Path(__file__).parents[2],
                env=_harmless(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # so that Ctrl-C reaches only the service, which then ends this process
            )
        return self._process


def _harmless(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a thread would not survive a fork
