"""Text on a terminal: harmless, measured in cells, cut to a width, and coloured.

All text that others wrote (names of jobs and data sets, reasons, messages, log lines) passes through `safe` before
it is printed. What `safe` returns has no character that moves the cursor or changes the order of letters, and each of
its characters has a width on which terminals agree.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping

TYPE_CHECKING = False  # whatever prints needs this module, and `typing` would be most of what it takes to import
if TYPE_CHECKING:
    from typing import Protocol

    class Stream(Protocol):
        """Where text is written: a text file, such as `sys.stdout`."""

        def isatty(self) -> bool:
            """Whether it is a terminal."""

        @property
        def encoding(self) -> str | None:
            """The name of its encoding; None for text that is kept as such."""


# Without a width of their own. What they join or select is drawn in different widths by different terminals.
_SELECTORS = {chr(code) for code in range(0xFE00, 0xFE10)}
_LEFT_OUT = frozenset("\u00ad\u034f\u200c\u200d\u2060\u3164\ufeff\uffa0") | _SELECTORS
_BREAKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")
_MOST_MARKS = 3  # on one letter: more would run over the lines above and below
# Vowels and final consonants of Hangul, which join the first one.
_JOINING = (("\u1160", "\u11ff"), ("\ud7b0", "\ud7fb"))
# Emoji and ideographs that are newer than this Python's Unicode data.
_WIDE_IF_NEW = (("\U0001f300", "\U0001faff"), ("\U00020000", "\U0003fffd"))

CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def safe(text: object, *, newlines: bool = False) -> str:
    r"""The text without what a terminal would obey: control characters, escape sequences, bidi controls and lone
    surrogates are spelled out, as in `\x1b[31m`. Breaks become spaces, but for line feeds if `newlines`.
    """
    string = str(text)
    if string.isascii() and string.isprintable():
        return string
    if newlines:
        return "\n".join(safe(line) for line in string.replace("\r\n", "\n").split("\n"))
    return "".join(_harmless(unicodedata.normalize("NFC", string)))


def _harmless(string: str) -> Iterator[str]:
    marks = _MOST_MARKS  # at the start there is no letter to stand on
    for character in string:
        category = unicodedata.category(character)
        if category in ("Mn", "Me"):
            marks += 1
            if marks <= _MOST_MARKS and character not in _LEFT_OUT:
                yield character
            continue
        if character in _LEFT_OUT:
            continue
        marks = 0
        if character in _BREAKS:
            yield " "
        elif category in ("Cc", "Cf", "Cs"):
            yield character.encode("unicode_escape").decode("ascii")
        else:
            yield character


def width(text: str) -> int:
    """How many cells the text takes on a terminal. The text is `safe`, and has no escape sequences."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    """0 for what is drawn onto the character before, 2 for what Unicode's annex 11 calls wide, emoji among it."""
    if character < "\u0300":
        return 1
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf") or any(first <= character <= last for first, last in _JOINING):
        return 0
    if category == "Cn":  # not known to this Python, whose answer for its width would be wrong
        return 2 if any(first <= character <= last for first, last in _WIDE_IF_NEW) else 1
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def fit(text: str, columns: int, *, right: bool = False, ellipsis: str = "…") -> str:
    """The text in exactly so many cells: filled up with spaces (on the left if `right`), or cut, with an ellipsis at
    the end. An empty `ellipsis` cuts without one.
    """
    cells = width(text)
    if cells > columns:
        text = cut(text, columns - len(ellipsis)) + ellipsis if columns > len(ellipsis) else cut(text, columns)
        cells = width(text)
    spaces = " " * (columns - cells)
    return spaces + text if right else text + spaces


def cut(text: str, columns: int) -> str:
    """As much of the text, from its start, as has space in so many cells."""
    if text.isascii():
        return text[: max(columns, 0)]
    cells = 0
    for place, character in enumerate(text):
        cells += _cells(character)
        if cells > columns:
            return text[:place]
    return text


def wrap(text: str, columns: int, indent: str = "  ") -> list[str]:
    """The text in lines of at most so many cells, broken at spaces; the lines but the first are indented. A word that
    is longer than a line is broken where the line ends.
    """
    columns = max(columns, len(indent) + 2)
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width(longer) <= columns:
            line = longer
            continue
        if line.strip():
            lines.append(line)
        line = (indent if lines else "") + word
        while width(line) > columns:
            lines.append(cut(line, columns))
            line = indent + line[len(lines[-1]) :]
    return [*lines, line]


class Style:
    """Whether colours are used, and whether there are more characters than those of ASCII.

    The colours are eight of the sixteen that a terminal's theme chooses, so that they can be read on dark and on light
    ground. Nothing is told by colour alone.
    """

    __slots__ = ("colours", "unicode")

    def __init__(self, *, colours: bool = False, unicode: bool = True) -> None:
        self.colours = colours
        self.unicode = unicode

    @classmethod
    def of(cls, stream: Stream, color: str = "auto", environ: Mapping[str, str] = os.environ) -> Style:
        """What the stream shows. `color` is "auto", "always" or "never". With "auto" there are colours on a terminal
        that is not dumb, unless NO_COLOR is set (https://no-color.org).
        """
        colours = color == "always" or (color == "auto" and is_live(stream, environ) and not environ.get("NO_COLOR"))
        drawn = environ.get("TERM") != "linux" and _encodes(stream.encoding, "⣿━▲·…")
        return cls(colours=colours, unicode=drawn)

    def paint(self, text: str, *names: str) -> str:
        """The text in a colour, bold or dim: see CODES. Not to be nested."""
        if not (self.colours and text and names):
            return text
        return f"\x1b[{';'.join(CODES[name] for name in names)}m{text}\x1b[0m"

    @property
    def ellipsis(self) -> str:
        """What stands for text that was cut off."""
        return "…" if self.unicode else "~"


PLAIN = Style()


def is_live(stream: Stream, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what was written can be written over."""
    return stream.isatty() and environ.get("TERM") != "dumb"


def _encodes(encoding: str | None, text: str) -> bool:
    try:
        text.encode(encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
