"""Tells the kind of a file from its first bytes, without parsing it. Torch-free."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 512  # that `kind_of` needs: they include a tar archive's mark, and an XML document's preamble

# read: an image that can be decoded. unread: an image of a kind that cannot. other: not an image.
Family = Literal["read", "unread", "other"]


@dataclass(frozen=True, slots=True)
class FileKind:
    """`title` follows "it is" in an error message, and says what to do where that is not obvious."""

    title: str
    family: Family = "other"

    @property
    def is_image(self) -> bool:
        """Whether it is an image, decodable or not: a user would miss it in a data set."""
        return self.family != "other"


_CONVERT = "which is not read here: convert it to JPEG or PNG"
_UNPACK = "unpack it, and put the images here"
RAW = FileKind(f"a camera's raw photograph, {_CONVERT}", "unread")

Test = Callable[[bytes], bool]


def _begins(*starts: bytes) -> Test:
    return lambda head: head.startswith(starts)


def _at(place: int, mark: bytes) -> Test:
    return lambda head: head[place : place + len(mark)] == mark


def _riff(form: bytes) -> Test:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == form


def _brand(*brands: bytes) -> Test:
    """Of an ISO base media file: its major brand, or one of those that it is compatible with."""

    def test(head: bytes) -> bool:
        if head[4:8] != b"ftyp":
            return False
        box = head[8 : max(16, int.from_bytes(head[:4], "big"))]
        return any(box[at : at + 4] in brands for at in (0, *range(8, len(box), 4)))

    return test


def _text(pattern: bytes) -> Test:
    """`pattern` at the beginning of what may have a byte order mark, white space and comments in front."""
    front = rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*"
    found = re.compile(front + pattern, re.IGNORECASE | re.DOTALL)
    return lambda head: found.match(head) is not None


def _pnm(head: bytes) -> bool:
    return re.match(rb"P[1-7fF][\s#]", head) is not None


def _tiff_raw(head: bytes) -> bool:
    """Canon's CR2, Olympus's ORF and Panasonic's RW2, which are TIFF files of their own kind."""
    return (head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == b"CR") or head[:4] in (
        b"IIRO",
        b"IIRS",
        b"MMOR",
        b"IIU\0",
    )


def _is_targa(head: bytes) -> bool:
    """It has no mark: kinds without a palette say so in five bytes, and all have a size and one of few depths."""
    return (
        head[1:3] in (b"\0\2", b"\0\3", b"\0\n", b"\0\v")
        and head[3:8] == bytes(5)
        and head[12:14] != b"\0\0" != head[14:16]
        and head[16:17] in (b"\x08", b"\x0f", b"\x10", b"\x18", b"\x20")
    )


def _is_bmp(head: bytes) -> bool:
    """Two letters alone are no mark: the next header's length is one of a few, too."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


_VIDEO = (
    *(b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash", b"qt  "),
    *(b"M4V ", b"M4A ", b"3gp4", b"3gp5", b"3gp6", b"3g2a"),
)


def _is_video(head: bytes) -> bool:
    starts = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"0&\xb2u\x8ef\xcf\x11")
    return head.startswith(starts) or _riff(b"AVI ")(head) or head[4:8] in (b"moov", b"mdat", b"wide", b"ftyp")


def _is_sound(head: bytes) -> bool:
    return head.startswith((b"ID3", b"fLaC", b"OggS")) or _riff(b"WAVE")(head)


def _is_pickle(head: bytes) -> bool:
    return head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5")


_READ: Sequence[tuple[str, Test]] = (
    ("a PNG", _begins(b"\x89PNG\r\n\x1a\n")),
    ("a JPEG", _begins(b"\xff\xd8\xff")),
    ("a WebP", _riff(b"WEBP")),
    ("a GIF", _begins(b"GIF87a", b"GIF89a")),
    ("a PNM", _pnm),
    ("an AVIF", _brand(b"avif", b"avis")),
    ("a JPEG 2000", _begins(b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")),
)

_RAW: Sequence[Test] = (
    _tiff_raw,
    _begins(b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"),
    _brand(b"crx "),
    _at(6, b"HEAPCCDR"),
)

# Behind the raw photographs, most of which are TIFF files of their own kind.
_READ_TOO: Sequence[tuple[str, Test]] = (
    ("a TIFF", _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("a BMP", _is_bmp),
)

_UNREAD: Sequence[tuple[str, Test]] = (
    ("a HEIC photograph", _brand(b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")),
    ("a JPEG XL", _begins(b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    ("a JPEG XR", _begins(b"II\xbc")),
    ("a Photoshop document", _begins(b"8BPS")),
    ("a GIMP document", _begins(b"gimp xcf")),
    ("an SVG drawing", _text(rb"(?:<\?xml.*?\?>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg.*|<svg[\s>])")),
    ("a PostScript document", _begins(b"%!PS", b"\xc5\xd0\xd3\xc6")),
    ("a Targa image", _is_targa),
    ("a Windows icon or cursor", _begins(b"\0\0\1\0", b"\0\0\2\0")),
    ("a macOS icon", _begins(b"icns")),
    ("a QOI", _begins(b"qoif")),
    ("a DDS texture", _begins(b"DDS ")),
    ("an OpenEXR image", _begins(b"\x76\x2f\x31\x01")),
    ("a Radiance HDR image", _begins(b"#?RADIANCE", b"#?RGBE")),
    ("a FITS image", _begins(b"SIMPLE  =")),
    ("a DICOM image", _at(128, b"DICM")),
    ("a Better Portable Graphics image", _begins(b"BPG\xfb")),
    ("a Windows metafile", _begins(b"\xd7\xcd\xc6\x9a")),
)

_DAMAGED: Sequence[tuple[str, Test]] = (
    (
        "a PNG that was copied as text, which has damaged it: copy it again, as binary",
        _begins(b"\x89PNG", b"\xef\xbf\xbdPNG", b"\xc2\x89PNG"),
    ),
    (
        "an image as Base64 text: decode it first",
        _text(rb"(?:data:image/|/9j/[0-9A-Za-z+/]|iVBORw0KGgo|R0lGODlh|UklGR)"),
    ),
)

_OTHER: Sequence[tuple[str, Test]] = (
    (
        "a pointer of Git LFS and not the file itself: fetch it with `git lfs pull`",
        _text(rb"version https://git-lfs|version https://hawser"),
    ),
    ("a pointer of git-annex and not the file itself: fetch it with `git annex get`", _text(rb"/annex/objects/")),
    ("a PDF document: export its pages as images", _begins(b"%PDF")),
    ("a video: extract frames of it as images", _brand(*_VIDEO)),
    ("a video: extract frames of it as images", _is_video),
    ("a sound recording", _is_sound),
    (f"a zip archive: {_UNPACK}", _begins(b"PK\3\4", b"PK\5\6", b"PK\7\x08")),
    (f"a gzip file: {_UNPACK}", _begins(b"\x1f\x8b")),
    (f"an archive: {_UNPACK}", _begins(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!")),
    (f"a tar archive: {_UNPACK}", _at(257, b"ustar")),
    (
        "a NumPy array: save its images as files, or build a Dataset.of_arrays in a notebook",
        _begins(b"\x93NUMPY"),
    ),
    ("a Python pickle, which is never loaded: save its images as files", _is_pickle),
    ("an HDF5 file: save its images as files", _begins(b"\x89HDF")),
    ("a MATLAB file: save its images as files", _begins(b"MATLAB 5.0")),
    ("a Parquet file: save its images as files", _begins(b"PAR1")),
    ("an SQLite database", _begins(b"SQLite format 3\0")),
    ("a program", _begins(b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")),
    ("a shortcut and not the file itself", _begins(b"L\0\0\0\1\x14\2\0", b"!<symlink>", b"IntxLNK\1")),
    ("a shortcut and not the file itself", _text(rb"\[InternetShortcut\]")),
    ("a file's macOS metadata", _begins(b"\0\5\x16\7", b"\0\5\x16\0")),
    (
        "an HTML page, perhaps a download's error: fetch it again",
        _text(rb"(?:<\?xml.*?\?>\s*)?<(?:!DOCTYPE html|html|head|body|title|script|meta|p|h1|div)\b"),
    ),
    ("an XML document, perhaps a store's error: fetch it again", _text(rb"<\?xml|<Error>")),
    ("JSON, perhaps a service's error: fetch it again", _text(rb"(?:\{\s*[\"}]|\[\s*[\[{\"\d\]-])")),
)


def _tests() -> Iterator[tuple[Test, FileKind]]:
    """In the order in which they are tried: the first that holds counts."""
    yield from ((test, FileKind(title, "read")) for title, test in _READ)
    yield from ((test, RAW) for test in _RAW)
    yield from ((test, FileKind(title, "read")) for title, test in _READ_TOO)
    yield from ((test, FileKind(f"{title}, {_CONVERT}", "unread")) for title, test in _UNREAD)
    yield from ((test, FileKind(title, "unread")) for title, test in _DAMAGED)
    yield from ((test, FileKind(title)) for title, test in _OTHER)


EMPTY = FileKind("an empty file: copy or fetch it again")
ZEROS = FileKind("nothing but zeros, as an interrupted copy or a damaged disk leaves: copy or fetch it again")
TEXT = FileKind("text and no image")
UNKNOWN = FileKind("no image of a kind that is known here")

_TESTS: Sequence[tuple[Test, FileKind]] = tuple(_tests())


def kind_of(head: bytes) -> FileKind:
    """What a file is that begins with `head`, HEAD_BYTES or all that it has."""
    if not head:
        return EMPTY
    if not head.strip(b"\0"):
        return ZEROS
    for test, kind in _TESTS:
        if test(head):
            return kind
    return TEXT if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # within the last letter, it is only cut
            return False
        text = head[: error.start].decode(encoding)
    return all(letter.isprintable() or letter.isspace() for letter in text)
