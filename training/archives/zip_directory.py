"""Finds and reads the list of members at a zip archive's end, and judges it before any member is read. Torch-free.

The standard library's reader parses whatever the list holds and trusts it: here its size and number are bounded first,
members that overlap are refused, and so is whatever lies before or behind the archive.
"""

import stat
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from training.archives.limits import Budget, in_bytes, too_dense, too_large, too_many
from training.archives.member_names import HOW_TO_PACK, Undecodable, extra_field, fault_of, told_name, zip_name
from training.archives.members import Examples
from training.errors import DatasetInvalid

_END = struct.Struct("<4s4H2LH")  # this disk, the list's disk, entries here, entries, size, offset, comment
_LOCATOR = struct.Struct("<4sLQL")  # disk, offset of the 64-bit record, disks
_END64 = struct.Struct("<4sQ2H2L4Q")  # size, made by, needed, disks, entries here, entries, size, offset
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST_COMMENT = 2**16 - 1
LOCAL_HEADER = 30  # bytes, without the name

STORED, DEFLATED = 0, 8
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_AES = 99
_ENCRYPTED = 1 | 1 << 6 | 1 << 13  # by a password; strongly; the list's own names
_UNIX = (3, 19)  # hosts whose members have a file's type and mode

SEND_AGAIN = "Send it again; if that does not help, pack it again."
_MACOS = "What macOS's Compress makes of more than 4 GiB is damaged in this way: use `zip -r` or `tar -cf` there."


@dataclass(frozen=True, slots=True)
class ZipMember:
    """What the list says of one member. `type`: of a file, as in `stat`; 0 where it is not said."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    offset: int
    type: int

    @property
    def is_folder(self) -> bool:
        """Whether it has no content."""
        return self.raw_name.endswith((b"/", b"\\")) or self.type == stat.S_IFDIR


class ZipDirectory:
    """The list of members of the zip archive `source`. Raises DatasetInvalid where it cannot be what a program made.

    It is held as it is, so that a million members take little memory.
    """

    def __init__(self, source: BinaryIO, size: int, budget: Budget) -> None:
        self._limits, self._size, self._budget = budget.limits, size, budget
        count, length, self.start = self._find(source, size)
        source.seek(self.start)
        self._bytes = source.read(length)
        self._places, self._offsets, self._packed = array("Q"), array("Q"), array("Q")
        self._faults: dict[str, Examples] = {}
        self.guessed_names = False  # whether the encoding of a folder's name was guessed
        self._scan(count)

    def __iter__(self) -> Iterator[ZipMember]:
        """In the order in which they lie in the archive."""
        for row in self._in_order():
            yield self._member(self._places[row])[0]

    def _find(self, source: BinaryIO, size: int) -> tuple[int, int, int]:
        """How many members the list has, its length, and where it begins."""
        at = max(0, size - _LOCATOR.size - _END.size - _LONGEST_COMMENT)
        source.seek(at)
        tail = source.read(size - at)
        place = self._place_of_end(tail)
        _, disk, start_disk, here, count, length, start, _ = _END.unpack_from(tail, place)
        end = at + place
        if place >= _LOCATOR.size and tail[place - _LOCATOR.size :][:4] == b"PK\6\7":
            disk, here, count, length, start, end = self._find_64(source, tail[place - _LOCATOR.size : place], end)
        if disk or (start_disk not in (0, 0xFFFF)) or here != count:
            raise DatasetInvalid("The archive is one part of a zip archive in several parts.", "Pack it as one file.")
        if start + length != end:
            raise DatasetInvalid(
                "The archive is damaged: the list of its members is not where its end says, or something is in front.",
                f"{SEND_AGAIN} {_MACOS}",
            )
        if count > self._limits.members:
            raise too_many(self._limits)
        if length > self._limits.directory_bytes:
            most = in_bytes(self._limits.directory_bytes)
            raise DatasetInvalid(f"The archive's list of members is longer than {most}.", "Send fewer files in one.")
        return count, length, start

    def _place_of_end(self, tail: bytes) -> int:
        """Of the record whose comment ends where the archive does."""
        place = found = tail.rfind(b"PK\5\6")
        while place >= 0:
            fits = place + _END.size <= len(tail)
            if fits and place + _END.size + int.from_bytes(tail[place + 20 : place + 22], "little") == len(tail):
                return place
            place = tail.rfind(b"PK\5\6", 0, place)
        if 0 <= found <= len(tail) - _END.size:
            raise DatasetInvalid(
                "The archive has bytes behind its end, or is cut off within its comment.",
                "Send the zip archive itself, and nothing behind it.",
            )
        raise DatasetInvalid("The archive is cut off: the list of members at its end is missing.", SEND_AGAIN)

    def _find_64(self, source: BinaryIO, locator: bytes, end: int) -> tuple[int, int, int, int, int, int]:
        _, disk, place, _ = _LOCATOR.unpack(locator)
        source.seek(min(place, self._size))
        record = source.read(_END64.size)
        if len(record) < _END64.size or record[:4] != b"PK\6\6":
            raise DatasetInvalid("The archive is damaged: its end leads nowhere.", f"{SEND_AGAIN} {_MACOS}")
        _, length, _, _, this, _, here, count, size, start = _END64.unpack(record)
        if place + 12 + length != end - _LOCATOR.size:
            raise DatasetInvalid("The archive is damaged: its end has another length than it says.", SEND_AGAIN)
        return disk or this, here, count, size, start, place

    def _scan(self, count: int) -> None:
        """Look at each member once, and raise DatasetInvalid for all that is wrong with any."""
        at = unpacked = 0
        largest: ZipMember | None = None
        while at < len(self._bytes):
            member, following = self._member(at)
            self._budget.begin(member.name)
            self._budget.count_member(len(member.raw_name))
            if largest is None or member.size > largest.size:
                largest = member
            self._places.append(at)
            self._offsets.append(member.offset)
            self._packed.append(LOCAL_HEADER + len(member.raw_name) + member.packed)
            unpacked += member.size
            self._judge(member)
            at = following
        if len(self._places) != count and not (0 <= count < 2**16 and len(self._places) % 2**16 == count):
            # Programs that know no numbers of 64 bits write what is left of them.
            raise self._damaged(f"it says that it has {count:,} members, and lists {len(self._places):,}")
        self._raise_faults()
        self._check_overlaps()
        most = f": {_sizes(largest)} is the largest in it" if largest else ""
        if unpacked > self._limits.total_bytes:
            raise too_large(self._limits, most)
        if unpacked > max(self._limits.unpacked_freely, self._limits.ratio * self._size):
            raise too_dense(self._limits, most)

    def _judge(self, member: ZipMember) -> None:
        if (fault := fault_of(member.name)) is not None:
            self._fault(fault, member)
        if member.flags & _ENCRYPTED or member.method == _AES:
            self._fault("encrypted", member)
        elif member.method not in (STORED, DEFLATED):
            self._fault(_METHODS.get(member.method, f"method {member.method}"), member)
        elif member.method == STORED and member.packed != member.size:
            self._fault("unequal", member)

    def _fault(self, fault: str, member: ZipMember) -> None:
        self._faults.setdefault(fault, Examples()).add(told_name(member.name))

    def _raise_faults(self) -> None:
        if not self._faults:
            return
        details, hints = [], []
        for fault, names in self._faults.items():
            if fault == "encrypted":
                details.append(f"is encrypted with a password: {names}")
                hints.append("Pack it without a password")
            elif fault == "unequal":
                details.append(f"is damaged: the two sizes of what is not compressed differ: {names}")
                hints.append("Pack the folder anew")
            elif fault in _METHODS.values() or fault.startswith("method "):
                details.append(f"is compressed by {fault}, which is not read here: {names}")
                hints.append("Choose Deflate as the method of compression, or none; or send a tar.zst")
            else:
                details.append(f"has names that {fault}: {names}")
                hints.append(HOW_TO_PACK)
        raise DatasetInvalid(f"The archive {'; it '.join(details)}.", f"{'. '.join(dict.fromkeys(hints))}.")

    def _check_overlaps(self) -> None:
        """The least that each member takes must end before the next one begins, and the first one is at the start."""
        if not self._offsets:
            raise DatasetInvalid("The archive is empty.", "Pack the folder anew, with the images in it.")
        order, offsets = self._in_order(), self._offsets
        if offsets[order[0]] != 0:
            first = told_name(self._member(self._places[order[0]])[0].name)
            raise self._damaged(f"there is something in front of {first}, the first member in its list")
        overlapping = Examples()
        for place, row in enumerate(order, 1):
            end = offsets[order[place]] if place < len(order) else self.start
            if end - offsets[row] < self._packed[row]:
                overlapping.add(told_name(self._member(self._places[row])[0].name))
        if overlapping:
            raise self._damaged(f"members overlap with what is behind them: {overlapping}")

    def _in_order(self) -> Sequence[int]:
        """The rows of the members, in the order in which they lie in the archive."""
        return array("Q", sorted(range(len(self._offsets)), key=self._offsets.__getitem__))

    def _member(self, at: int) -> tuple[ZipMember, int]:
        """The member whose entry is at this place, and the next one's place."""
        if at + _ENTRY.size > len(self._bytes) or self._bytes[at : at + 4] != b"PK\1\2":
            raise self._unreadable()
        fields = _ENTRY.unpack_from(self._bytes, at)
        _, made_by, _, flags, method, _, _, checksum, packed, size = fields[:10]
        name_length, extra_length, comment, disk, _, attributes, offset = fields[10:]
        begin = at + _ENTRY.size
        raw_name = self._bytes[begin : begin + name_length]
        extra = self._bytes[begin + name_length : begin + name_length + extra_length]
        following = begin + name_length + extra_length + comment
        if following > len(self._bytes) or disk not in (0, 0xFFFF):
            raise self._unreadable()
        name = self._name(raw_name, flags, extra)
        size, packed, offset = self._in_64_bits(name, size, packed, offset, extra)
        kind = stat.S_IFMT(attributes >> 16) if made_by >> 8 in _UNIX else 0
        return ZipMember(name, raw_name, flags, method, checksum, packed, size, offset, kind), following

    def _name(self, raw: bytes, flags: int, extra: bytes) -> str:
        try:
            name, guessed = zip_name(raw, flags, extra)
        except Undecodable as error:
            raise DatasetInvalid(
                f"The archive has a folder whose name is not UTF-8, and could be {error}.",
                "Pack it with a program that writes names in UTF-8, such as 7-Zip or `zip`, or rename the folder.",
            ) from None
        self.guessed_names = self.guessed_names or guessed
        return name

    def _in_64_bits(self, name: str, size: int, packed: int, offset: int, extra: bytes) -> tuple[int, int, int]:
        """Numbers that are too large for 32 bits are in an extra field, in this order."""
        numbers = [size, packed, offset]
        large = [place for place, number in enumerate(numbers) if number == 0xFFFFFFFF]
        if large:
            data = extra_field(extra, 1)
            if len(data) < 8 * len(large):
                raise self._damaged(f"the size of {told_name(name)} is missing, or where it lies")
            for place in large:
                numbers[place], data = int.from_bytes(data[:8], "little"), data[8:]
        if max(numbers) >= 2**62:
            raise self._damaged(f"the size of {told_name(name)} cannot be read, or where it lies")
        return numbers[0], numbers[1], numbers[2]

    def _unreadable(self) -> DatasetInvalid:
        last = self._budget.reading
        where = f", behind {told_name(last)}" if last else ""
        return self._damaged(f"the list of its members cannot be read{where}")

    def _damaged(self, what: str) -> DatasetInvalid:
        return DatasetInvalid(f"The archive is damaged: {what}.", SEND_AGAIN)


def _sizes(member: ZipMember) -> str:
    return f"{told_name(member.name)}, of {in_bytes(member.packed)} that would become {in_bytes(member.size)},"
