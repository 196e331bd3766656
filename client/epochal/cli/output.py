"""How a command prints what it has found: as a table, as JSON, as YAML or as CSV.

JSON is the API's own object, one on a line; on a terminal it is indented. What would act on a terminal, or
could not be told apart on it, is escaped in it: a string stays the same string to whoever reads the JSON.
"""

from __future__ import annotations

import json
import re
import sys

from epochal.cli.width import columns
from epochal.terminal.text import Style, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TextIO

    from epochal.cli.answers import Answer

# Beyond what JSON escapes itself: C1 controls, what reorders or hides text, line separators, lone surrogates.
_ACTS = re.compile("[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]")


class Output:
    """The standard output of a command. `form` is "table", "json", "yaml" or "csv"; None: a table on a terminal, and
    JSON elsewhere."""

    def __init__(self, stream: TextIO, form: str | None) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self.form = form or ("table" if self.is_terminal else "json")
        self.style = Style.of(stream)
        self._header: list[str] | None = None  # of the CSV so far
        self._documents = 0  # of YAML

    @property
    def is_table(self) -> bool:
        """Whether people read it."""
        return self.form == "table"

    @property
    def width(self) -> int:
        """Cells in a line: COLUMNS, those of the terminal, or 80."""
        return columns(self._stream)

    def lines(self, lines: Iterable[str]) -> None:
        """Lines that are harmless already."""
        for line in lines:
            self._stream.write(f"{line}\n")

    def text(self, text: str) -> None:
        """Text that others wrote, with its lines."""
        self._stream.write(safe(text, newlines=True))

    def flush(self) -> None:
        """What follows is seen at once."""
        self._stream.flush()

    def one(self, raw: Any, draw: Callable[[], Iterable[str]]) -> None:
        """One object of the API; `draw` makes the lines that people read. Several are documents of YAML, and rows of
        CSV."""
        if self.is_table:
            self.lines(draw())
        elif self.form == "json":
            self._json(raw)
        elif self.form == "yaml":
            self._stream.write(f"{'---' + chr(10) if self._documents else ''}{_yaml(raw)}")
            self._documents += 1
        else:
            self._csv([raw])

    def rows(self, answers: Iterable[Answer[Any]], shown: str, empty: str) -> None:
        """A list. `shown` names those of its table in `epochal.terminal.columns` or `epochal.cli.columns`; `empty` is
        said in place of a table without rows."""
        if self.is_table:
            from epochal.cli import columns as ours
            from epochal.terminal import columns as known
            from epochal.terminal.tables import table

            records = [answer.record for answer in answers]
            width = self.width if self.is_terminal else None
            self.lines(table(records, getattr(known, shown, None) or getattr(ours, shown), width, style=self.style))
            if not records:
                self.note(empty)
        elif self.form == "json":
            for answer in answers:
                self._json(answer.raw)
        elif self.form == "yaml":
            self._stream.write("".join(_yaml([answer.raw]) for answer in answers) or "[]\n")
        else:
            self._csv([answer.raw for answer in answers])

    def note(self, text: str) -> None:
        """A remark beside the output, for people."""
        from epochal.cli.failures import say

        self._stream.flush()
        say(text)

    def _json(self, raw: Any) -> None:
        is_unicode = "utf" in (self._stream.encoding or "utf-8").lower()
        text = json.dumps(raw, ensure_ascii=not is_unicode, indent=2 if self.is_terminal else None)
        self._stream.write(f"{_ACTS.sub(_escaped, text)}\n")

    def _csv(self, objects: Sequence[Any]) -> None:
        import csv

        rows = [dict(_cells(each)) for each in objects]
        if self.is_terminal:  # anywhere else, a cell is as it is
            rows = [{name: None if cell is None else safe(cell) for name, cell in row.items()} for row in rows]
        writer = csv.writer(self._stream, lineterminator="\n")
        names = list(dict.fromkeys(name for row in rows for name in row))
        if names and names != self._header:
            writer.writerow(names)
            self._header = names
        for row in rows:
            writer.writerow([row.get(name) for name in names])


def _cells(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """An object as cells: a field of a field is named by its path, a list is JSON. Null is empty."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _cells(part, f"{path}.{name}" if path else name)
        return
    is_plain = value is None or isinstance(value, str)
    yield path or "value", value if is_plain else json.dumps(value, ensure_ascii=False)


def _yaml(value: Any) -> str:
    from epochal.cli.documents import to_yaml

    text = to_yaml(value, ascii_only=False)
    return to_yaml(value, ascii_only=True) if _ACTS.search(text) else text


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def read_standard_input() -> str:
    """Raises CommandError where it is a terminal: nothing would come."""
    from epochal.cli.failures import CommandError

    if sys.stdin is None or sys.stdin.isatty():
        raise CommandError("nothing is piped into the standard input")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise CommandError("the standard input is not UTF-8 text") from error
