"""What all pictures by matplotlib have in common: colours, fonts, the lines with the title, and their bytes.

Only the process that draws imports this module: it imports matplotlib, which takes as long as importing the rest of
the API. It does not use pyplot, which keeps its figures in global state.
"""

import re
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from api.views.curve_data import ImageFormat

# The palette of Okabe and Ito, which colour-blind readers can tell apart, without its yellow, which is too light.
BLUE, ORANGE, GREEN, PINK, SKY, AMBER, NEUTRAL = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#56B4E9", "#E69F00", "#777777"),
)
INK, GREY, FAINT = "#222222", "#666666", "#DDDDDD"

TITLE_FONT = FontProperties(weight="bold", size=14)

MAX_POINTS_WITH_DOTS = 40  # with more, the dots of a line overlap
MAX_TITLE = 80  # characters

# Matplotlib's settings are global. They start from its defaults, so that no matplotlibrc changes the pictures.
matplotlib.rcdefaults()
matplotlib.rcParams.update(
    {
        "font.sans-serif": [
            "DejaVu Sans",
            "Verdana",
            "Arial",
        ],  # DejaVu comes with matplotlib; the others are for browsers
        "svg.fonttype": "none",  # text remains text, so that it can be searched and read aloud
        "svg.hashsalt": "epochal",  # without it, ids within an SVG are random
    }
)


def style_axes(axes: Axes) -> None:
    """Two faint lines for the axes, and grey numbers."""
    axes.set_axisbelow(True)
    axes.tick_params(color=FAINT, labelcolor=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)


def head(figure: Figure, title: str, subtitle: str) -> None:
    """Two lines at the top of a picture."""
    inches = figure.get_figheight()
    place: dict[str, Any] = {"x": 0.02, "ha": "left", "va": "top", "parse_math": False}
    figure.text(y=1 - 0.144 / inches, s=_with_glyphs(_short(title)), color=INK, fontproperties=TITLE_FONT, **place)
    figure.text(y=1 - 0.456 / inches, s=subtitle, color=GREY, fontsize=10, **place)


def saved(figure: Figure, title: str, form: ImageFormat) -> bytes:
    """The bytes of a picture."""
    output = BytesIO()
    figure.savefig(output, format=form, dpi=150, metadata=_metadata(title, form))
    return output.getvalue()


def _short(title: str) -> str:
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…"


def _with_glyphs(title: str) -> str:
    """Replace characters that the font lacks with U+FFFD. An SVG's metadata still has the original title."""
    font = get_font(findfont(TITLE_FONT))
    return "".join(character if font.get_char_index(ord(character)) else "\ufffd" for character in title)


def _metadata(title: str, form: ImageFormat) -> dict[str, Any]:
    """Leave out the date and matplotlib's version, so that the bytes depend only on what is drawn."""
    if form == "png":
        return {"Software": None}
    return {"Date": None, "Creator": None, "Title": re.sub("[\ufffe\uffff]", "\ufffd", title)}  # XML excludes these two
