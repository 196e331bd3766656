"""Files and folders of this machine: whether they can be used, who can read them, where sockets may lie."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from environment.startup import CannotStart

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700

LONGEST_SOCKET_PATH = 107  # bytes, on Linux
SOCKET_NAME = 32  # bytes that a socket's own name, and a folder's made for it, take at most
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - for private folders with random names


def wrong_folder(path: Path) -> str | None:
    """Why `path` can be no folder of ours, or None. It need not be there yet."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    return None if stat.S_ISDIR(found.st_mode) else "is no folder"


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be written into `folder`, or None. It is made later where it is not there yet."""
    for place in (folder, *folder.parents):
        if place.is_symlink() and not place.exists():
            return "leads, as a link, to nowhere"
        if place.exists():
            if not place.is_dir():
                return "is no folder, or lies in what is none"
            if os.access(place, os.W_OK | os.X_OK):
                return None
            return "cannot be written to by this user, or lies in a folder that cannot"
    return None


def require_writable(folder: Path, variable: str) -> None:
    """Raises CannotStart."""
    try:
        reason = why_not_writable(folder)
    except OSError as error:
        reason = f"cannot be looked at: {error.strerror}"
    if reason is not None:
        raise CannotStart(f"{variable}: its folder {reason}.")


def why_not_a_database(path: Path) -> str | None:
    """Why a SQLite database at `path` can be neither used nor made, or None."""
    try:
        if (reason := why_not_writable(path.parent)) is not None:
            return f"its folder {reason}"
        for file in database_files(path):
            if file.is_dir():
                return "a folder is where its file should be"
            if file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
                return "its file cannot be read and written by this user"
    except OSError as error:
        return f"its file cannot be looked at: {error.strerror}"
    return None


def database_files(path: Path) -> list[Path]:
    """The file of a SQLite database, and those that SQLite keeps beside it."""
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))]


def make_private(path: Path) -> None:
    """Remove the rights of others on a file or folder of this user.

    A group that may write keeps its rights: somebody has decided so, for several users who share a database.
    """
    with suppress(FileNotFoundError):
        found = path.lstat()
        if found.st_uid != os.geteuid() or stat.S_ISLNK(found.st_mode):
            return
        shared = 0o770 if found.st_mode & stat.S_IWGRP else 0o700
        if found.st_mode & 0o777 & ~shared:
            path.chmod(stat.S_IMODE(found.st_mode) & shared)


def make_private_folder(path: Path) -> None:
    """Make it where it is not there; an existing one becomes private."""
    path.mkdir(PRIVATE_FOLDER, exist_ok=True)
    make_private(path)


def append_privately(path: Path) -> int:
    """A descriptor of a file that only this user can read, at its end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    make_private(path)
    return descriptor


def socket_folder() -> str:
    """A folder for temporary ones with sockets in them: TMPDIR, or another where its path is too long for that.

    Raises CannotStart.
    """
    with suppress(FileNotFoundError):  # none that can be written to
        usual = tempfile.gettempdir()
        if _is_short(usual):
            return usual
    for folder in (*SHORT_FOLDERS, os.environ.get("XDG_RUNTIME_DIR", "")):
        if folder and _is_short(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    most = LONGEST_SOCKET_PATH - SOCKET_NAME
    raise CannotStart(
        f"TMPDIR should be a folder that can be written to, whose path has at most {most} bytes: for sockets."
    )


def _is_short(folder: str) -> bool:
    return len(os.fsencode(folder)) <= LONGEST_SOCKET_PATH - SOCKET_NAME
