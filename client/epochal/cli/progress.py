"""The progress of an upload in one line, which is redrawn in place. Silent where there is no terminal."""

from __future__ import annotations

import sys
import time

from epochal.cli.width import columns
from epochal.terminal import formats
from epochal.terminal.text import cut, is_live

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.uploading import UploadProgress

_REDRAW_SECONDS = 0.1
_WORDS = {
    "looking": "Looking through it",
    "hashing": "Reading it",
    "sending": "Sending",
    "validating": "The service looks through it",
}
_STEPS_IN_BYTES = ("receiving", "storing")  # of the service's validation; the others count images


class UploadLine:
    """On the standard error, so that the standard output has the result alone."""

    def __init__(self) -> None:
        self._is_live = bool(sys.stderr and is_live(sys.stderr))
        self._drawn_at = 0.0
        self.stage: str | None = None  # in which it is

    def show(self, progress: UploadProgress) -> None:
        """Redraw the line, some times a second."""
        now, is_new = time.monotonic(), progress.stage != self.stage
        self.stage = progress.stage
        if not self._is_live or not (is_new or now - self._drawn_at >= _REDRAW_SECONDS):
            return
        self._drawn_at = now
        sys.stderr.write(f"\r\x1b[K{cut(_line(progress), columns(sys.stderr) - 1)}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._is_live and self.stage:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _line(progress: UploadProgress) -> str:
    counts_bytes = progress.stage in ("hashing", "sending") or progress.detail in _STEPS_IN_BYTES
    show = formats.size if counts_bytes else formats.count
    total = "" if progress.total is None else f" of {show(progress.total)}"
    share = f", {progress.done / progress.total:.0%}" if progress.total else ""
    step = f" ({progress.detail})" if progress.stage == "validating" and progress.detail else ""
    return f"{_WORDS[progress.stage]}{step}: {show(progress.done)}{total}{share}"
