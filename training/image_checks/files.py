"""Checks of the files that came: which cannot be read, and which were passed over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.image_checks.findings import Example, Finding, counted
from training.names import shown

MOST_REASONS = 6  # that the message names


@dataclass(frozen=True, slots=True)
class SkippedFiles:
    """What was passed over for one reason: how many files, and the `names` of the first, fit to be shown."""

    reason: str
    count: int
    names: Sequence[str] = ()


def file_findings(
    unreadable: Sequence[tuple[str, str]], skipped: Sequence[SkippedFiles], most_examples: int
) -> Iterator[Finding]:
    """One for each check that found something. `unreadable`: file and reason."""
    if unreadable:
        yield _unreadable(unreadable, most_examples)
    if found := sorted((each for each in skipped if each.count), key=lambda each: (-each.count, each.reason)):
        yield _skipped(found, most_examples)


def _unreadable(files: Sequence[tuple[str, str]], most_examples: int) -> Finding:
    count = len(files)
    return Finding(
        "unreadable_files",
        "error",
        count,
        f"{counted(count, 'file')} cannot be read as {'an image' if count == 1 else 'images'}.",
        "Repair, replace or remove them.",
        tuple(Example(None, None, None, f"{shown(name)}: {reason}") for name, reason in sorted(files)[:most_examples]),
    )


def _skipped(files: Sequence[SkippedFiles], most_examples: int) -> Finding:
    count = sum(each.count for each in files)
    reasons = "; ".join(f"{each.reason} ({each.count:,})" for each in files[:MOST_REASONS])
    more = f"; and {len(files) - MOST_REASONS} more reasons" if len(files) > MOST_REASONS else ""
    return Finding(
        "skipped_files",
        "info",
        count,
        f"{counted(count, 'file')} {'was' if count == 1 else 'were'} passed over: {reasons}{more}.",
        "Nothing needs to be done, unless there are images among them.",
        tuple(Example(None, None, None, detail) for detail in _names_of_each(files, most_examples)),
    )


def _names_of_each(files: Sequence[SkippedFiles], most: int) -> Iterator[str]:
    """Names with their reasons: as many of each reason as there is room for."""
    in_turn = sorted((turn, place) for place, each in enumerate(files) for turn in range(len(each.names)))
    for place, turn in sorted((place, turn) for turn, place in in_turn[:most]):
        yield f"{files[place].names[turn]}: {files[place].reason}"
