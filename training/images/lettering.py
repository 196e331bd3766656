"""Text on pictures: in DejaVu Sans, which comes with matplotlib; what that cannot draw is written as an escape."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from training.names import shown

Font = ImageFont.FreeTypeFont

REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
ELLIPSIS = "…"

_MISSING = "\U0010ffff"  # no character, so no font has it
_ANCHOR = "ls"  # where a line begins, on its base line


@lru_cache(16)
def font(size: int, name: str = REGULAR) -> Font:
    """The font in pixels. Where matplotlib is not there, Pillow's own, which has few characters."""
    found = find_spec("matplotlib")  # which is not imported: that takes a while
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / name
        if path.exists():
            return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont)
    return own


def drawable(text: str) -> str:
    """`text` as it can be drawn and read: with escapes where there is no glyph, or nothing to be seen."""
    told = shown(text) if text else ""
    return "".join(character if _has_glyph(character) else _escape(character) for character in told)


def write(sheet: ImageDraw.ImageDraw, place: tuple[int, int], text: str, face: Font, colour: str) -> None:
    """Draw one line of `text`, which is drawable, with its base line at `place`."""
    sheet.text(place, text, fill=colour, font=face, anchor=_ANCHOR)


def wrapped(text: str, face: Font, width: int, most: int) -> list[str]:
    """`text`, which is drawable, in at most `most` lines of `width` pixels: broken between words, or in a word that is
    too long; the last ends in an ellipsis where something is left out."""
    lines, rest = list[str](), text.strip()
    while rest and len(lines) < most:
        length = _fitting(rest, face, width)
        if length < len(rest) and len(lines) == most - 1:
            lines.append(shortened(rest, face, width))
            break
        line = rest[:length]
        if length < len(rest) and not rest[length].isspace() and " " in line.strip():
            line = line[: line.rindex(" ") + 1]
        lines.append(line.strip())
        rest = rest[len(line) :].lstrip()
    return lines


def shortened(text: str, face: Font, width: int) -> str:
    """`text`, or its beginning with an ellipsis, in `width` pixels."""
    if face.getlength(text) <= width:
        return text
    room = width - round(face.getlength(ELLIPSIS))
    return text[: _fitting(text, face, room)].rstrip() + ELLIPSIS


def _fitting(text: str, face: Font, width: int) -> int:
    """How many characters fit, 1 at least."""
    length = 0.0
    for place, character in enumerate(text):
        length += _width(character, face)
        if length > width:
            return max(1, place)
    return len(text)


@lru_cache(4096)
def _width(character: str, face: Font) -> float:
    return face.getlength(character)


@lru_cache(4096)
def _has_glyph(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    if not character.isprintable():
        return False
    face = font(16)
    return _mask(character, face) != _mask(_MISSING, face)


def _mask(character: str, face: Font) -> bytes:
    mask = Image.new("L", (32, 32))
    ImageDraw.Draw(mask).text((0, 24), character, fill=255, font=face, anchor=_ANCHOR)
    return mask.tobytes()


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
