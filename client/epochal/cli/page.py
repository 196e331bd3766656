"""A page of facts, tables and sentences, as wide as the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timezone
from typing import Any

from epochal.terminal import formats
from epochal.terminal.columns import STATUS_COLOURS
from epochal.terminal.tables import Column, table
from epochal.terminal.text import Style, safe, wrap

Facts = Iterable[tuple[str, object]]


class Page:
    """Lines of facts, tables and sentences, none wider than `width`."""

    def __init__(self, width: int, style: Style) -> None:
        self.width = width
        self.style = style
        self.now = datetime.now(timezone.utc)
        self.lines: list[str] = []

    def title(self, text: object, status: str | None = None) -> None:
        """What it is, and its status."""
        *before, last = wrap(safe(text), max(self.width - len(status or "") - 2, 20), "")
        painted = self.style.paint(status, *STATUS_COLOURS.get(status, ())) if status else ""
        self.lines += [self.style.paint(line, "bold") for line in before]
        self.lines.append(f"{self.style.paint(last, 'bold')}  {painted}".rstrip())

    def facts(self, facts: Facts) -> None:
        """A name and a value a line. What is None is left out."""
        given = [(name, safe(value)) for name, value in facts if value is not None and value != ""]
        margin = max((len(name) for name, _ in given), default=0) + 4
        for name, value in given:
            first, *more = wrap(value, max(self.width - margin, 20), "")
            self.lines.append(f"  {self.style.paint(name, 'dim')}{' ' * (margin - 2 - len(name))}{first}")
            self.lines += [" " * margin + line for line in more]

    def heading(self, text: str) -> None:
        """Of what follows."""
        self.lines += ["", self.style.paint(text, "bold")]

    def sentences(self, sentences: Iterable[str], indent: str = "  ") -> None:
        """Text, each sentence from a new line on."""
        for sentence in sentences:
            self.lines += [f"{indent}{line}" for line in wrap(safe(sentence), max(self.width - len(indent), 20), "")]

    def table(self, records: Iterable[Any], shown: Sequence[Column]) -> None:
        """A table."""
        self.lines += table(records, shown, self.width, style=self.style, now=self.now)

    def time(self, moment: datetime | None) -> str | None:
        """A time of this machine's zone, and how long ago it was."""
        return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}, {formats.ago(moment, self.now)}" if moment else None


def flat(value: Any, path: str = "") -> Facts:
    """The fields of a record by their paths; what is None is not there."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        for name, part in value.items():
            yield from flat(part, f"{path}.{name}" if path else name)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
