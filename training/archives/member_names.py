"""The names in archives. They are data, from which the split and the class of an image are read, and never paths. All
the same, an archive with a name that would lead out of its folder is broken or hostile, and is refused. Torch-free.
"""

import re
import struct
import zlib
from collections.abc import Sequence

from training.errors import kept
from training.names import shown

LONGEST_NAME = 1024  # bytes
LONGEST_SHOWN = 120  # characters of a name in an error message: its end

_DRIVE = re.compile(r"[A-Za-z]:")
_DOTS = re.compile(r"\.{2,}")

UTF8_FLAG = 1 << 11  # of a zip's member: its name is UTF-8
UNICODE_PATH = 0x7075  # Info-ZIP's extra field with the name in UTF-8

HOW_TO_PACK = "Pack the folder anew from inside of it, such as with `tar -czf pets.tar.gz *` or `zip -r pets.zip .`"


def told_name(name: str) -> str:
    """`name` for an error message: with escapes where it has characters that a reader would not see, and cut short."""
    return shown(name if len(name) <= LONGEST_SHOWN else f"…{name[-LONGEST_SHOWN:]}")


def fault_of(name: str) -> str | None:
    """Why `name` is refused, as a verb; None where it is harmless."""
    plain = name.replace("\\", "/")
    if "\0" in name:
        return "have a zero byte in it"
    if plain.startswith("/"):
        return "begin at the root of a disk or a server"
    if _DRIVE.match(name):
        return "begin with a drive's letter"
    if ".." in name and any(_DOTS.fullmatch(part) for part in plain.split("/")):
        return "lead out of their folder with dots"
    if len(name) > LONGEST_NAME // 4 and len(name.encode(errors="surrogatepass")) > LONGEST_NAME:
        return f"have more than {LONGEST_NAME:,} bytes"
    return None


def cleaned(name: str) -> str:
    """A harmless `name` with slashes as separators (Windows's programs write backslashes), and without `./`. Empty for
    the archive's own folder."""
    if "\\" in name:
        name = name.replace("\\", "/")
    if name.startswith("./") or "//" in name or "/." in name or name == ".":
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name.rstrip("/")


class Undecodable(Exception):
    """The encoding of a folder's name is not known. The message says which names it could be."""


def tar_name(raw: bytes) -> str:
    """The name of a tar's member. Raises Undecodable. Of a file's own name, nothing depends on what is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        folder, slash, own = raw.rpartition(b"/")
        try:
            return f"{folder.decode()}{slash.decode()}{own.decode(errors='backslashreplace')}".replace("\\", "_")
        except UnicodeDecodeError:
            raise Undecodable(kept(ascii(folder[:LONGEST_SHOWN])[1:])) from None


def zip_name(raw: bytes, flags: int, extra: bytes) -> tuple[str, bool]:
    """The name of a zip's member, and whether its encoding was guessed. Raises Undecodable.

    The names of most zips are UTF-8, whether they say so or not. Others are in the code page of the machine that made
    them, which is nowhere written: cp437's Latin letters are the same in all of Western Europe's.
    """
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        if flags & UTF8_FLAG:
            raise Undecodable(kept(ascii(raw[:LONGEST_SHOWN])[1:])) from None
    if (named := _unicode_path(raw, extra)) is not None:
        return named, False
    separator = b"/" if b"/" in raw else b"\\"
    *folders, own = raw.split(separator)
    names = [_western(folder) for folder in folders]
    return "/".join([*names, own.decode("cp437").replace("\\", "_")]), any(not folder.isascii() for folder in folders)


def extra_field(extra: bytes, kind: int) -> bytes:
    """The content of the first of a zip member's extra fields that is of this kind; empty where there is none."""
    at = 0
    while at + 4 <= len(extra):
        found, size = struct.unpack_from("<2H", extra, at)
        if found == kind:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return b""


def _unicode_path(raw: bytes, extra: bytes) -> str | None:
    data = extra_field(extra, UNICODE_PATH)
    if data[:1] != b"\1" or int.from_bytes(data[1:5], "little") != zlib.crc32(raw):
        return None
    try:
        return data[5:].decode()
    except UnicodeDecodeError:
        return None


def _western(folder: bytes) -> str:
    """`folder` as cp437. Raises Undecodable where that has other characters than letters, or where it would as well be
    a name in Shift-JIS, whose bytes are often letters in cp437."""
    text = folder.decode("cp437")
    readings = [text]
    try:
        if _is_japanese(japanese := folder.decode("cp932")):
            readings.append(japanese)
    except UnicodeDecodeError:
        pass
    if len(readings) > 1 or not all(letter.isascii() or letter in _CP437_LETTERS for letter in text):
        raise Undecodable(_or(readings))
    return text.replace("\\", "_")


_CP437_LETTERS = frozenset(bytes([*range(0x80, 0x9B), *range(0xA0, 0xA6), 0xE1]).decode("cp437"))


def _is_japanese(text: str) -> bool:
    """Whether nothing but kana and kanji is in it, digits and marks aside. A Western word that is read as Shift-JIS
    keeps Latin letters."""
    letters = [letter for letter in text if letter.isalpha()]
    return all("\u3040" <= letter <= "\u9fff" or "\uff66" <= letter <= "\uff9f" for letter in letters)


def _or(readings: Sequence[str]) -> str:
    return " or ".join(told_name(reading) for reading in readings)
