"""The bytes of an archive in order, unpacked where it is compressed, each read bounded and counted. Torch-free.

Python's own modules are enough for these; zstd_stream.py has what needs one more.
"""

import zlib
from abc import ABC, abstractmethod
from typing import BinaryIO, Protocol

from training.archives.kinds import GZIP
from training.archives.limits import KIB, Budget
from training.archives.member_names import told_name
from training.archives.members import Readable
from training.errors import DatasetInvalid

CHUNK = 64 * KIB

SEND_AGAIN = "Send it again; if that does not help, pack it again."


class Stream(Protocol):
    """What a tar's members are read from."""

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""

    def skip(self, count: int, /) -> int:
        """Pass over `count` bytes, and return how many there were."""


class FileStream:
    """The bytes of the archive as it was sent, from its beginning. `counts_unpacked`: they are its content, too."""

    def __init__(self, source: BinaryIO, size: int, budget: Budget, *, counts_unpacked: bool = False) -> None:
        self._source, self._left, self._budget = source, size, budget
        self._counts_unpacked = counts_unpacked
        source.seek(0)

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""
        found = self._source.read(min(most, self._left))
        self._left -= len(found)
        self._count(len(found))
        return found

    def skip(self, count: int, /) -> int:
        """Pass over `count` bytes, and return how many there were."""
        there = min(count, self._left)
        self._source.seek(there, 1)
        self._left -= there
        self._count(there)
        return there

    def _count(self, count: int) -> None:
        self._budget.count_packed(count)
        if self._counts_unpacked:
            self._budget.count_unpacked(count)


class Unpacked(ABC):
    """The content of compressed bytes: of the archive, or of its member `name`, which is fit to be shown. Frames,
    several of which may follow one another, are decoded one by one, and one that is cut off is an error.
    """

    def __init__(self, packed: Readable, budget: Budget, name: str = "") -> None:
        self._packed, self._budget, self._name = packed, budget, name or "The archive"
        self._is_archive = not name
        self._ready, self._at = b"", 0  # unpacked, and how much of it was read
        self._frames = 1

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""
        piece = self._ready[self._at : self._at + most]
        self._at += len(piece)
        if len(piece) == most:
            return piece
        parts, wanted = [piece], most - len(piece)
        while wanted and self._fill():
            piece = self._ready[:wanted]
            self._at = len(piece)
            wanted -= len(piece)
            parts.append(piece)
        return b"".join(parts)

    def skip(self, count: int, /) -> int:
        """Pass over `count` bytes, and return how many there were."""
        left = count
        while left:
            step = min(left, len(self._ready) - self._at)
            self._at += step
            left -= step
            if left and not self._fill():
                break
        return count - left

    def _fill(self) -> bool:
        """Unpack some more; False at the end."""
        self._ready, self._at = self._some(), 0
        self._budget.count_unpacked(len(self._ready))
        return bool(self._ready)

    @abstractmethod
    def _some(self) -> bytes:
        """The next bytes; none at the end."""

    def _damaged(self, how: str) -> DatasetInvalid:
        last = self._budget.reading if self._is_archive else ""
        where = f", in or behind {told_name(last)}" if last else ""
        return DatasetInvalid(f"{self._name} is {how}{where}.", SEND_AGAIN)

    def _count_frame(self) -> None:
        self._frames += 1
        if self._frames > self._budget.limits.members:
            raise self._damaged(f"in more than {self._budget.limits.members:,} pieces, one behind the other")

    def _trailing(self) -> DatasetInvalid:
        return DatasetInvalid(
            f"{self._name} has bytes behind its end that do not belong to it.",
            "Pack it again, and send nothing but that.",
        )


class Gunzipped(Unpacked):
    """The content of gzip data: of all its members, as bgzip makes many."""

    def __init__(self, packed: Readable, budget: Budget, name: str = "") -> None:
        super().__init__(packed, budget, name)
        self._decoder, self._waiting = zlib.decompressobj(31), b""

    def _some(self) -> bytes:
        try:
            while True:
                if self._decoder.eof and not self._begin_next():
                    return b""
                chunk = self._waiting or self._packed.read(CHUNK)
                found = self._decoder.decompress(chunk, CHUNK)
                self._waiting = self._decoder.unconsumed_tail
                if found:
                    return found
                if not chunk and not self._decoder.eof:
                    raise self._damaged("cut off")
        except zlib.error:
            raise self._damaged("damaged: its gzip data cannot be unpacked, or has another checksum") from None

    def _begin_next(self) -> bool:
        """Go on with the next member; False where there is none. Zeros in between are allowed, as tapes have them."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while len(rest) < len(GZIP) and (more := self._packed.read(CHUNK)):
            rest = (rest + more).lstrip(b"\0")
        if rest and not rest.startswith(GZIP):
            raise self._trailing()
        if rest:
            self._count_frame()
            self._decoder, self._waiting = zlib.decompressobj(31), rest
        return bool(rest)
