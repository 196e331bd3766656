"""A zip that is made while it is sent: one piece of one file is in memory at a time.

Equal files give equal bytes: entries have one fixed time, and are not compressed, which other versions of a library
might do otherwise.
"""

from collections.abc import Iterator
from zipfile import ZipFile, ZipInfo

File = tuple[str, int | None, Iterator[bytes]]  # its name, its length where that is known, and its content in pieces

_UNIX = 3  # so that the permissions mean something
_PERMISSIONS = 0o644 << 16
_LARGEST = 2**31 - 1  # bytes, from where a zip needs a form that not every program reads


def zipped(files: Iterator[File]) -> Iterator[bytes]:
    """The zip of `files` in pieces. A file without a length must be shorter than 2 GiB. Where its content raises, the
    zip has no end."""
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for name, length, pieces in files:
            entry = ZipInfo(name)  # of 1980, which is a zip's earliest time
            entry.create_system, entry.external_attr = _UNIX, _PERMISSIONS
            with archive.open(entry, "w", force_zip64=length is not None and length > _LARGEST) as file:
                for piece in pieces:
                    file.write(piece)
                    yield sink.take()
    yield sink.take()


class _Sink:
    """Holds what is written until it is taken. It cannot seek: so a zip has an entry's length behind the entry."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """As a file does."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """As a file does."""

    def close(self) -> None:
        """As a file does."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._written = b"".join(self._written), []
        return taken
