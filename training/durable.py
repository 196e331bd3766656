"""Files that are whole under their name, also after a kill or a loss of power."""

import os
import threading
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by a file of `content`, all at once: whoever reads it sees the old one or the new one.

    The temporary beside it, `.{name}.{process}.{thread}`, stays behind where the process is killed in mid-write.
    Raises OSError, FileNotFoundError where the folder is missing.
    """
    written = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """So that the names in it, too, survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
