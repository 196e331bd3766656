"""Reads the members of a zip archive. Torch-free."""

import stat
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from training.archives.limits import KIB, Budget
from training.archives.member_names import HOW_TO_PACK, cleaned, extra_field, told_name
from training.archives.members import Entry, Skipped
from training.archives.zip_directory import (
    DEFLATED,
    LOCAL_HEADER,
    SEND_AGAIN,
    ZipDirectory,
    ZipMember,
)
from training.errors import DatasetInvalid

CHUNK = 64 * KIB
LINKS = "links, which are not followed: `zip` without --symlinks packs what they lead to"
DEVICES = "devices, pipes and sockets"
GUESSED = "Names of folders are not stored as UTF-8. They were read as Western European letters (cp437)."

_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR = 1 << 3  # flag: checksum and sizes stand behind the content, and in the list


class ZipReader:
    """The members of the zip archive `source`. What is wrong with it raises DatasetInvalid."""

    def __init__(self, source: BinaryIO, size: int, budget: Budget, skipped: Skipped) -> None:
        self._source, self._budget, self._skipped = source, budget, skipped
        self._directory = ZipDirectory(source, size, budget)
        if self._directory.guessed_names:
            skipped.note(GUESSED)

    def entries(self) -> Iterator[Entry]:
        """Each regular file, in the order in which they lie in the archive."""
        for member in self._directory:
            name = cleaned(member.name)
            self._budget.begin(member.name)
            if member.is_folder:
                self._skipped.folders.add(name)
            elif member.type not in (0, stat.S_IFREG):
                self._skipped.add(LINKS if member.type == stat.S_IFLNK else DEVICES, name)
                self._skipped.folders.add(name)
            elif not name:
                stored = f": it is stored as {told_name(member.name)}" if member.name else ""
                raise DatasetInvalid(f"A file in the archive has no name{stored}.", f"{HOW_TO_PACK}.")
            else:
                yield Entry(name, member.size, _Body(self._source, self._content_of(member), member, self._budget))

    def _content_of(self, member: ZipMember) -> int:
        """Where the content begins. The header in front of it must say what the list does."""
        self._source.seek(member.offset)
        header = self._source.read(LOCAL_HEADER + len(member.raw_name))
        if len(header) < LOCAL_HEADER or header[:4] != b"PK\3\4":
            raise self._contradiction(member, "is not where the list says")
        _, _, flags, method, _, _, checksum, packed, size, name_length, extra_length = _LOCAL.unpack_from(header)
        if header[LOCAL_HEADER:] != member.raw_name or name_length != len(member.raw_name):
            raise self._contradiction(member, "has another name in front of its content")
        if method != member.method or (flags ^ member.flags) & 1:
            raise self._contradiction(member, "has another method of compression in front of its content")
        extra = self._source.read(extra_length)
        if not flags & _DESCRIPTOR:
            size, packed = _in_64_bits(size, packed, extra)
            if (checksum, size, packed) != (member.checksum, member.size, member.packed):
                raise self._contradiction(member, "has another size or checksum in front of its content")
        self._budget.count_packed(LOCAL_HEADER + len(member.raw_name) + len(extra))
        return member.offset + LOCAL_HEADER + len(member.raw_name) + len(extra)

    def _contradiction(self, member: ZipMember, what: str) -> DatasetInvalid:
        return DatasetInvalid(
            f"The archive contradicts itself: {told_name(member.name)} {what}.", f"Pack the folder anew. {SEND_AGAIN}"
        )


def _in_64_bits(size: int, packed: int, extra: bytes) -> tuple[int, int]:
    data = extra_field(extra, 1)
    if size == 0xFFFFFFFF:
        size, data = int.from_bytes(data[:8], "little"), data[8:]
    return size, int.from_bytes(data[:8], "little") if packed == 0xFFFFFFFF else packed


class _Body:
    """The content of one member, which is checked once it was read to its end."""

    def __init__(self, source: BinaryIO, at: int, member: ZipMember, budget: Budget) -> None:
        self._source, self._at, self._member, self._budget = source, at, member, budget
        self._packed_left, self._left = member.packed, member.size
        self._checksum, self._waiting = 0, b""
        self._decoder = zlib.decompressobj(-15) if member.method == DEFLATED else None

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""
        self._budget.begin(self._member.name)
        wanted = min(most, self._left)
        parts = []
        while wanted:
            piece = self._some(wanted)
            self._budget.count_unpacked(len(piece))
            self._checksum = zlib.crc32(piece, self._checksum)
            self._left -= len(piece)
            wanted -= len(piece)
            parts.append(piece)
        if not self._left:
            self._check_end()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _some(self, most: int) -> bytes:
        """One byte at least, which must be there."""
        found = self._take(most) if self._decoder is None else self._unpack(self._decoder, most)
        if not found:
            raise self._damaged("is cut off")
        return found

    def _take(self, most: int) -> bytes:
        """Of the bytes that are packed."""
        self._source.seek(self._at)
        found = self._source.read(min(most, self._packed_left))
        self._at += len(found)
        self._packed_left -= len(found)
        self._budget.count_packed(len(found))
        return found

    def _unpack(self, decoder: "zlib._Decompress", most: int) -> bytes:
        try:
            while True:
                chunk = self._waiting or self._take(CHUNK)
                found = decoder.decompress(chunk, most)
                self._waiting = decoder.unconsumed_tail
                if found or not chunk or decoder.eof:
                    return found
        except zlib.error:
            raise self._damaged("cannot be unpacked") from None

    def _check_end(self) -> None:
        decoder, member = self._decoder, self._member
        if decoder is not None and member.packed and not decoder.eof and self._unpack(decoder, 1):
            raise self._damaged("unpacks to more than it says")
        if self._packed_left or (decoder is not None and (decoder.unused_data or decoder.eof != bool(member.packed))):
            raise self._damaged("has another length than it says")
        if self._checksum != member.checksum:
            raise self._damaged("has another checksum than it says")

    def _damaged(self, how: str) -> DatasetInvalid:
        return DatasetInvalid(f"The archive is damaged: {told_name(self._member.name)} {how}.", SEND_AGAIN)
