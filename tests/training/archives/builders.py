"""Archives for the tests, byte by byte where no program would write them: sound ones, and hostile ones."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard

from training.archives.reading import Limits, Member, Skipped, read_members

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = b"<!DOCTYPE html><html><body>404"

PETS = {
    f"{split}/{name}/{number}.png": PNG + f"{split} {name} {number}".encode() * 40
    for split in ("train", "test")
    for name in ("cat", "dog")
    for number in range(5)
}


@dataclass
class Found:
    """What reading an archive gives."""

    members: list[Member]
    skipped: Skipped
    tables: dict[str, bytes]

    @property
    def contents(self) -> dict[str, bytes]:
        return {member.name: member.content for member in self.members}


def read(archive: bytes, limits: Limits | None = None) -> Found:
    skipped, tables = Skipped(), dict[str, bytes]()
    source = io.BytesIO(archive)
    return Found(list(read_members(source, len(archive), limits or Limits(), skipped, tables)), skipped, tables)


# Zip


@dataclass
class ZipFile:
    """A member. What is None is what it should be; `local_` is what stands in front of the content."""

    name: bytes
    content: bytes = b""
    method: int = zipfile.ZIP_DEFLATED
    flags: int = 0
    mode: int = 0
    host: int = 3
    packed: bytes | None = None
    size: int | None = None
    checksum: int | None = None
    extra: bytes = b""
    offset: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    local_size: int | None = None


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(content) + packer.flush()


def local_header(file: ZipFile, packed_size: int) -> bytes:
    name = file.name if file.local_name is None else file.local_name
    size = len(file.content) if file.size is None else file.size
    checksum = zlib.crc32(file.content) if file.checksum is None else file.checksum
    method = file.method if file.local_method is None else file.local_method
    shown = size if file.local_size is None else file.local_size
    numbers = (0, 0, 0) if file.flags & 8 else (checksum, packed_size, shown)
    return struct.pack("<4s5H3L2H", b"PK\3\4", 20, file.flags, method, 0, 0, *numbers, len(name), 0) + name


def central_entry(file: ZipFile, packed_size: int, offset: int) -> bytes:
    size = len(file.content) if file.size is None else file.size
    checksum = zlib.crc32(file.content) if file.checksum is None else file.checksum
    front = (b"PK\1\2", file.host << 8 | 20, 20, file.flags, file.method, 0, 0, checksum)
    packed_size = packed_size if file.packed_size is None else file.packed_size
    lengths = (packed_size, size, len(file.name), len(file.extra), 0, 0, 0)
    offset = offset if file.offset is None else file.offset
    return struct.pack("<4s6H3L5H2L", *front, *lengths, file.mode << 16, offset) + file.name + file.extra


def end_record(count: int, length: int, start: int, comment: bytes = b"") -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, start, len(comment)) + comment


def end_record_64(count: int, length: int, start: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + length, 1)
    return record + locator + end_record(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def raw_zip(files: Sequence[ZipFile], comment: bytes = b"", count: int | None = None, *, zip64: bool = False) -> bytes:
    body, directory = bytearray(), bytearray()
    for file in files:
        packed = file.packed
        if packed is None:
            packed = deflated(file.content) if file.method == zipfile.ZIP_DEFLATED else file.content
        directory += central_entry(file, len(packed), len(body))
        body += local_header(file, len(packed)) + packed
        if file.flags & 8:
            body += struct.pack("<4s3L", b"PK\7\x08", zlib.crc32(file.content), len(packed), len(file.content))
    count = len(files) if count is None else count
    if zip64:
        return bytes(body + directory) + end_record_64(count, len(directory), len(body))
    return bytes(body + directory) + end_record(count, len(directory), len(body), comment)


def make_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()


def overlapping_zip(members: int, kernel: bytes) -> bytes:
    """David Fifield's zip bomb: each member's content quotes the next one's header, and all share one kernel."""
    names = [f"{number}.png".encode() for number in range(members)]
    packed, content = deflated(kernel), kernel
    files, tail = [ZipFile(names[-1], content)], local_header(ZipFile(names[-1], content), len(packed)) + packed
    starts = [0]  # from the end of the body, of each local header
    for name in reversed(names[:-1]):
        header = tail[: 30 + len(name)]
        quote = struct.pack("<BHH", 0, len(header), 0xFFFF ^ len(header))
        packed, content = quote + tail, header + content
        file = ZipFile(name, content)
        files.append(file)
        starts.append(len(tail))
        tail = local_header(file, len(packed)) + packed
    starts.append(len(tail))
    sizes = [end - 30 - len(file.name) for end, file in zip(starts[1:], files, strict=True)]
    offsets = [len(tail) - end for end in starts[1:]]
    entries = [central_entry(file, size, at) for file, size, at in zip(files, sizes, offsets, strict=True)]
    directory = b"".join(reversed(entries))
    return tail + directory + end_record(members, len(directory), len(tail))


# Tar


def tar_header(name: bytes, size: int = 0, kind: bytes = b"0", *, size_field: bytes | None = None) -> bytes:
    block = bytearray(512)
    block[: len(name[:100])] = name[:100]
    block[100:108] = b"0000644\0"
    block[124:136] = size_field if size_field is not None else f"{size:011o}\0".encode()
    block[156:157] = kind
    block[257:265] = b"ustar\00000"
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def tar_file(name: bytes, content: bytes, kind: bytes = b"0") -> bytes:
    return tar_header(name, len(content), kind) + content + bytes(-len(content) % 512)


def pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length += 1
    return str(length).encode() + rest


TAR_END = bytes(1024)


def raw_tar(*members: bytes) -> bytes:
    return b"".join(members) + TAR_END


def make_tar(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zst(content: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True, **options).compress(content)


def zst_of_zeros(blocks: int, window_log: int = 20) -> bytes:
    """A frame that says in 4 bytes that 128 KiB are zeros, again and again."""
    header = b"\x28\xb5\x2f\xfd\0" + bytes([(window_log - 10) << 3])
    block = (131072 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return header + block * blocks + b"\1\0\0"


# Arrays


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_header(text: str, length: int | None = None) -> bytes:
    return b"\x93NUMPY\2\0" + (len(text) if length is None else length).to_bytes(4, "little") + text.encode()


def idx(array: np.ndarray[Any, Any]) -> bytes:
    code = {"uint8": 8, "int8": 9, ">i2": 11, ">i4": 12, ">f4": 13}[
        str(array.dtype) if array.dtype.itemsize == 1 else array.dtype.str
    ]
    sides = b"".join(side.to_bytes(4, "big") for side in array.shape)
    return bytes([0, 0, code, array.ndim]) + sides + array.tobytes()


SOUND = {
    "zip": make_zip(PETS),
    "stored zip": make_zip(PETS, zipfile.ZIP_STORED),
    "tar": make_tar(PETS),
    "GNU tar": make_tar(PETS, tarfile.GNU_FORMAT),
    "ustar": make_tar(PETS, tarfile.USTAR_FORMAT),
    "tar.gz": gzip.compress(make_tar(PETS)),
    "tar.zst": zst(make_tar(PETS)),
}
