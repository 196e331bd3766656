"""SQLite's file. It is never created by opening it, and each use checks that it is still the file that was opened.

The operating system lets a process go on with a file that was deleted, moved or replaced: what is written into it is
lost. And a file that was opened when it could only be read cannot be written later, even if its rights change.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from environment.files import PRIVATE_FILE, PRIVATE_FOLDER, database_files, make_private
from environment.startup import CannotStart
from models.outages import DatabaseChanged, DatabaseMissing

Identity = tuple[int, int]  # device and inode

HEADER = b"SQLite format 3\0"

_FILE, _WRITABLE = "file", "writable"


class SqliteFile:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        # Quoted: in an address, a ? or # of the path would end it.
        self._address = f"file:{quote(os.fsencode(self._path))}?mode=rw"

    def make_private(self) -> None:
        """Take the rights on the existing files from everybody else: webhooks' secrets are in them."""
        with suppress(OSError), self._path.open("rb") as file:
            if file.read(len(HEADER)) in (HEADER, b""):  # not a database: its rights are not ours to change
                for each in database_files(self._path):
                    make_private(each)

    def create(self) -> None:
        """Create an empty file where there is none, for its owner alone. SQLite itself would create one that everybody
        can read. The files that SQLite keeps beside it get the same rights. Raises CannotStart."""
        try:
            self._path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        except OSError as error:
            raise CannotStart(f"The file of the database cannot be made: {error.strerror}.") from error

    def watch(self, engine: Engine) -> None:
        """Let no connection of `engine` use a file that is not at `path` any more. Each check is a stat: 2
        microseconds."""

        @event.listens_for(engine, "do_connect")
        def open_what_is_there(_dialect: Any, record: ConnectionPoolEntry, arguments: list[Any], options: Any) -> None:
            record.info[_FILE] = self._there()
            record.info[_WRITABLE] = os.access(self._path, os.W_OK)
            arguments[:] = [self._address]
            options["uri"] = True

        @event.listens_for(engine, "connect")
        def require_the_same(connection: Any, record: ConnectionPoolEntry) -> None:
            if self._identity() != record.info[_FILE]:
                connection.close()
                raise DatabaseChanged("the file was replaced while it was opened")

        @event.listens_for(engine, "checkout")
        def leave_what_is_gone(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
            is_writable_again = not record.info[_WRITABLE] and os.access(self._path, os.W_OK)
            if self._identity() != record.info[_FILE] or is_writable_again:
                raise InvalidatePoolError  # connects anew

        @event.listens_for(engine, "commit")
        def commit_nothing_into_what_is_gone(connection: Connection) -> None:
            if self._identity() != connection.info.get(_FILE):
                raise DatabaseMissing("the file was deleted or replaced before the transaction's end")

    def _identity(self) -> Identity | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _there(self) -> Identity:
        identity = self._identity()
        if identity is None:
            raise DatabaseMissing("there is no such file, or no way to it")
        return identity
