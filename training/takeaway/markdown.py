"""Markdown that means the same everywhere, with names in it that may be anything."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

# An underscore within a word is one, and a colon behind one ends a clause; an @ makes an address of what has a dot
# behind it.
_MEANS_SOMETHING = re.compile(
    r"[\\`*\[\]<>&|~#!$^]|(?<!\w):|:(?=\S)|(?<![^\W_])_|_(?![^\W_])|@(?=[\w-]*\.)|(?<=www)\.", re.IGNORECASE
)
# Of Unicode's formatting characters, those that turn the direction of what follows; and controls.
_DECEIVES = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_BARS = "▁▂▃▄▅▆▇█"
_SPARKLINE = 40  # bars at most


def escaped(text: str) -> str:
    """As text within a line: neither markup, nor HTML, nor a link, nor math, nor a second line or column."""
    return _MEANS_SOMETHING.sub(lambda found: f"\\{found[0]}", one_line(text))


def one_line(text: str) -> str:
    """`text` on one line, without controls and characters that turn the direction of what follows."""
    return " ".join(_DECEIVES.sub("\ufffd", text).split())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """Cells are Markdown. The last `numbers` columns stand to the right."""
    words = len(heads) - numbers
    rule = ["---"] * words + ["---:"] * numbers
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [heads, rule, *rows]) + "\n"


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value, from the least to the greatest, at most 40; of more values, each bar is a mean. Values that
    are not finite are left out; empty where none is left."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    count = min(_SPARKLINE, len(finite))
    edges = [len(finite) * place // count for place in range(count + 1)]
    means = [sum(finite[first:end]) / (end - first) for first, end in pairwise(edges)]
    low, spread = min(means), max(means) - min(means)
    places = [0 if spread == 0 else round((mean - low) / spread * (len(_BARS) - 1)) for mean in means]
    return "".join(_BARS[place] for place in places)
