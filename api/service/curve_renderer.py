"""Draws curves in a process of its own.

Drawing computes for a good part of a second. In a thread it would hold the interpreter lock, and every other request
would wait. The process runs at a low priority, starts with the first picture, and ends when this process ends and so
closes its standard input.
"""

import subprocess
import sys
import threading
from pathlib import Path

from api.http.errors import CurvesNotDrawn
from api.views.curve_data import CurveData, ImageFormat, pack
from api.views.pipe_messages import read, write

TIMEOUT_SECONDS = 60.0  # for one picture, including the start of the process


class CurveRenderer:
    """Draws one picture at a time. Thread-safe; `FairLimits.expensive` bounds how many threads wait here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, curve_data: CurveData, form: ImageFormat) -> bytes:
        """Draw as `api.views.curves.draw` does. Raises CurvesNotDrawn."""
        with self._lock:
            try:
                process = self._running()
            except OSError as error:
                raise CurvesNotDrawn("What draws curves could not be started.") from error
            assert process.stdin
            assert process.stdout
            watch = threading.Timer(TIMEOUT_SECONDS, process.kill)
            try:
                watch.start()
                write(process.stdin, pack(curve_data, form))
                return read(process.stdout)
            except (OSError, EOFError) as error:
                self._end()
                raise CurvesNotDrawn("What draws curves ended before it had drawn them.") from error
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
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.views.curves"],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # so that Ctrl-C reaches only the service, which then ends this process
            )
        return self._process
