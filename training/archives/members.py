"""What is read from an archive, and what is passed over. Torch-free."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from training.archives.member_names import told_name

EXAMPLES = 5  # that an error message names
MOST_SKIPPED = 20  # names that are kept of what is passed over for one reason
LONGEST_LIST = 6  # reasons that an error message names

Split = Literal["train", "test"]


class Readable(Protocol):
    """Bytes in order."""

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file of an archive, which can be read until the next one is asked for.

    `name` has been cleaned (member_names.py). `size` is what the archive says: the true one may differ.
    """

    name: str
    size: int
    body: Readable


@dataclass(frozen=True, slots=True)
class Member:
    """One image. `split` and `class_name` are None where the names of all members decide (layout.py)."""

    name: str
    content: bytes
    split: Split | None = None
    class_name: str | None = None


@dataclass(frozen=True, slots=True)
class OtherSplit:
    """A split that is called neither train nor test: what it is taken as, and how many images lie in it."""

    name: str
    taken_as: Split
    images: int


@dataclass(slots=True)
class Skipped:
    """What was passed over, by reason: how much, and up to MOST_SKIPPED names, which are fit to be shown.

    `folders` are the names of folders that were listed or have passed-over files, and of links: one of them may be a
    class whose images are missing. `other_splits` and `notes`, which are sentences, say what was read in a way that
    could have been meant otherwise.
    """

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    other_splits: list[OtherSplit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How much was passed over, for whatever reason."""
        return sum(self.counts.values())

    def add(self, reason: str, name: str) -> None:
        """One more."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        kept = self.examples.setdefault(reason, [])
        if len(kept) < MOST_SKIPPED:
            kept.append(told_name(name))

    def note(self, sentence: str) -> None:
        """Keep a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def told(self) -> str:
        """The most frequent reasons, for an error message; empty where nothing was passed over."""
        ordered = sorted(self.counts, key=lambda reason: -self.counts[reason])
        parts = [f"{reason} ({self.counts[reason]:,}, such as {self.examples[reason][0]})" for reason in ordered]
        more = f"; and {len(parts) - LONGEST_LIST} more reasons" if len(parts) > LONGEST_LIST else ""
        return "; ".join(parts[:LONGEST_LIST]) + more


@dataclass(slots=True)
class Examples:
    """How many there are of something, and the first few."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """One more; `text` must be fit to be shown."""
        self.count += 1
        if len(self.shown) < EXAMPLES:
            self.shown.append(text)

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        more = f" and {self.count - len(self.shown):,} more" if self.count > len(self.shown) else ""
        return ", ".join(self.shown) + more


def shown_names(names: Iterable[str]) -> str:
    """The first few `names` and the number of the others, for an error message."""
    examples = Examples()
    for name in names:
        examples.add(told_name(name))
    return str(examples)


class WithFront:
    """A body of which the first bytes were read already."""

    def __init__(self, front: bytes, body: Readable) -> None:
        self._front, self._body = front, body

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end."""
        if not self._front:
            return self._body.read(most)
        piece, self._front = self._front[:most], self._front[most:]
        return piece if len(piece) == most else piece + self._body.read(most - len(piece))
