"""One image file of each kind, decoded: by its pixels, not by what Pillow says of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.images.decoding import (
    Form,
    ImageUnreadable,
    decode_image,
    is_grey,
    open_image,
    resize_pixels,
    strict_pillow,
)

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
ORIENTATION = 0x0112  # the EXIF tag


def decode(file: Path, size: int, channels: int = 3) -> NDArray[np.uint8]:
    with strict_pillow(), open_image(file) as image:
        return decode_image(image, Form(size, channels))


def grey_of(file: Path) -> bool:
    with open_image(file) as image:
        return is_grey(image)


def quarters() -> Image.Image:
    """8 x 8 pixels: red, green above blue, white."""
    image = Image.new("RGB", (8, 8))
    for place, colour in {(0, 0): RED, (4, 0): GREEN, (0, 4): BLUE, (4, 4): WHITE}.items():
        image.paste(colour, (*place, place[0] + 4, place[1] + 4))
    return image


def corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """Top left, top right, bottom left, bottom right."""
    return [tuple(int(value) for value in pixels[row, column]) for row in (0, -1) for column in (0, -1)]


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "tiff", "ppm", "webp", "jp2", "avif"])
def test_colour_in_every_lossless_format(tmp_path: Path, suffix: str) -> None:
    every: dict[str, dict[str, Any]] = {"webp": {"lossless": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}}
    quarters().save(file := tmp_path / f"image.{suffix}", **every.get(suffix, {}))
    distance = np.abs(np.array(corners(decode(file, 8))) - np.array([RED, GREEN, BLUE, WHITE]))
    assert distance.max() <= (2 if suffix == "avif" else 0)
    assert not grey_of(file)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_colour_in_jpeg(tmp_path: Path, mode: str) -> None:
    quarters().resize((64, 64), Image.Resampling.NEAREST).convert(mode).save(file := tmp_path / "image.jpg", quality=95)
    distance = np.abs(np.array(corners(decode(file, 64))) - np.array([RED, GREEN, BLUE, WHITE]))
    assert distance.max() <= 6
    assert not grey_of(file)


def test_format_is_told_by_content_not_by_suffix(tmp_path: Path) -> None:
    quarters().save(file := tmp_path / "image.jpg", format="PNG")
    assert corners(decode(file, 8)) == [RED, GREEN, BLUE, WHITE]


def test_palette(tmp_path: Path) -> None:
    quarters().convert("P", palette=Image.Palette.ADAPTIVE).save(file := tmp_path / "image.png")
    assert corners(decode(file, 8)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(("mode", "colour"), [("1", 1), ("L", 255), ("LA", (255, 255)), ("I;16", 65_535)])
def test_grey_modes_are_grey_and_white_is_white(tmp_path: Path, mode: str, colour: int) -> None:
    Image.new(mode, (8, 8), colour).save(file := tmp_path / "image.png")
    assert grey_of(file)
    assert (decode(file, 8, channels=1) == 255).all()
    assert decode(file, 8, channels=1).shape == (8, 8, 1)
    assert (decode(file, 8, channels=3) == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif", "ppm"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    values = np.linspace(0, 65_535, 64).round().astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(file := tmp_path / f"image.{suffix}")
    assert decode(file, 8, channels=1)[:, :, 0].tolist() == np.round(values / 257).astype(int).tolist()


@pytest.mark.parametrize(
    "values", [np.full((8, 8), 70_000, np.int32), np.full((8, 8), -1, np.int32), np.full((8, 8), 0.5, np.float32)]
)
def test_pixels_of_unknown_range_are_refused(tmp_path: Path, values: NDArray[np.generic]) -> None:
    Image.fromarray(values).save(file := tmp_path / "image.tif")
    with pytest.raises(ImageUnreadable, match="its pixels"):
        decode(file, 8)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 4, 8))
    image.putpixel((7, 7), (255, 0, 0, 128))
    image.save(file := tmp_path / "image.png")
    assert corners(decode(file, 8)) == [BLACK, WHITE, BLACK, (255, 127, 127)]


def test_transparent_palette_entry_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([*BLUE, *RED])
    image.paste(1, (0, 0, 4, 8))
    image.save(file := tmp_path / "image.png", transparency=0)
    assert corners(decode(file, 8)) == [RED, WHITE, RED, WHITE]


def test_transparent_grey_level_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("L", (8, 8), 10)
    image.paste(90, (0, 0, 4, 8))
    image.save(file := tmp_path / "image.png", transparency=10)
    assert grey_of(file)
    assert corners(decode(file, 8, channels=1)) == [(90,), (255,), (90,), (255,)]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    later = [Image.new("RGB", (8, 8), colour) for colour in (BLUE, RED)]
    quarters().save(file := tmp_path / f"image.{suffix}", save_all=True, append_images=later, duration=100, **options)
    assert corners(decode(file, 8)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, seen: list[tuple[int, ...]]) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    quarters().save(file := tmp_path / "image.png", exif=exif)
    assert corners(decode(file, 8)) == seen


def test_broken_exif_does_not_make_an_image_unreadable(tmp_path: Path) -> None:
    quarters().save(file := tmp_path / "image.png", exif=b"Exif\x00\x00nonsense")
    assert corners(decode(file, 8)) == [RED, GREEN, BLUE, WHITE]


def test_shorter_side_is_resized_and_the_centre_cut_out(tmp_path: Path) -> None:
    """Black and white margins to the left and right of a square of red above blue."""
    image = Image.new("RGB", (96, 32), BLACK)
    image.paste(RED, (32, 0, 64, 16))
    image.paste(BLUE, (32, 16, 64, 32))
    image.paste(WHITE, (64, 0, 96, 32))
    for name, picture in {"wide.png": image, "tall.png": image.transpose(Image.Transpose.TRANSPOSE)}.items():
        picture.save(tmp_path / name)
    # The outermost column mixes a little of the margin in, as resizing the whole image would.
    assert corners(decode(tmp_path / "wide.png", 16)[:, 2:-2]) == [RED, RED, BLUE, BLUE]
    assert corners(decode(tmp_path / "tall.png", 16)[2:-2]) == [RED, BLUE, RED, BLUE]


def test_cutting_out_before_resizing_equals_cutting_out_after(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    (image := Image.fromarray(noise)).save(file := tmp_path / "image.png")
    expected = image.resize((40, 20), Image.Resampling.BICUBIC).crop((10, 0, 30, 20))
    assert np.array_equal(decode(file, 20), np.asarray(expected))


def test_an_image_whose_shorter_side_fits_is_cut_without_resampling(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 21, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file := tmp_path / "image.png")
    assert np.array_equal(decode(file, 8), noise[:, 6:14])


def test_fine_patterns_are_averaged_not_sampled(tmp_path: Path) -> None:
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(file := tmp_path / "image.png")
    # Without the outermost columns: 256 is no multiple of the blocks that are averaged first.
    assert np.abs(decode(file, 16, channels=1)[:, 1:-1].astype(int) - 128).max() <= 2


@pytest.mark.parametrize("size", [32, 200])  # at an eighth and at a half of its own size
def test_large_jpeg_is_close_to_a_full_decode(tmp_path: Path, size: int) -> None:
    waves = 128 + 100 * np.sin(np.arange(1024) / 10)
    image = Image.fromarray(np.tile(waves.astype(np.uint8), (1024, 1)))
    Image.merge("RGB", (image, image.rotate(90), image.rotate(180))).save(file := tmp_path / "image.jpg", quality=95)
    with Image.open(file) as image:
        expected = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    assert np.abs(decode(file, size).astype(int) - expected)[1:-1, 1:-1].max() <= 6


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_resized_as_files_are(tmp_path: Path, channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, channels), dtype=np.uint8)
    Image.fromarray(noise[:, :, 0] if channels == 1 else noise).save(file := tmp_path / "image.png")
    assert np.array_equal(resize_pixels(noise, Form(12, channels)), decode(file, 12, channels))


def test_files_that_would_start_a_program_are_not_images(tmp_path: Path) -> None:
    quarters().save(file := tmp_path / "image.png", format="EPS")
    with pytest.raises(ImageUnreadable, match="a PostScript document"):
        decode(file, 8)


def test_a_text_of_pixels_may_have_comments_and_not_thousands() -> None:
    for comments in (10, 1000):
        with open_image(b"P2\n1 1\n255\n" + b"#\n" * comments + b"7\n") as image:
            assert image.getpixel((0, 0)) == 7
    with pytest.raises(ImageUnreadable, match="1,001 comments"), open_image(b"P2\n1 1\n255\n" + b"#\n" * 1001 + b"7\n"):
        pass
