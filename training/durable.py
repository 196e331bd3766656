"""Atomic and durable writes: a file is complete under its name, even after a kill or a loss of power."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` atomically by a file of `content`: a reader sees the old file or the new one. See
    `write_pieces_durably`."""
    write_pieces_durably(path, [content])


def write_pieces_durably(path: Path, pieces: Iterable[bytes]) -> None:
    """The same for content that comes in pieces: where making one raises an error, `path` stays as it was.

    A temporary file beside it, `.{name}.{process}.{thread}`, is left over where the process is killed during the write.
    Raises OSError, FileNotFoundError where the folder is missing.
    """
    written = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with written.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush `folder` to the disk, so that the names in it survive a loss of power as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
