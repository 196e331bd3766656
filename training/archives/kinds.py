"""Tells an archive from its first bytes, never from its name. Torch-free."""

import re
import zlib
from collections.abc import Sequence
from typing import Literal

from training.errors import DatasetInvalid
from training.image_folders.file_kinds import EMPTY, HEAD_BYTES, ZEROS, kind_of

ArchiveKind = Literal["zip", "tar", "tar.gz", "tar.zst", "npz", "idx", "idx.gz"]

SEND = (
    "Send a zip, tar, tar.gz or tar.zst archive with images at <class>/, or at train/<class>/ and test/<class>/, or "
    "with images and a labels.csv; or an .npz of train_images, train_labels, test_images and test_labels."
)

HOW_IDX = (
    "Send the two idx files of MNIST's format, images and labels, in one archive; or four, with train and t10k or test "
    "in their names."
)

TAR_BLOCK = 512
GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\3\4"
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)  # a frame of zstd without content, which may come first
_IDX = re.compile(rb"\x00\x00[\x08\x09\x0b-\x0e][\x01-\x05]", re.DOTALL)
_ZEROS = "nothing but zeros, as an empty tar archive is, or what an interrupted copy or a damaged disk leaves"
_CHECKSUM = re.compile(rb"[ \x00]*([0-7]{1,7})[ \x00]")

# Archives and compressed files that are not read here: what they are, and how they begin.
_EMPTY_ZIP = "an empty zip archive"
_OTHERS: Sequence[tuple[str, re.Pattern[bytes]]] = (
    (_EMPTY_ZIP, re.compile(rb"PK\x05\x06|PK\x06\x06")),
    ("one part of a zip archive in several parts", re.compile(rb"PK\x07\x08|PK00PK")),
    ("a 7z archive", re.compile(rb"7z\xbc\xaf\x27\x1c")),
    ("a RAR archive", re.compile(rb"Rar!\x1a\x07")),
    ("a bzip2 file", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")),
    ("an xz file", re.compile(rb"\xfd7zXZ\x00")),
    ("an lz4 file", re.compile(rb"\x04\x22\x4d\x18")),
    ("an lzip file", re.compile(rb"LZIP\x01")),
    ("a compress (.Z) file", re.compile(rb"\x1f\x9d[\x80-\x9f]", re.DOTALL)),
    ("a cabinet archive", re.compile(rb"MSCF\x00{4}")),
    ("an ar or Debian archive", re.compile(rb"!<arch>\n")),
    ("a cpio archive", re.compile(rb"07070[127]")),
    ("an xar or macOS installer archive", re.compile(rb"xar!")),
)


def archive_kind(head: bytes) -> ArchiveKind:
    """What an upload is that begins with `head`: 512 bytes or more, or all that it has. Raises DatasetInvalid, saying
    what it is, where it is nothing that is read here."""
    if head.startswith(ZIP):
        return "npz" if _begins_with_an_array(head) else "zip"
    if is_tar(head):
        return "tar"
    if head.startswith(GZIP):
        return _gzip_kind(head)
    if is_zstd(head):
        return "tar.zst"
    if is_idx(head):
        return "idx"
    raise DatasetInvalid(f"The upload is {_title(head)}.", _what_to_send(head))


def one_idx_file() -> DatasetInvalid:
    """The error of an upload that is an idx file, which is half of what is needed."""
    return DatasetInvalid("The upload is one idx file: images and their labels are two.", HOW_IDX)


def nested_archive(head: bytes) -> str | None:
    """What a member of an archive is that begins with `head` and would have to be unpacked itself; else None."""
    if head.startswith(ZIP):
        return "an .npz of arrays" if _begins_with_an_array(head) else "a zip archive"
    if head.startswith(GZIP):
        return "a gzip file"
    if is_zstd(head):
        return "a zstd file"
    if is_tar(head):
        return "a tar archive"
    return _other_archive(head)


def is_tar(head: bytes) -> bool:
    """Whether it begins with the header of a tar's member: with the mark of today's, or an old one's right checksum."""
    if head[257:262] == b"ustar":
        return True
    return len(head) >= TAR_BLOCK and head[0] != 0 and has_right_checksum(head[:TAR_BLOCK])


def has_right_checksum(header: bytes) -> bool:
    """Whether the header of a tar's member is whole. Old programs added up its bytes as signed ones."""
    found = _CHECKSUM.match(header[148:156] + b"\0")
    if found is None:
        return False
    told, rest = int(found[1], 8), header[:148] + b" " * 8 + header[156:]
    total = sum(rest)
    return told == total or told == total - 256 * sum(byte > 127 for byte in rest)


def is_idx(head: bytes) -> bool:
    """Whether it begins as a file of MNIST's format: two zeros, the type of its numbers, how many dimensions."""
    return _IDX.match(head) is not None


def idx_shape(head: bytes) -> tuple[tuple[int, ...], int]:
    """Of a file that begins so: how many numbers it says that it has in each dimension, and how long its header is."""
    length = 4 + 4 * head[3]
    return tuple(int.from_bytes(head[at : at + 4], "big") for at in range(4, length, 4)), length


def is_zstd(head: bytes) -> bool:
    """Whether a frame of zstd begins here."""
    return head.startswith(ZSTD) or _SKIPPABLE.match(head) is not None


def gunzipped(head: bytes, most: int = 1024) -> bytes:
    """The first bytes of a gzip file's content, as far as its `head` has them. Raises zlib.error."""
    return zlib.decompressobj(31).decompress(head, most)


def _begins_with_an_array(head: bytes) -> bool:
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return name.endswith(b".npy") and b"/" not in name and b"\\" not in name


def _gzip_kind(head: bytes) -> ArchiveKind:
    try:
        content = gunzipped(head)
    except zlib.error:
        raise DatasetInvalid("The upload is a damaged gzip file.", f"Pack and send it again. {SEND}") from None
    if is_idx(content):
        return "idx.gz"
    if is_tar(content) or (len(content) < TAR_BLOCK and len(head) >= TAR_BLOCK):  # as far as that can be told
        return "tar.gz"
    kind = kind_of(content[:HEAD_BYTES])
    inner = nested_archive(content) or kind.title.partition(":")[0].partition(",")[0]
    told = _ZEROS if kind is ZEROS else f"no tar archive but {inner}"
    raise DatasetInvalid(f"The upload is a gzip file whose content is {told}.", SEND)


def _other_archive(head: bytes) -> str | None:
    return next((title for title, mark in _OTHERS if mark.match(head)), None)


def _title(head: bytes) -> str:
    kind = kind_of(head[:HEAD_BYTES])
    if kind is ZEROS:
        return _ZEROS
    single = kind.is_image and "," not in kind.title and ":" not in kind.title
    return _other_archive(head) or (f"{kind.title}, a single image" if single else kind.title)


def _what_to_send(head: bytes) -> str:
    if _other_archive(head) == _EMPTY_ZIP or kind_of(head[:HEAD_BYTES]) is ZEROS:
        return f"Pack the folder anew, with the images in it. {SEND}"
    if _other_archive(head) is not None:
        return f"Unpack it, and pack it as one of these. {SEND}"
    if kind_of(head[:HEAD_BYTES]) is EMPTY:
        return f"Send the archive itself, such as with `curl -T pets.zip`. {SEND}"
    return SEND
