"""Names that are mistyped, and names that look alike, as error messages show them. Torch-free."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache

from training.errors import kept

LONGEST_COMPARED = 64  # characters: comparing takes time that grows with the length

# Letters of other alphabets that are drawn like Latin ones: Cyrillic ones, then Greek ones and two more.
_LOOK_ALIKES = {
    **str.maketrans("\u0430\u0432\u0435\u0440\u043a\u043c\u043d\u043e\u0441\u0442", "abepkmhoct"),
    **str.maketrans("\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0475", "yxijshdqwv"),
    **str.maketrans(
        "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0261\u0131", "abezhikvoptuxgi"
    ),
}


def skeleton(name: str) -> str:
    """The same string for all names that look alike (a skeleton, as in Unicode's report 39): case, invisible characters
    and spaces are dropped, Unicode forms are unified, and letters of other alphabets are replaced by the Latin ones
    that look like them.
    """
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_LOOK_ALIKES)
    visible = (letter for letter in folded if unicodedata.category(letter)[0] not in "CZ")
    return unicodedata.normalize("NFC", "".join(visible))


def shown(name: str) -> str:
    """`name` for an error message: in quotes and with escapes where it has characters that a reader would not see, and
    in ⟨ ⟩ where it looks like a path of the server, which must not be given here: it would be told."""
    plain = name.isprintable() and name == " ".join(name.split()) and unicodedata.normalize("NFC", name) == name
    return kept(name) if name and plain else _escaped(name)


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first `most` names, separated by commas, and the number of the others, for an error message."""
    told = [*names]
    more = f" and {len(told) - most:,} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more


def look_alikes(names: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of one of `names` and a different one of `others` that look alike."""
    by_skeleton: dict[str, list[str]] = {}
    for other in others:
        by_skeleton.setdefault(skeleton(other), []).append(other)
    return [(name, other) for name in names for other in by_skeleton.get(skeleton(name), ()) if name != other]


def difference(name: str, other: str) -> str:
    """How two names that look alike differ, for an error message: each is shown so that the difference can be seen."""
    if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other):
        reason, written = "only in their Unicode form", _escaped
    elif name.lower() == other.lower():
        reason, written = "only in upper and lower case", shown
    elif _without_space(name) == _without_space(other):
        reason, written = "only in spaces or invisible characters", _escaped
    else:
        reason, written = "in characters that look alike", _escaped
    return f"{written(name)} and {written(other)} differ {reason}"


def quoted(text: str, longest: int = LONGEST_COMPARED) -> str:
    """`text` in quotes, cut short; with escapes where it looks like the ASCII text that it is not."""
    text = text if len(text) <= longest else f"{text[:longest]}…"
    disguised = not text.isascii() and skeleton(text[:longest]).isascii() and len(text) <= longest
    return ascii(text) if disguised else repr(text)


def closest_name(name: str, known: Collection[str]) -> str | None:
    """The `known` name that `name` is probably a misspelling of: one that differs only in case, hyphens, underscores,
    dots or spaces, otherwise the most similar one. None where no name is similar.
    """
    if len(name) > LONGEST_COMPARED:
        return None
    by_folded: dict[str, str] = {}
    for each in known:
        by_folded.setdefault(folded(each), each)
    own = folded(name)
    near = [own] if own in by_folded else get_close_matches(own, by_folded, n=1)
    return by_folded[near[0]] if near else None


def did_you_mean(name: str, known: Collection[str], form: str = "; did you mean {}?") -> str:
    """The question, in `form`; empty where no name is near."""
    found = closest_name(name, known)
    return form.format(repr(found)) if found else ""


def in_one_form(name: str) -> str:
    """As names are compared: macOS writes an accented letter as two characters (NFD), others as one (NFC)."""
    return unicodedata.normalize("NFC", name)


def alike_in_form(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of `names` that nobody could tell apart by looking: one name in two Unicode forms, or with invisible
    characters, another kind of space, or spaces at an end."""
    seen: dict[str, str] = {}
    return [(seen[form], name) for name in names if seen.setdefault(form := _as_drawn(name), name) != name]


@lru_cache(4096)  # the known names, again and again
def folded(name: str) -> str:
    """The same string for all names that look alike, or differ in hyphens, underscores, dots or spaces."""
    return re.sub(r"[\s._-]+", "", skeleton(name))


def _escaped(name: str) -> str:
    return kept(ascii(name))


def _as_drawn(name: str) -> str:
    kinds = ((letter, unicodedata.category(letter)) for letter in in_one_form(name))
    drawn = "".join(" " if kind[0] == "Z" else letter for letter, kind in kinds if kind not in ("Cc", "Cf"))
    return drawn.strip()


def _without_space(name: str) -> str:
    return "".join(letter for letter in in_one_form(name) if unicodedata.category(letter)[0] not in "CZ")
