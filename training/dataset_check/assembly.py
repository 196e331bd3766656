"""Arranges the images of an archive into splits and classes, once all of them are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.archives.layout import Arrangement, Place, arrange
from training.archives.members import Member, OtherSplit, Skipped
from training.archives.splitting import split_off_test
from training.dataset_check.examining import Examined
from training.errors import DatasetInvalid
from training.image_checks.duplicates import Tell
from training.image_checks.features import FEATURES, Features
from training.image_checks.files import SkippedFiles
from training.image_checks.report import make_report
from training.images.identity import DIGEST_BYTES, Digests
from training.images.packs import SPLITS, ImageIndex
from training.names import listed, shown

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class SplitRule:
    """How images without a split are divided. `test_fraction`: of each class, above 0 and below 1."""

    test_fraction: float = 0.2
    seed: int = 0


@dataclass(eq=False, slots=True)
class Members:
    """The images of an archive, in its order: names, where they belong if they say it themselves, and where their bytes
    were put, one after the other."""

    names: list[str] = field(default_factory=list)
    places: list[Place | None] = field(default_factory=list)
    files: list[tuple[int, int]] = field(default_factory=list)  # offsets and lengths

    def add(self, member: Member) -> None:
        """One more, whose bytes follow those of the last."""
        offset = sum(self.files[-1]) if self.files else 0
        self.names.append(member.name)
        self.places.append(Place(member.split, member.class_name) if member.class_name is not None else None)
        self.files.append((offset, len(member.content)))


@dataclass(frozen=True, eq=False, slots=True)
class Assembled:
    """A data set. The rows of `index` and `features` are in order; all images are said to lie in pack 0."""

    index: ImageIndex
    features: Features
    unreadable: Sequence[tuple[str, str]]  # name and reason
    skipped: Skipped
    notes: Sequence[str]

    def report(self, tell: Tell = lambda _share: None) -> dict[str, Any]:
        """As training.image_checks.report.Report, with the notes, in plain values. `tell` hears which share of the work
        is done."""
        skipped = [
            SkippedFiles(reason, count, self.skipped.examples[reason]) for reason, count in self.skipped.counts.items()
        ]
        others = self.skipped.other_splits
        return report_of(self.index, self.features, self.unreadable, skipped, others, self.notes, tell)


def assemble(
    members: Members, tables: Mapping[str, bytes], skipped: Skipped, examined: Sequence[Examined], rule: SplitRule
) -> Assembled:
    """`tables` and `skipped` are what reading the archive has found; `examined` is of all members, in any order. Raises
    DatasetInvalid where it is no data set."""
    arrangement = _arranged(members, tables, skipped)
    count = len(members.names)
    digests, features = np.zeros((count, DIGEST_BYTES), np.uint8), np.zeros(count, FEATURES)
    grey, unreadable = np.zeros(count, np.bool_), dict[int, str]()
    for chunk in examined:
        part = slice(chunk.first, chunk.first + len(chunk.digests))
        digests[part], features[part], grey[part] = chunk.digests, chunk.features, chunk.grey
        unreadable |= chunk.unreadable
    kept = np.array([place is not None for place in arrangement.places], np.bool_)
    told = [(members.names[row], reason) for row, reason in sorted(unreadable.items()) if kept[row]]
    kept[list(unreadable)] = False
    rows = np.flatnonzero(kept)
    index = _index(members, arrangement, rows, digests[rows], grey[rows], told, rule)
    in_order = index.canonical_order()
    notes = [*skipped.notes, *(note for note in arrangement.notes if note not in skipped.notes)]
    return Assembled(index.take(in_order), features[rows][in_order], told, arrangement.skipped, notes)


def report_of(
    index: ImageIndex,
    features: Features,
    unreadable: Sequence[tuple[str, str]] = (),
    skipped: Sequence[SkippedFiles] = (),
    other_splits: Sequence[OtherSplit] = (),
    notes: Sequence[str] = (),
    tell: Tell = lambda _share: None,
) -> dict[str, Any]:
    """The report on the images of `index`, in plain values."""
    report = make_report(
        features,
        index.digests,
        labels=index.labels,
        splits=index.splits,
        classes=index.classes,
        ids=index.ids,
        unreadable=unreadable,
        skipped=skipped,
        other_splits=other_splits,
        tell=tell,
    )
    return {**report.as_json(), "notes": list(notes)}


def _arranged(members: Members, tables: Mapping[str, bytes], skipped: Skipped) -> Arrangement:
    """Arrays say themselves what their images are; of files, the names say it."""
    if any(place is not None for place in members.places):
        classes = tuple(sorted({place.class_name for place in members.places if place}))
        is_split = all(place is None or place.split is not None for place in members.places)
        return Arrangement(members.places, classes, is_split, skipped.notes, skipped)
    return arrange(members.names, tables, skipped)


def _index(
    members: Members,
    arrangement: Arrangement,
    rows: NDArray[np.intp],
    digests: Digests,
    grey: NDArray[np.bool_],
    unreadable: Sequence[tuple[str, str]],
    rule: SplitRule,
) -> ImageIndex:
    numbers = {name: number for number, name in enumerate(arrangement.classes)}
    placed = [place for row in rows.tolist() if (place := arrangement.places[row])]
    labels = np.array([numbers[place.class_name] for place in placed], np.int32)
    splits = _splits(arrangement, placed, labels, digests, rule, unreadable)
    _require_all(arrangement.classes, labels, splits, unreadable)
    files = np.array(members.files, np.int64).reshape(-1, 2)[rows]
    return ImageIndex(
        arrangement.classes,
        1 if grey.all() else 3,
        splits=splits,
        labels=labels,
        packs=np.zeros(len(rows), np.int32),
        offsets=files[:, 0],
        lengths=files[:, 1],
        digests=digests,
        names=tuple(members.names[row] for row in rows.tolist()),
    )


def _splits(
    arrangement: Arrangement,
    placed: Sequence[Place],
    labels: NDArray[np.int32],
    digests: Digests,
    rule: SplitRule,
    unreadable: Sequence[tuple[str, str]],
) -> NDArray[np.uint8]:
    if arrangement.is_split:
        return np.array([SPLITS.index(place.split or "train") for place in placed], np.uint8)
    if not len(labels):
        return np.zeros(0, np.uint8)
    try:
        found = split_off_test(labels, digests, rule.test_fraction, rule.seed, arrangement.classes)
    except DatasetInvalid as error:
        raise DatasetInvalid(f"{error.detail}{_told(unreadable)}", error.hint) from None
    return found.astype(np.uint8)


def empty_places(classes: Sequence[str], labels: NDArray[np.int32], splits: NDArray[np.uint8]) -> list[str]:
    """Splits and classes without an image, such as `test/cat`, fit to be shown."""
    counts = np.bincount(splits.astype(np.intp) * len(classes) + labels, minlength=len(SPLITS) * len(classes))
    return [
        f"{split}/{shown(name)}"
        for number, split in enumerate(SPLITS)
        for label, name in enumerate(classes)
        if not counts[number * len(classes) + label]
    ]


def _require_all(
    classes: Sequence[str], labels: NDArray[np.int32], splits: NDArray[np.uint8], unreadable: Sequence[tuple[str, str]]
) -> None:
    """Raises DatasetInvalid where a class has no image left in a split."""
    if empty := empty_places(classes, labels, splits):
        raise DatasetInvalid(
            f"There are classes without an image that can be read: {listed(empty)}.{_told(unreadable)}",
            "Every class needs images in both splits: replace what is broken, or leave the class out.",
        )


def _told(unreadable: Sequence[tuple[str, str]]) -> str:
    """A sentence on the files that cannot be read, with a space in front; empty where there are none."""
    told = listed([f"{shown(name)} ({reason})" for name, reason in unreadable], MOST_NAMED)
    return f" Cannot be read: {told}." if told else ""
