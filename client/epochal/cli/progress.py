"""The progress of an upload in one line, which is redrawn in place. Silent where there is no terminal."""

from __future__ import annotations

import sys
import time

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


class UploadLine:
    """On the standard error, so that the standard output has the result alone."""

    def __init__(self) -> None:
        self._is_live = bool(sys.stderr and is_live(sys.stderr))
        self._drawn_at = 0.0
        self._stage: str | None = None

    def show(self, progress: UploadProgress) -> None:
        """Redraw the line, some times a second."""
        now = time.monotonic()
        if not self._is_live or (progress.stage == self._stage and now - self._drawn_at < _REDRAW_SECONDS):
            return
        self._drawn_at, self._stage = now, progress.stage
        sys.stderr.write(f"\r\x1b[K{cut(_line(progress), 78)}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._is_live and self._stage:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _line(progress: UploadProgress) -> str:
    show = formats.size if progress.stage in ("hashing", "sending") else formats.count
    total = "" if progress.total is None else f" of {show(progress.total)}"
    share = f", {progress.done / progress.total:.0%}" if progress.total else ""
    return f"{_WORDS[progress.stage]}: {show(progress.done)}{total}{share}"
