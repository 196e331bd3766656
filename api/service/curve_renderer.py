"""Draws pictures in a process of its own: drawing takes a good part of a second of computing, for which everybody would
wait who needs the same interpreter. The process gives way to the others, is started when the first picture is asked
for, and ends with this one, since what it reads from ends then.
"""

import subprocess
import sys
import threading
from pathlib import Path

from api.http.errors import CurvesNotDrawn
from api.views.curve_data import CurveData, Form, pack
from api.views.pipe_messages import read, write

LONGEST_SECONDS = 60.0  # for one picture, the start of the process included


class CurveRenderer:
    """One picture at a time. Safe between threads, of which `api.dependencies.Shares` lets two wait here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, sketch: CurveData, form: Form) -> bytes:
        """As `api.views.curves.draw`. Raises NotDrawn."""
        with self._lock:
            process = self._running()
            assert process.stdin
            assert process.stdout
            watch = threading.Timer(LONGEST_SECONDS, process.kill)
            watch.start()
            try:
                write(process.stdin, pack(sketch, form))
                return read(process.stdout)
            except (OSError, EOFError) as error:
                process.kill()
                raise CurvesNotDrawn("What draws curves ended before it had drawn them.") from error
            finally:
                watch.cancel()

    def close(self) -> None:
        """It ends, and is waited for."""
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
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.views.curves"],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the service, which ends it
            )
        return self._process
