"""A report as a tree of blocks, which `html.to_html` and `markdown.to_markdown` write. Every text in it is plain text,
of whatever characters: it is escaped when it is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


class Strong(str):
    """Text that stands out."""

    __slots__ = ()


class Code(str):
    """Text that a machine reads: a name of a field, a hash, an address."""

    __slots__ = ()


TO_TRY = "To try, as the body of a rerun:"
MOST_ON_ONE_LINE = 90  # characters of a patch

Inline = str | Strong | Code
Tone = Literal["problem", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Texts in a row, without spaces between them. `quiet`: beside the point."""

    parts: Sequence[Inline]
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A number that the report is about: its name, the number with its unit, and what it has to be read with."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Side by side; up to four."""

    figures: Sequence[KeyFigure]


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` have a cell for each of `heads`. The last `numbers` columns are numbers. `caption`: empty for none."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Inline]]
    numbers: int = 0
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, the value that it had, and what that does."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Settings:
    """A list of settings."""

    settings: Sequence[Setting]


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG file, drawn for white paper: it is turned over where the page is dark. `told`: the same for who cannot see
    it. `address`: where it is, for a text that cannot hold it."""

    svg: bytes
    told: str
    address: str


@dataclass(frozen=True, slots=True)
class Log:
    """Lines as they are."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Message:
    """Something to notice. `patch`: a change of a spec, as `rerun` takes it; None for none. `facts`: names and values
    that it rests on."""

    tone: Tone
    title: str
    parts: Sequence[Inline] = ()
    facts: Sequence[tuple[str, str]] = ()
    patch: Mapping[str, Any] | None = None
    after_patch: str = ""


Block = Paragraph | KeyFigures | Table | Settings | Picture | Log | Message


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks below a heading."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """A report. `kind`: what it is a report of, in a few words, above the title. `opening`: what stands before the
    first section."""

    kind: str
    title: str
    opening: Sequence[Block]
    sections: Sequence[Section]


def patch_text(patch: Mapping[str, Any]) -> str:
    """The body of a rerun that changes a spec by `patch`, as JSON."""
    body = {"spec": patch}
    text = json.dumps(body, ensure_ascii=False)
    return text if len(text) <= MOST_ON_ONE_LINE else json.dumps(body, indent=2, ensure_ascii=False)
