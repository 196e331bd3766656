"""How wide the terminal is. A module of its own: a help text needs it, and imports nothing else that is drawn with."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_UNKNOWN = 80


def columns(stream: TextIO) -> int:
    """Cells in a line of `stream`: COLUMNS where that is set, as in POSIX, else as the terminal says, else 80."""
    try:
        said = int(os.environ.get("COLUMNS", ""))
    except ValueError:  # it is seldom exported
        said = 0
    if said > 0:
        return said
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNKNOWN
    except (OSError, ValueError):
        return _UNKNOWN
