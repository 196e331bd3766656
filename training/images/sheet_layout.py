"""What a contact sheet shows, and how much fits on it. Needs no library: whoever chooses the images has none of Pillow.

A sheet has bands, one above the other. A band has a name and figures, which fill its lines from left to right. A figure
is one image or two side by side, with lines of text below.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Self

WIDTH, HEIGHT = 1600, 2400  # pixels, at most
MARGIN, GAP, PAIR_GAP = 24, 8, 3  # around the sheet, between images, and between the two of one figure
FIGURE_GAP = 24  # between figures with text
BAND_GAP = 8  # beneath a band, beside the gap between lines
HEAD, FOOT = 64, 28  # for the title, and for what does not fit
NAMES = 200  # the column with the names of bands
TEXT_LINE = 16  # height of a line below a figure

SMALL_IMAGE = 96  # the side, about, to which small images are enlarged
LARGE_IMAGE = 128  # to which large ones are reduced
EXAMPLE, LEAST_EXAMPLE = 176, 128  # of one of a finding: for four pairs beside each other; and for the text below
LARGEST_ENLARGED = 96  # pixels of a side: with more, an image counts as large


@dataclass(frozen=True, slots=True)
class Figure:
    """`images`: numbers of images, or None for one whose file is too large. `texts`: a list of lines below each image.
    `caption`: text below all of them, which may take `Sheet.caption_lines` lines."""

    images: tuple[int | None, ...]
    texts: tuple[tuple[str, ...], ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """`name` and, smaller, `note` stand on the left, where the sheet has names."""

    figures: tuple[Figure, ...]
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """`cell`: the side in pixels of the square that an image is put in. `foot`: what is not on the sheet."""

    title: str
    subtitle: str
    cell: int
    bands: tuple[Band, ...]
    foot: str = ""
    has_names: bool = True
    images_in_figure: int = 1
    text_lines: int = 0  # below each image
    caption_lines: int = 0

    @property
    def figure_width(self) -> int:
        """In pixels."""
        return self.images_in_figure * self.cell + (self.images_in_figure - 1) * PAIR_GAP

    @property
    def gap(self) -> int:
        """Between figures, in pixels."""
        return FIGURE_GAP if self.text_lines or self.caption_lines else GAP

    @property
    def line_height(self) -> int:
        """Of a line of figures with the gap beneath, in pixels."""
        return self.cell + (self.text_lines + self.caption_lines) * TEXT_LINE + self.gap

    @property
    def columns(self) -> int:
        """How many figures a line has."""
        return _columns(self.figure_width, self.gap, has_names=self.has_names)

    def lines(self, band: Band) -> Iterator[Sequence[Figure]]:
        """The figures of each line of a band; one empty line where it has none."""
        for start in range(0, max(1, len(band.figures)), self.columns):
            yield band.figures[start : start + self.columns]

    def to_json(self) -> str:
        """For `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        fields = json.loads(text)
        fields["bands"] = tuple(_band(band) for band in fields["bands"])
        return cls(**fields)


def cell_for(image_size: int | None) -> int:
    """The side of a cell for images of `image_size` pixels a side, of which small ones are enlarged by a whole number;
    None: of any sizes."""
    if image_size is None:
        return SMALL_IMAGE
    if image_size > LARGEST_ENLARGED:
        return LARGE_IMAGE
    return image_size * max(1, round(SMALL_IMAGE / image_size))


def example_cell_for(image_size: int | None) -> int:
    """The same for images of a finding."""
    enlarged = image_size * (EXAMPLE // image_size) if image_size and image_size <= LARGEST_ENLARGED else 0
    return enlarged if enlarged >= LEAST_EXAMPLE else EXAMPLE


def columns_for(cell: int, *, has_names: bool) -> int:
    """How many images fit beside each other."""
    return _columns(cell, GAP, has_names=has_names)


def lines_for(cell: int) -> int:
    """How many lines of images fit on a sheet, each a band."""
    return (HEIGHT - 2 * MARGIN - HEAD - FOOT) // (cell + GAP + BAND_GAP)


def _columns(width: int, gap: int, *, has_names: bool) -> int:
    return max(1, (WIDTH - 2 * MARGIN - (NAMES if has_names else 0) + gap) // (width + gap))


def _band(fields: dict[str, object]) -> Band:
    figures = fields.pop("figures")
    assert isinstance(figures, list)
    made = (Figure(tuple(f["images"]), tuple(tuple(texts) for texts in f["texts"]), f["caption"]) for f in figures)
    return Band(tuple(made), **fields)  # type: ignore[arg-type]  # what asdict made
