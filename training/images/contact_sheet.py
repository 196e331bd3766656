"""Draws contact sheets. Equal images and an equal sheet give equal pixels."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from training.images.lettering import BOLD, drawable, font, shortened, wrapped, write
from training.images.sheet_layout import (
    BAND_GAP,
    FOOT,
    GAP,
    HEAD,
    MARGIN,
    NAMES,
    PAIR_GAP,
    TEXT_LINE,
    WIDTH,
    Figure,
    Sheet,
)

PAPER, INK, GREY, FRAME, BLANK = "#FFFFFF", "#222222", "#666666", "#D5D5D5", "#F3F3F3"

TITLE_SIZE, TEXT_SIZE, NAME_SIZE, SMALL_SIZE = 22, 14, 15, 12
TITLE_LINE, SUBTITLE_LINE = 18, 42  # base lines, below the margin
NAME_LINE = 19  # height of a line of a band's name
LEAST_WIDTH = 640
REDUCING_GAP = 3.0  # from here on, Pillow says, averaging whole blocks first is close to resampling every pixel

TOO_LARGE = "its file is too large to be shown here"

# Of an image that is to be shown: its pixels, or why they cannot be had.
Shown = Image.Image | str


def fitted(image: Image.Image, cell: int) -> Image.Image:
    """An image for a square cell of `cell` pixels: a small one enlarged by a whole number, each pixel a square; a large
    one reduced."""
    longer = max(image.size)
    if longer <= cell:
        times = cell // longer
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    return reduced(image, cell)


def reduced(image: Image.Image, most: int) -> Image.Image:
    """An image whose longer side has `most` pixels at most."""
    longer = max(image.size)
    if longer <= most:
        return image
    size = (max(1, round(image.width * most / longer)), max(1, round(image.height * most / longer)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)


def draw_sheet(sheet: Sheet, images: Sequence[Shown]) -> Image.Image:
    """The sheet as an RGB image. `images`, by their numbers: what `fitted` returned, or why there is none."""
    paper = Image.new("RGB", _size(sheet), PAPER)
    pen = ImageDraw.Draw(paper)
    room = paper.width - 2 * MARGIN
    title = shortened(drawable(sheet.title), font(TITLE_SIZE, BOLD), room)
    write(pen, (MARGIN, MARGIN + TITLE_LINE), title, font(TITLE_SIZE, BOLD), INK)
    subtitle = shortened(drawable(sheet.subtitle), font(TEXT_SIZE), room)
    write(pen, (MARGIN, MARGIN + SUBTITLE_LINE), subtitle, font(TEXT_SIZE), GREY)
    top = MARGIN + HEAD
    for band in sheet.bands:
        if sheet.has_names:
            _draw_name(pen, top, sheet.cell, band.name, band.note)
        for line in sheet.lines(band):
            left = MARGIN + (NAMES if sheet.has_names else 0)
            for figure in line:
                _draw_figure(paper, pen, (left, top), sheet, figure, images)
                left += sheet.figure_width + sheet.gap
            top += sheet.line_height
        top += BAND_GAP
    if sheet.foot:
        foot = shortened(drawable(sheet.foot), font(TEXT_SIZE), room)
        write(pen, (MARGIN, top + FOOT - GAP), foot, font(TEXT_SIZE), GREY)
    return paper


def draw_refusal(reason: str, side: int) -> Image.Image:
    """In place of an image of its own, why it cannot be shown."""
    paper = Image.new("RGB", (side, side), PAPER)
    _draw_image(paper, ImageDraw.Draw(paper), (0, 0), side, reason)
    return paper


def _size(sheet: Sheet) -> tuple[int, int]:
    lines = [line for band in sheet.bands for line in sheet.lines(band)]
    columns = max((len(line) for line in lines), default=0)
    figures = columns * (sheet.figure_width + sheet.gap) - sheet.gap
    width = 2 * MARGIN + (NAMES if sheet.has_names else 0) + figures
    height = len(lines) * sheet.line_height + len(sheet.bands) * BAND_GAP - sheet.gap - BAND_GAP
    titles = 2 * MARGIN + max(
        font(TITLE_SIZE, BOLD).getlength(drawable(sheet.title)),
        font(TEXT_SIZE).getlength(drawable(sheet.subtitle)),
        font(TEXT_SIZE).getlength(drawable(sheet.foot)) if sheet.foot else 0,
    )
    width = min(WIDTH, max(width, LEAST_WIDTH, round(titles) + 1))
    return width, 2 * MARGIN + HEAD + max(height, 0) + (FOOT + GAP if sheet.foot else 0)


def _draw_name(pen: ImageDraw.ImageDraw, top: int, cell: int, name: str, note: str) -> None:
    """On the left of a band, as far as the height of a cell allows."""
    room = NAMES - 2 * GAP
    most = max(1, min(4, (cell - TEXT_LINE) // NAME_LINE))
    lines = wrapped(drawable(name), font(NAME_SIZE, BOLD), room, most)
    base = top + NAME_SIZE
    for line in lines:
        write(pen, (MARGIN, base), line, font(NAME_SIZE, BOLD), INK)
        base += NAME_LINE
    for line in wrapped(drawable(note), font(SMALL_SIZE), room, 2) if note else ():
        if base <= top + cell:
            write(pen, (MARGIN, base), line, font(SMALL_SIZE), GREY)
        base += TEXT_LINE


def _draw_figure(
    paper: Image.Image,
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    sheet: Sheet,
    figure: Figure,
    images: Sequence[Shown],
) -> None:
    left, top = place
    for number in figure.images:
        _draw_image(paper, pen, (left, top), sheet.cell, TOO_LARGE if number is None else images[number])
        left += sheet.cell + PAIR_GAP
    base = top + sheet.cell + TEXT_LINE
    for column, texts in enumerate(figure.texts):
        left = place[0] + column * (sheet.cell + PAIR_GAP)
        for number, text in enumerate(texts[: sheet.text_lines]):
            colour = GREY if number else INK
            told = shortened(drawable(text), font(SMALL_SIZE), sheet.cell - PAIR_GAP)
            write(pen, (left, base + number * TEXT_LINE), told, font(SMALL_SIZE), colour)
    base += sheet.text_lines * TEXT_LINE
    for line in wrapped(drawable(figure.caption), font(SMALL_SIZE), sheet.figure_width, sheet.caption_lines):
        write(pen, (place[0], base), line, font(SMALL_SIZE), INK)
        base += TEXT_LINE


def _draw_image(paper: Image.Image, pen: ImageDraw.ImageDraw, place: tuple[int, int], cell: int, image: Shown) -> None:
    """In the middle of its cell, with a frame, so that an image with a white border has one."""
    left, top = place
    if isinstance(image, str):
        pen.rectangle((left, top, left + cell - 1, top + cell - 1), fill=BLANK, outline=FRAME)
        text = drawable(f"cannot be shown: {image}")
        for line, told in enumerate(wrapped(text, font(SMALL_SIZE), cell - 2 * GAP, cell // TEXT_LINE - 1)):
            write(pen, (left + GAP, top + GAP + SMALL_SIZE + line * TEXT_LINE), told, font(SMALL_SIZE), GREY)
        return
    left, top = left + (cell - image.width) // 2, top + (cell - image.height) // 2
    pen.rectangle((left - 1, top - 1, left + image.width, top + image.height), outline=FRAME)
    paper.paste(image, (left, top))
