"""The most confident mistakes of a network on a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.images.sheet_layout import HEIGHT, MARGIN, Band, Figure, Sheet, example_cell_for

_HEADS = 120  # pixels of the height, for the title and the foot
_TEXT_LINES = 3


@dataclass(frozen=True, slots=True)
class ShownMistake:
    """`image`: the first digits of its content's digest. `label` and `predicted`: names of classes. Probabilities: that
    the network gives to `predicted` and to `label`."""

    index: int
    image: str
    label: str
    predicted: str
    probability: float
    label_probability: float


def most_shown(image_size: int | None) -> int:
    """How many mistakes fit on a sheet, of images with `image_size` pixels a side; None: of any sizes."""
    sheet = _sheet("", "", image_size, ())
    return (HEIGHT - 2 * MARGIN - _HEADS) // sheet.line_height * sheet.columns


def mistakes_sheet(
    title: str,
    subtitle: str,
    image_size: int | None,
    mistakes: Sequence[ShownMistake],
    numbers: Sequence[int | None],
) -> Sheet:
    """`numbers`: of the image of each of the `mistakes` among those that are drawn, None for one that cannot be had."""
    return _sheet(title, subtitle, image_size, tuple(map(_figure, mistakes, numbers)))


def _sheet(title: str, subtitle: str, image_size: int | None, figures: tuple[Figure, ...]) -> Sheet:
    return Sheet(
        title,
        subtitle,
        example_cell_for(image_size),
        (Band(figures),),
        "Below each image: its label, what it was taken for, and the probabilities of both." if figures else "",
        has_names=False,
        text_lines=_TEXT_LINES,
    )


def _figure(mistake: ShownMistake, number: int | None) -> Figure:
    sure = f"{mistake.probability:.1%}, label {mistake.label_probability:.1%}"
    return Figure((number,), ((mistake.label, f"→ {mistake.predicted}", sure),))
