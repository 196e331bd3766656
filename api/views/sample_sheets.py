"""Which images of a version a contact sheet shows, and where."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from api.views.image_table import ImageTable, Rows
from training.images.lots import lots
from training.images.mistakes_sheet import ShownMistake, mistakes_sheet, most_shown
from training.images.packs import SPLITS
from training.images.sheet_layout import Band, Figure, Sheet, cell_for, columns_for, example_cell_for, lines_for

PER_CLASS, OF_ONE_CLASS = 10, 100  # images that are shown where nobody says how many
SHEET_BYTES = 32 * 2**20  # of the files of all images on a sheet


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a version to show. `label`: a class's place, None for all. `count`: images a class."""

    label: int | None
    split: str | None
    seed: int
    count: int | None


@dataclass(slots=True)
class Plan:
    """A sheet, and the rows of the images on it by their numbers there."""

    table: ImageTable
    rows: list[int] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)
    _bytes: int = 0

    def number_of(self, row: int) -> int | None:
        """The number of an image on the sheet; None where the files would be too large together."""
        if row not in self._numbers:
            length = self.table.place_of(row).length
            if self._bytes + length > SHEET_BYTES:
                return None
            self._bytes += length
            self._numbers[row] = len(self.rows)
            self.rows.append(row)
        return self._numbers[row]


def sample_sheet(title: str, table: ImageTable, image_size: int | None, choice: Choice) -> tuple[Sheet, Sequence[int]]:
    """Images drawn at random, class by class, or of one class; and the rows of its images.

    Whether an image is drawn before another depends on the seed and these two alone: a version in which some images
    were edited shows the others as before.
    """
    cell, plan = cell_for(image_size), Plan(table)
    lines = lines_for(cell)
    if choice.label is not None:
        columns = columns_for(cell, has_names=False)
        drawn, there = _drawn(table, choice.label, choice, min(choice.count or OF_ONE_CLASS, lines * columns))
        band = Band(tuple(Figure((plan.number_of(row),)) for row in drawn))
        told = f"{len(drawn):,} of {_images(there, choice.split)}"
        title = f"{title} · {table.classes[choice.label]}"
        return Sheet(title, _said(told, choice), cell, (band,), has_names=False), plan.rows
    columns, bands = columns_for(cell, has_names=True), list[Band]()
    for label, name in enumerate(table.classes):
        drawn, there = _drawn(table, label, choice, min(choice.count or min(PER_CLASS, columns), lines * columns))
        lines -= max(1, -(-len(drawn) // columns))
        if lines < 0:
            break
        counts = " · ".join(f"{count:,} {split}" for split, count in zip(SPLITS, table.counts(label), strict=True))
        bands.append(Band(tuple(Figure((plan.number_of(row),)) for row in drawn), name, counts))
    classes, left = len(table.classes), len(table.classes) - len(bands)
    told = f"{len(bands)} of {classes} classes" if left else f"{classes} class{'es' if classes != 1 else ''}"
    foot = f"and {left} more class{'es' if left != 1 else ''}: ?class= shows one" if left else ""
    return Sheet(title, _said(f"{told} · {_split(choice)}", choice), cell, tuple(bands), foot), plan.rows


def finding_sheet(
    title: str, table: ImageTable, image_size: int | None, finding: Mapping[str, Any]
) -> tuple[Sheet, Sequence[int]] | None:
    """The examples of a finding of the report, and the rows of its images; None where it is about no images."""
    plan, figures = Plan(table), list[Figure]()
    for example in finding["examples"]:
        named = [table.row_of(name) for name in (example["image"], example["other"]) if name is not None]
        rows = [row for row in named if row is not None]
        if rows and len(rows) == len(named):
            numbers = tuple(plan.number_of(row) for row in rows)
            texts = tuple((f"{table.split_of(row)} · {table.class_of(row)}", table.id_of(row)) for row in rows)
            figures.append(Figure(numbers, texts, _without_places(example["detail"], table, rows)))
    if not figures:
        return None
    in_figure = max(len(figure.images) for figure in figures)
    told = f"{finding['message']} {_examples(len(figures))}"
    band = Band(tuple(figures))
    sheet = Sheet(
        f"{title} · {finding['code']}",
        told,
        example_cell_for(image_size),
        (band,),
        finding["hint"],
        has_names=False,
        images_in_figure=in_figure,
        text_lines=2,
        caption_lines=1 if in_figure > 1 else 2,
    )
    return sheet, plan.rows


def mistake_sheet(title: str, table: ImageTable, image_size: int | None, told: bytes) -> tuple[Sheet, Sequence[int]]:
    """The most confident mistakes of a network on images of a version, as `api.views.evaluations` has `told` them, and
    the rows of its images."""
    found, plan = json.loads(told), Plan(table)
    mistakes = [ShownMistake(**each) for each in found["mistakes"][: most_shown(image_size)]]
    rows = [table.row_of(mistake.image) for mistake in mistakes]
    numbers = [None if row is None else plan.number_of(row) for row in rows]
    return mistakes_sheet(title, found["subtitle"], image_size, mistakes, numbers), plan.rows


def _drawn(table: ImageTable, label: int, choice: Choice, most: int) -> tuple[Sequence[int], int]:
    """Rows of `most` images of a class, in the order in which they are drawn; and how many there are."""
    rows = table.rows(label, choice.split)
    order = np.argsort(lots(table.words[rows], choice.seed), kind="stable")[:most]
    drawn: Rows = rows[order]
    return drawn.tolist(), len(rows)


def _without_places(detail: str, table: ImageTable, rows: Sequence[int]) -> str:
    """What an example says beside the splits and classes of its images, which stand below them."""
    places = " and ".join(f"{table.split_of(row)}/{table.class_of(row)}" for row in rows)
    return detail.removeprefix(f"{places}: ")


def _said(told: str, choice: Choice) -> str:
    return f"{told} · seed {choice.seed}"


def _split(choice: Choice) -> str:
    return f"{choice.split} images" if choice.split else "train and test images"


def _images(count: int, split: str | None) -> str:
    return f"{count:,} {split + ' ' if split else ''}image{'s' if count != 1 else ''}"


def _examples(count: int) -> str:
    return "One example." if count == 1 else f"{count} examples."
