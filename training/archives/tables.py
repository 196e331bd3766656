"""Reads tables that say which label each image has: CSV or JSON lines, with the columns file, label and perhaps split.
Torch-free.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from training.archives.member_names import told_name
from training.archives.members import Examples, shown_names
from training.errors import DatasetInvalid
from training.image_folders.listing import IMAGE_SUFFIXES

FILE = ("file", "file_name", "filename", "image", "path", "filepath", "image_path")
LABEL = ("label", "class", "category", "class_name")
SPLIT = ("split", "subset")
COLUMNS = "Its first line names the columns: file, label and, if the images are split already, split."

_CSV, _JSON = ("csv", "tsv"), ("jsonl", "json-lines", "ndjson")
TABLES = frozenset(f"{stem}.{suffix}" for stem in ("labels", "metadata") for suffix in (*_CSV, *_JSON))
_DELIMITERS = ",;\t|"
_JSON_LINE = '{"file": "1.png", "label": "cat"}.'

LONGEST_RECORD = 2**20  # characters
MOST_ROWS = 2_000_000


class NotOfLabels(Exception):
    """A table has not the columns of one that says labels. The message says which it has, and `hint` what to change,
    both as sentences."""

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Row:
    """What one line says. `split` is empty where it says none."""

    line: int
    file: str
    label: str
    split: str


def is_table(name: str) -> bool:
    """Whether an archive's member has the name of a table of labels."""
    return name.rpartition("/")[2].casefold() in TABLES


def rows_of(name: str, content: bytes) -> Iterator[Row]:
    """The rows of the table `name`. Raises NotOfLabels before the first one, and DatasetInvalid for what is wrong."""
    lines = _Lines(name, content)
    is_json = name.casefold().endswith(_JSON)
    rows = _json_rows(name, lines) if is_json else _csv_rows(name, lines)
    incomplete = Examples()
    try:
        for count, row in enumerate(rows):
            if count >= MOST_ROWS:
                raise DatasetInvalid(f"{told_name(name)} has more than {MOST_ROWS:,} rows.", "Send fewer.")
            if row.file and row.label:
                yield row
            else:
                incomplete.add(f"line {row.line}")
    except UnicodeDecodeError:
        raise DatasetInvalid(
            f"{told_name(name)} is not {lines.encoding}, in line {lines.undecodable()}.",
            "Save it as UTF-8: Excel calls that CSV UTF-8.",
        ) from None
    except csv.Error as error:
        raise DatasetInvalid(
            f"{told_name(name)} cannot be read as CSV at line {lines.number}: {error}.",
            "Write it with a program that quotes values, such as a spreadsheet or pandas.",
        ) from None
    if incomplete:
        raise DatasetInvalid(
            f"{told_name(name)} has rows without a file or without a label: {incomplete}.",
            "Give every row both, or leave it out.",
        )


class _Lines:
    """The lines of a table, each and all of one record bounded."""

    def __init__(self, name: str, content: bytes) -> None:
        is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        self.encoding, self._codec = ("UTF-16", "utf-16") if is_wide else ("UTF-8", "utf-8-sig")
        self._name, self._content = name, content
        self._text = io.TextIOWrapper(io.BytesIO(content), self._codec, newline="")
        self.number, self._characters = 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_RECORD)
        if not line:
            raise StopIteration
        self.number += 1
        self._characters += len(line)
        if self._characters >= LONGEST_RECORD:
            raise DatasetInvalid(
                f"{told_name(self._name)} has a row of more than {LONGEST_RECORD:,} characters, at line {self.number}.",
                "Look for a quotation mark that is not closed, and leave out columns other than file, label and split.",
            )
        return line

    def undecodable(self) -> int:
        """The number of the line that is not in the encoding: it lies ahead, since text is decoded in blocks."""
        try:
            self._content.decode(self._codec)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._codec)  # without a mark of UTF-8 in front
            return sum(1 for _ in io.StringIO(f"{before}.", newline=""))
        raise AssertionError(self._name)

    def end_record(self) -> None:
        """What comes next belongs to another record."""
        self._characters = 0


def _csv_rows(name: str, lines: _Lines) -> Iterator[Row]:
    header = next(iter(lines), "")
    lines.end_record()
    by_delimiter = {
        each: [word.strip() for word in next(csv.reader([header], delimiter=each), [])] for each in _DELIMITERS
    }
    delimiter = max(by_delimiter, key=lambda each: (_has_columns(by_delimiter[each]), len(by_delimiter[each])))
    places = _places(name, by_delimiter[delimiter], _csv_hint(name, by_delimiter[delimiter]))
    for record in csv.reader(lines, delimiter=delimiter, strict=True):
        lines.end_record()
        if record:
            file, label, split = (record[at].strip() if 0 <= at < len(record) else "" for at in places)
            yield Row(lines.number, file, label, split)


def _json_rows(name: str, lines: _Lines) -> Iterator[Row]:
    keys: tuple[str, str, str] | None = None
    for line in lines:
        lines.end_record()
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise DatasetInvalid(
                f"{told_name(name)} has no JSON object at line {lines.number}.",
                f"Write one object on each line: {_JSON_LINE}",
            )
        if keys is None:
            words = [*record]
            file, label, split = _places(name, words, f"Write {told_name(name)} so: {_JSON_LINE}")
            keys = words[file], words[label], words[split] if split >= 0 else ""
        yield Row(lines.number, _text(record.get(keys[0])), _text(record.get(keys[1])), _text(record.get(keys[2])))


def _text(value: Any) -> str:
    """Of a JSON value; empty where it is none."""
    match value:
        case str():
            return value.strip()
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case int():
            return str(value)
    return ""


def _place(words: Sequence[str], known: Sequence[str]) -> int:
    folded = [word.casefold() for word in words]
    return next((folded.index(name) for name in known if name in folded), -1)


def _has_columns(words: Sequence[str]) -> bool:
    return _place(words, FILE) >= 0 and _place(words, LABEL) >= 0


def _csv_hint(name: str, words: Sequence[str]) -> str:
    """What to change where these `words` of the first line are not the names of columns."""
    if any(PurePosixPath(word).suffix.lower() in IMAGE_SUFFIXES for word in words):
        return f"Add the line `file,label` at the top of {told_name(name)}: its first line names the columns."
    return f"Call its columns file and label: the first line of {told_name(name)} is `file,label` then."


def _places(name: str, words: Sequence[str], hint: str) -> tuple[int, int, int]:
    """Where file, label and split are among the columns' names; the last may be -1. Raises NotOfLabels."""
    if not _has_columns(words):
        missing = " and no ".join(known[0] for known in (FILE, LABEL) if _place(words, known) < 0)
        raise NotOfLabels(f"{told_name(name)} has no column {missing}: it has {shown_names(words) or 'none'}.", hint)
    return _place(words, FILE), _place(words, LABEL), _place(words, SPLIT)
