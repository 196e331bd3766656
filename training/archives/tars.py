"""Reads a tar archive in one pass: old ones, ustar, GNU's and pax. Torch-free.

Of each member only the name, the size and the type count. Headers are bounded before they are read, and whatever is no
regular file is passed over and counted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from training.archives.kinds import SEND, TAR_BLOCK, has_right_checksum, nested_archive
from training.archives.limits import KIB, Budget, in_bytes
from training.archives.member_names import HOW_TO_PACK, Undecodable, cleaned, fault_of, tar_name, told_name
from training.archives.members import Entry, Skipped
from training.archives.streams import SEND_AGAIN, Stream
from training.errors import DatasetInvalid
from training.image_folders.file_kinds import kind_of

LARGEST_HEADER = 1024 * KIB  # of a long name or a pax header: extended attributes make them this large, names do not
MOST_HEADERS = 8  # in front of one member

LINKS = "links, which are not followed: `tar -h` packs what they lead to, `--hard-dereference` for hard links"
DEVICES = "devices, pipes and sockets"
SPARSE = "sparse files: pack them without --sparse"
UNKNOWN = "entries of a type that is not known"

_REGULAR, _FOLDERS = b"0\0007", b"5D"
_PASSED_OVER = {b"1": LINKS, b"2": LINKS, b"3": DEVICES, b"4": DEVICES, b"6": DEVICES, b"S": SPARSE}
_OCTAL, _DECIMAL = re.compile(rb"[0-7]{0,12}"), re.compile(rb"\d{1,19}")
_RECORD = re.compile(rb"(\d{1,7}) ([^=\n]+)=", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    size: int
    kind: bytes
    is_extended: bool  # a sparse file's map goes on in the next block


@dataclass(slots=True)
class _Extended:
    """What the headers in front of a member say of it."""

    name: bytes | None = None
    size: bytes | None = None  # in decimal digits
    is_sparse: bool = False


class TarReader:
    """The members of the tar archive that `stream` has. What is wrong with it raises DatasetInvalid."""

    def __init__(self, stream: Stream, budget: Budget, skipped: Skipped) -> None:
        self._stream, self._budget, self._skipped = stream, budget, skipped
        self._has_begun = False
        self._last = ""  # name of a member, for errors that cannot tell another

    def entries(self) -> Iterator[Entry]:
        """Each regular file. What is left of it is passed over when the next one is asked for."""
        while (found := self._next()) is not None:
            header, extended = found
            name = member_name(header.name)
            self._budget.count_member(len(header.name))
            if header.size > self._budget.limits.total_bytes:
                raise self._cut_off(name, header.size)
            body = _Body(self, name, header.size)
            if header.kind in _FOLDERS or (header.kind in _REGULAR and header.name.endswith(b"/")):
                self._skipped.folders.add(name)
            elif (reason := self._reason(header, extended)) is not None:
                self._skipped.add(reason, name)
                self._skipped.folders.add(name)
            elif not name:
                where = f", behind {told_name(self._last)}" if self._last else ""
                raise DatasetInvalid(f"A file in the archive has no name{where}.", f"{HOW_TO_PACK}.")
            else:
                yield Entry(name, header.size, body)
            body.pass_over()
            self._last = name
        self._check_end()

    def read_exactly(self, count: int) -> bytes:
        """The next `count` bytes, which must be there."""
        found = self._stream.read(count)
        if len(found) < count:
            raise self.cut_off_here()
        return found

    def skip_exactly(self, count: int) -> None:
        """Pass over `count` bytes, which must be there."""
        if self._stream.skip(count) < count:
            raise self.cut_off_here()

    def cut_off_here(self) -> DatasetInvalid:
        """The error where the archive ends too early."""
        behind = f", in or behind {told_name(self._last)}" if self._last else ""
        return DatasetInvalid(f"The archive is cut off{behind}.", SEND_AGAIN)

    def begin(self, name: str) -> None:
        """The member `name` is being read: it is the one that errors name."""
        self._last = name
        self._budget.begin(name)

    def _next(self) -> tuple[_Header, _Extended] | None:
        """The next member's header, as the extended ones in front of it change it; None at the end's mark."""
        extended = _Extended()
        for _ in range(MOST_HEADERS):
            block = self.read_exactly(TAR_BLOCK)
            if not block.strip(b"\0"):
                return None
            header = self._parsed(block)
            if header.kind not in (b"x", b"X", b"g", b"L", b"K", b"N", b"V"):
                self._pass_sparse_map(header)
                name = header.name if extended.name is None else extended.name
                size = header.size if extended.size is None else self._decimal(extended.size, name)
                return _Header(name, size, header.kind, header.is_extended), extended
            self._read_extended(header, extended)
        raise self._damaged(f"more than {MOST_HEADERS} headers in front of one member")

    def _read_extended(self, header: _Header, extended: _Extended) -> None:
        padding = -header.size % TAR_BLOCK
        if header.kind not in b"xXL":  # about all files, the target of a link, or the archive's own name
            self.skip_exactly(header.size + padding)
            return
        if header.size > LARGEST_HEADER:
            raise self._damaged(f"a header of {in_bytes(header.size)} in front of a member")
        content = self.read_exactly(header.size)
        self.skip_exactly(padding)
        if header.kind == b"L":
            extended.name = content.rstrip(b"\0")
        else:
            self._read_pax(content, extended)

    def _read_pax(self, content: bytes, extended: _Extended) -> None:
        """Its records are `<length> <key>=<value>` and a new line, where the length counts itself."""
        at = 0
        while at < len(content) and content[at] != 0:
            found = _RECORD.match(content, at)
            end = at + int(found[1]) if found is not None else 0
            if found is None or end <= found.end() or end > len(content) or content[end - 1 : end] != b"\n":
                raise self._damaged("a pax header that cannot be read")
            key, value = found[2], content[found.end() : end - 1]
            if key == b"path":
                extended.name = value
            elif key == b"size":
                extended.size = value
            elif key.startswith(b"GNU.sparse."):
                extended.is_sparse = True
            at = end

    def _parsed(self, block: bytes) -> _Header:
        if not has_right_checksum(block):
            if not self._has_begun:
                title = nested_archive(block) or kind_of(block).title.partition(":")[0].partition(",")[0]
                raise DatasetInvalid(f"The content of the archive is no tar archive but {title}.", SEND)
            raise self._damaged("a header with another checksum")
        self._has_begun = True
        name, prefix = block[:100].partition(b"\0")[0], block[345:500].partition(b"\0")[0]
        if prefix and block[257:263] == b"ustar\0":
            name = prefix + b"/" + name
        kind = block[156:157]
        if kind == b"M":
            raise DatasetInvalid("The archive is one part of a tar archive in several parts.", "Send it as one.")
        return _Header(name, self._number(block[124:136], name), kind, is_extended=kind == b"S" and block[482] != 0)

    def _number(self, field: bytes, name: bytes) -> int:
        """The size in the header of the member `name`."""
        if field[0] == 0x80:  # GNU's form for what is too large for eleven octal digits
            return int.from_bytes(field[1:], "big")
        digits = field.partition(b"\0")[0].strip()
        if not _OCTAL.fullmatch(digits):
            raise self._unreadable_size(name)
        return int(digits or b"0", 8)

    def _decimal(self, value: bytes, name: bytes) -> int:
        """The size in a pax header of the member `name`."""
        if not _DECIMAL.fullmatch(value.strip()):
            raise self._unreadable_size(name)
        return int(value)

    def _pass_sparse_map(self, header: _Header) -> None:
        goes_on = header.is_extended
        while goes_on:
            goes_on = self.read_exactly(TAR_BLOCK)[504] != 0

    def _reason(self, header: _Header, extended: _Extended) -> str | None:
        """Why it is passed over; None for a regular file."""
        if extended.is_sparse:
            return SPARSE
        return None if header.kind in _REGULAR else _PASSED_OVER.get(header.kind, UNKNOWN)

    def _check_end(self) -> None:
        """Behind the mark there are only zeros, and what is compressed is whole."""
        while block := self._stream.read(64 * KIB):
            if block.strip(b"\0"):
                where = f" and {told_name(self._last)}" if self._last else ""
                raise DatasetInvalid(
                    f"The archive goes on behind the mark of its end{where}, as if two were put one behind the other.",
                    "Pack everything in one go.",
                )

    def _cut_off(self, name: str, size: int) -> DatasetInvalid:
        return DatasetInvalid(
            f"{told_name(name)} in the archive says that it has {in_bytes(size)}, which is more than all files may "
            f"have together, {in_bytes(self._budget.limits.total_bytes)}.",
            f"The archive is damaged, or too large. {SEND_AGAIN}",
        )

    def _unreadable_size(self, name: bytes) -> DatasetInvalid:
        told = told_name(name.decode(errors="backslashreplace"))
        return DatasetInvalid(f"The archive is damaged: the size of {told} cannot be read.", SEND_AGAIN)

    def _damaged(self, what: str) -> DatasetInvalid:
        where = f", behind {told_name(self._last)}" if self._last else ""
        return DatasetInvalid(f"The archive is damaged{where}: it has {what}.", SEND_AGAIN)


def member_name(raw: bytes) -> str:
    """The name of a member, without what does not matter in it. Raises DatasetInvalid."""
    try:
        name = tar_name(raw)
    except Undecodable as error:
        raise DatasetInvalid(
            f"The archive has a folder whose name is not UTF-8: {error}.", "Rename it, and pack it again."
        ) from None
    if (fault := fault_of(name)) is not None:
        raise DatasetInvalid(f"The archive has names that {fault}: {told_name(name)}.", f"{HOW_TO_PACK}.")
    return cleaned(name)


class _Body:
    """The content of one member."""

    def __init__(self, reader: TarReader, name: str, size: int) -> None:
        self._reader, self._name = reader, name
        self._left, self._padding = size, -size % TAR_BLOCK

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""
        self._reader.begin(self._name)
        found = self._reader.read_exactly(min(most, self._left))
        self._left -= len(found)
        return found

    def pass_over(self) -> None:
        """What is left of it, and what fills up its last block."""
        self._reader.begin(self._name)
        self._reader.skip_exactly(self._left + self._padding)
