"""Contact sheets: what fits, what is drawn, and how text is written."""

import sys
from collections.abc import Sequence
from subprocess import run

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.images.contact_sheet import Shown, draw_refusal, draw_sheet, fitted, reduced
from training.images.lettering import drawable, font, shortened, wrapped
from training.images.sheet_layout import (
    HEAD,
    HEIGHT,
    MARGIN,
    NAMES,
    WIDTH,
    Band,
    Figure,
    Sheet,
    cell_for,
    columns_for,
    example_cell_for,
    lines_for,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


def dot(width: int = 32, height: int = 32, colour: tuple[int, int, int] = RED) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def sheet(images: int = 2, cell: int = 96, **fields: object) -> Sheet:
    band = Band(tuple(Figure((number,)) for number in range(images)), "cat", "2 train · 0 test")
    return Sheet(**{"title": "pets", "subtitle": "all", "cell": cell, "bands": (band,), **fields})  # type: ignore[arg-type]  # fields by name


def pixels(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("RGB"))


def test_a_small_image_is_enlarged_so_that_each_pixel_is_a_square() -> None:
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 32, 3), np.uint8))
    large = fitted(small, 96)
    assert large.size == (96, 84)
    np.testing.assert_array_equal(pixels(large), pixels(small).repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize(("size", "cell", "expected"), [((400, 100), 128, (128, 32)), ((5000, 1), 128, (128, 1))])
def test_a_large_image_is_reduced_in_its_proportions(
    size: tuple[int, int], cell: int, expected: tuple[int, int]
) -> None:
    assert fitted(dot(*size), cell).size == expected
    assert reduced(dot(30, 20), 2048).size == (30, 20)


@pytest.mark.parametrize(
    ("image_size", "cell"),
    [(None, 96), (1, 96), (8, 96), (28, 84), (32, 96), (64, 128), (96, 96), (97, 128), (224, 128)],
)
def test_a_cell_is_a_whole_number_of_times_a_small_image(image_size: int | None, cell: int) -> None:
    assert cell_for(image_size) == cell
    assert example_cell_for(image_size) in range(128, 177)


@pytest.mark.parametrize("cell", [84, 96, 128])
def test_a_full_sheet_is_not_too_large(cell: int) -> None:
    columns, lines = columns_for(cell, has_names=True), lines_for(cell)
    bands = (Band(tuple(Figure((0,)) for _ in range(columns)), "cat", "note"),) * lines
    full = draw_sheet(Sheet("pets", "all", cell, bands, "and 80 more classes"), [dot(cell, cell)])
    assert WIDTH - cell < full.width <= WIDTH
    assert HEIGHT - 2 * cell < full.height <= HEIGHT


def test_images_stand_where_they_should_and_in_the_middle_of_their_cells() -> None:
    drawn = pixels(draw_sheet(sheet(2), [dot(96, 48), dot(96, 96, BLUE)]))
    top, left = MARGIN + HEAD, MARGIN + NAMES
    assert (drawn[top + 24 : top + 72, left : left + 96] == RED).all()
    assert not (drawn[top : top + 24] == RED).all(axis=-1).any()
    assert (drawn[top : top + 96, left + 104 : left + 200] == BLUE).all()


def test_figures_beyond_a_line_go_on_in_the_next() -> None:
    columns = columns_for(96, has_names=False)
    drawn = pixels(draw_sheet(sheet(columns + 1, has_names=False), [dot(96, 96)] * columns + [dot(96, 96, BLUE)]))
    rows, places = np.nonzero((drawn == BLUE).all(axis=-1))
    assert (rows.min(), places.min()) == (MARGIN + HEAD + 96 + 8, MARGIN)


def test_equal_sheets_give_equal_pixels_and_a_sheet_comes_out_as_it_went_in() -> None:
    pair = Figure((0, 1), (("train · cat", "12"), ("test · dög", "34")), "3 of 64 bits differ")
    told = Sheet(
        "訓練 \n", "", 176, (Band((pair, Figure((None,)))),), "hint", images_in_figure=2, text_lines=2, caption_lines=1
    )
    assert Sheet.from_json(told.to_json()) == told
    images: Sequence[Shown] = [dot(), "it is no image"]
    assert draw_sheet(told, images).tobytes() == draw_sheet(Sheet.from_json(told.to_json()), images).tobytes()


def test_what_cannot_be_shown_is_told_in_its_place() -> None:
    empty = pixels(draw_sheet(sheet(1), [""]))
    told = pixels(draw_sheet(sheet(1), ["it is text and no image"]))
    assert (told != empty).any()
    assert draw_refusal("it is " + "very " * 500 + "broken", 176).size == (176, 176)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", "cat"),
        ("", ""),
        ("Кошка ΑΒΓ é", "Кошка ΑΒΓ é"),
        ("訓練", r"\u8a13\u7df4"),
        ("a\nb", r"'a\nb'"),
        ("a\u202eb", r"'a\u202eb'"),
        ("\U000e0041", r"'\U000e0041'"),
        ("𓀀 x", r"\U00013000 x"),
    ],
)
def test_what_the_font_lacks_is_written_as_an_escape(name: str, expected: str) -> None:
    assert drawable(name) == expected


def test_any_text_can_be_drawn() -> None:
    text = "".join(chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000)
    draw_sheet(sheet(1, title=text, subtitle=text, foot=text, bands=(Band((Figure((0,)),), text, text),)), [dot()])


def test_text_is_wrapped_between_words_and_cut_where_it_is_too_long() -> None:
    face = font(15)
    width = round(face.getlength("a longer name")) + 1
    assert wrapped("a longer name of a class", face, width, 3) == ["a longer name", "of a class"]
    assert wrapped("a longer name of a class", face, width, 1) == ["a longer na…"]
    assert all(face.getlength(line) <= width for line in wrapped("x" * 200, face, width, 4))
    assert shortened("cat", face, width) == "cat"
    assert wrapped("", face, width, 2) == []


def test_planning_needs_no_library() -> None:
    told = "import sys; import training.images.sheet_layout; print(*{'numpy', 'PIL'} & {*sys.modules})"
    assert not run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
