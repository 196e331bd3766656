"""What the pictures of a report have in common: text, colours for light and dark, and the frame of an SVG file.

Nothing but numbers and escaped text gets into a file. Equal reports give equal bytes.
"""

import re
import unicodedata
from collections.abc import Iterable
from xml.sax.saxutils import escape

MARGIN = 24
TITLE_HEIGHT = 78  # from the top to what stands below the title

_WIDE, _NARROW, _USUAL = 1.02, 0.36, 0.62  # widths of letters, of the font's size
_NARROW_LETTERS = frozenset("ijlftrI.,:;'|!()[] -")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# The two hues are of the palette of Okabe and Ito, which colour-blind readers can tell apart.
_STYLE = """
svg { --paper: #fff; --ink: #1f2328; --grey: #636c76; --faint: #e4e7ea; --right: #0072b2; --wrong: #d55e00 }
@media (prefers-color-scheme: dark) {
  svg { --paper: #15181c; --ink: #e6e8ea; --grey: #9aa4ae; --faint: #2c3238; --right: #56b4e9; --wrong: #f08a3c }
}
text { font-family: system-ui, "DejaVu Sans", Verdana, Arial, sans-serif; font-size: 12px; fill: var(--ink) }
.title { font-size: 17px; font-weight: 600 } .head { font-size: 13px; font-weight: 600 } .grey { fill: var(--grey) }
.light { fill: var(--paper) }
.end { text-anchor: end } .middle { text-anchor: middle }
.paper { fill: var(--paper) } .faint { fill: var(--faint) } .right { fill: var(--right) } .wrong { fill: var(--wrong) }
.line { fill: none; stroke: var(--grey) } .rule { fill: none; stroke: var(--faint) } .count { fill: var(--grey) }
"""


def document(width: float, height: float, title: str, subtitle: str, parts: Iterable[str]) -> str:
    """A whole file: `parts` on paper, below a title."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        f'<title id="title">{escaped(f"{title}: {subtitle}")}</title><style>{_STYLE}</style>'
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>'
    )
    room = width - 2 * MARGIN
    told = text(MARGIN, MARGIN + 12, shortened(title, 17, room), "title")
    told += text(MARGIN, MARGIN + 31, shortened(subtitle, 12, room), "grey")
    return f"{head}{told}{''.join(parts)}</svg>\n"


def text(x: float, y: float, content: str, kind: str = "", size: float | None = None, *, upwards: bool = False) -> str:
    """One line, with its base line at `y`."""
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upwards else ""
    sized = f' style="font-size:{size:.4g}px"' if size else ""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}{sized}{turned}>{escaped(content)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str, opacity: float = 1.0, told: str = "") -> str:
    """A filled rectangle. `told`: what it says to who points at it."""
    faded = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
    inside = f"><title>{escaped(told)}</title></path>" if told else "/>"
    return f'<path class="{kind}" d="M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"{faded}{inside}'


def line(points: Iterable[tuple[float, float]], kind: str = "line", dashes: str = "") -> str:
    """Through all points."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path class="{kind}" d="M{path}"{dashed}/>'


def escaped(content: str) -> str:
    """As XML may have it."""
    return escape(_NOT_XML.sub("\ufffd", content))


def width_of(content: str, size: float) -> float:
    """About how wide a line is, in pixels."""
    return size * sum(map(_width, content))


def shortened(content: str, size: float, room: float) -> str:
    """As much of a line as there is room for."""
    if width_of(content, size) <= room:
        return content
    used = width_of("…", size)
    for place, letter in enumerate(content):
        used += size * _width(letter)
        if used > room:
            return f"{content[:place].rstrip()}…"
    return content


def _width(letter: str) -> float:
    if letter in _NARROW_LETTERS:
        return _NARROW
    if unicodedata.combining(letter):
        return 0
    is_wide = unicodedata.east_asian_width(letter) in "WF" or _NOT_XML.match(letter)
    return _WIDE if is_wide else _USUAL
