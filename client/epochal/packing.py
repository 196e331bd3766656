"""The file that is uploaded: a file as it is, or a folder as one tar, which is made while it is read.

The files in the tar are in the order of their names and have no times and owners: the same folder is always the same
tar, so that an upload of it can go on after a restart. Any part of it can be read at any time, and no copy of it is
kept: a folder of 40 GB takes no space in a temporary folder.

What has been listed must stay as it is until it is sent. A file whose size or time of change is another one is an
error that names it.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from epochal.errors import LocalError
from epochal.folders import ListedFile, Listing, list_folder, reason_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = tarfile.BLOCKSIZE
RECORD = tarfile.RECORDSIZE  # a tar is filled up with zeros to whole records
END = 2 * BLOCK  # zeros that end a tar, at least
HASHED_BYTES = 32 * 2**20  # in one step of `UploadFile.hashing`
_LONGEST_PLAIN_NAME, _LARGEST_PLAIN_SIZE = 100, 8**11 - 1  # beyond these, a header needs a pax header in front

HOW = "Put the images of every class at train/<class>/ and at test/<class>/, or at <class>/ to have them split."


class UnreadableFileError(LocalError, OSError):
    """A file or folder cannot be read, or is not what it was. Who reads it as a file expects an OSError."""


class UploadFile(io.RawIOBase):
    """A file that is only read: from any place, and as often as needed. Each method raises LocalError where a file on
    the disk cannot be read, or is not what it was."""

    size: int

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        self._content: _Content | None = None  # of the file that was read last

    @abstractmethod
    def _fill(self, at: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `at` on, all of which are within the file."""

    def read_at(self, at: int, most: int) -> bytes:
        """The bytes from `at` on: `most` of them, or fewer at the end."""
        found = bytearray(max(0, min(most, self.size - at)))
        with memoryview(found) as view:
            self._fill(at, view)
        return bytes(found)

    def hashing(self) -> Iterator[tuple[int, str]]:
        """Read everything once, in steps: how many bytes were read, and the SHA-256 of them in hexadecimal digits. The
        last step's is that of the file."""
        digest, buffer = sha256(), bytearray(min(HASHED_BYTES, max(1, self.size)))
        for at in range(0, max(1, self.size), len(buffer)):
            with memoryview(buffer)[: self.size - at] as view:
                self._fill(at, view)
                digest.update(view)
                yield at + len(view), digest.hexdigest()

    def close(self) -> None:
        """See `io.IOBase.close`."""
        if self._content is not None:
            self._content.close()
        super().close()

    def readable(self) -> bool:
        """See `io.IOBase.readable`."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase.seekable`."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError(f"negative seek position {start + offset}")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """See `io.IOBase.tell`."""
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As many bytes as `buffer` has room for; fewer only at the end."""
        with memoryview(buffer).cast("B") as whole, whole[: max(0, self.size - self._at)] as view:
            self._fill(self._at, view)
            self._at += len(view)
            return len(view)


class SingleFile(UploadFile):
    """A file as it is."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            found = path.stat()
        except OSError as error:
            raise unreadable(os.fspath(path), reason_of(error)) from error
        if not stat.S_ISREG(found.st_mode):
            raise LocalError(f"{os.fspath(path)!r} is neither a file nor a folder.", code="file_unreadable")
        self._content = _Content(ListedFile(path.name, os.fspath(path), found.st_size, found.st_mtime_ns))
        self.size = found.st_size

    def _fill(self, at: int, view: memoryview) -> None:
        if view and self._content is not None:
            self._content.fill(at, view)


class FolderTar(UploadFile):
    """A folder as one tar of its files."""

    def __init__(self, files: list[ListedFile]) -> None:
        super().__init__()
        self._files = files
        self._starts = array("Q")  # of each file's header
        at = 0
        for file in files:
            self._starts.append(at)
            at += _header_size(file) + file.size + _padding(file.size)
        self._end = at
        self.size = at + END + -(at + END) % RECORD

    def _fill(self, at: int, view: memoryview) -> None:
        row = bisect_right(self._starts, at) - 1
        while view:
            filled = self._fill_of(row, at, view) if at < self._end else _zeros(view)
            at, view, row = at + filled, view[filled:], row + 1

    def _fill_of(self, row: int, at: int, view: memoryview) -> int:
        """Bytes of the member `row` from `at` on, in the whole: how many there are, up to its end."""
        file = self._files[row]
        within = at - self._starts[row]
        filled, begin = 0, _header_size(file)
        if within < begin:
            header = _header(file)[within : within + len(view)]
            view[: len(header)] = header
            filled = len(header)
        place = within + filled - begin
        if count := max(0, min(len(view) - filled, file.size - place)):
            self._opened(file).fill(place, view[filled : filled + count])
            filled += count
        end = begin + file.size + _padding(file.size)
        return filled + _zeros(view[filled : filled + max(0, end - within - filled)])

    def _opened(self, file: ListedFile) -> _Content:
        if self._content is None or self._content.file is not file:
            if self._content is not None:
                self._content.close()
            self._content = _Content(file)
        return self._content


class _Content:
    """The content of one file, which must be as it was listed each time that some of it is read."""

    def __init__(self, file: ListedFile) -> None:
        self.file = file
        self._opened: io.FileIO | None = None

    def fill(self, at: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `at` on."""
        try:
            if self._opened is None:
                self._opened = io.FileIO(self.file.path)
            self._opened.seek(at)
            while view and (count := self._opened.readinto(view)):
                view = view[count:]
            found = os.fstat(self._opened.fileno())
        except OSError as error:
            raise unreadable(self.file.path, reason_of(error)) from error
        if view or (found.st_size, found.st_mtime_ns) != (self.file.size, self.file.mtime_ns):
            raise UnreadableFileError(
                f"{self.file.path!r} has been changed since it was listed.",
                code="file_changed",
                hint="Start again when nothing writes to it.",
            )

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


def open_upload(path: Path) -> UploadFile:
    """The file that is uploaded of a file or a folder. Raises LocalError where it cannot be read, or has nothing."""
    return pack(path, list_folder(path)) if path.is_dir() else SingleFile(path)


def pack(folder: Path, listing: Listing) -> FolderTar:
    """The tar of a folder. Raises LocalError where a part of the folder cannot be read, or it has no files."""
    for name, reason in listing.unreadable:
        raise unreadable(os.fspath(folder / name), reason)
    if not listing.files:
        raise no_files(folder, listing)
    return FolderTar(listing.files)


def no_files(folder: Path, listing: Listing) -> LocalError:
    """The error of a folder without a file."""
    has_others = listing.links or listing.devices
    others = ": links and devices, which it has, are not sent" if has_others else ""
    return LocalError(f"The folder {os.fspath(folder)!r} has no files{others}.", code="dataset_invalid", hint=HOW)


def unreadable(path: str, reason: str) -> UnreadableFileError:
    """The error of a file or folder that cannot be read."""
    return UnreadableFileError(f"{path!r} cannot be read: {reason}.", code="file_unreadable")


def _is_plain(file: ListedFile) -> bool:
    return file.name.isascii() and len(file.name) <= _LONGEST_PLAIN_NAME and file.size <= _LARGEST_PLAIN_SIZE


def _header_size(file: ListedFile) -> int:
    return BLOCK if _is_plain(file) else len(_header(file))


def _header(file: ListedFile) -> bytes:
    """Of a regular file, with mode 0644, no time and no owner; and a pax header in front where it needs one."""
    member = tarfile.TarInfo(file.name)
    member.size = file.size
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> int:
    return -size % BLOCK


def _zeros(view: memoryview) -> int:
    """Fill `view` with zeros. How many."""
    view[:] = bytes(len(view))
    return len(view)
