"""How an image that is not square becomes so: cropped, padded or stretched."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.engine.data import load_dataset
from training.images.decoding import Form, Resize, decode_image, open_image, resize_pixels, strict_pillow

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
ORIENTATION = 0x0112  # the EXIF tag
WAYS: list[Resize] = ["crop", "pad", "stretch"]


def decode(file: Path, size: int, resize: Resize, channels: int = 3) -> NDArray[np.uint8]:
    with strict_pillow(), open_image(file) as image:
        return decode_image(image, Form(size, channels, resize))


def halves(width: int, height: int) -> Image.Image:
    """Red above blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def column(pixels: NDArray[np.uint8], at: int) -> list[tuple[int, ...]]:
    return [tuple(int(value) for value in pixel) for pixel in pixels[:, at]]


def row(pixels: NDArray[np.uint8], at: int) -> list[tuple[int, ...]]:
    return column(pixels.transpose(1, 0, 2), at)


def test_a_wide_image_is_padded_above_and_below(tmp_path: Path) -> None:
    halves(8, 4).save(file := tmp_path / "image.png")
    for at in (0, 7):
        assert column(decode(file, 8, "pad"), at) == [BLACK] * 2 + [RED] * 2 + [BLUE] * 2 + [BLACK] * 2


def test_a_tall_image_is_padded_left_and_right(tmp_path: Path) -> None:
    halves(8, 4).transpose(Image.Transpose.TRANSPOSE).save(file := tmp_path / "image.png")
    for at in (0, 7):
        assert row(decode(file, 8, "pad"), at) == [BLACK] * 2 + [RED] * 2 + [BLUE] * 2 + [BLACK] * 2


def test_an_odd_pixel_of_padding_goes_below(tmp_path: Path) -> None:
    Image.new("RGB", (8, 5), RED).save(file := tmp_path / "image.png")
    assert column(decode(file, 8, "pad"), 3) == [BLACK] + [RED] * 5 + [BLACK] * 2


@pytest.mark.parametrize(("size", "inner"), [(16, 6), (40, 15), (60, 22)])
def test_padding_keeps_the_shape(tmp_path: Path, size: int, inner: int) -> None:
    """To the nearest pixel, a half to the even one; larger or smaller than the file."""
    Image.new("RGB", (40, 15), WHITE).save(file := tmp_path / "image.png")
    pixels = decode(file, size, "pad")
    inside = (pixels == 255).all(axis=(1, 2))
    assert inside.sum() == inner
    assert (pixels[~inside] == 0).all()
    first, last = inside.argmax(), inside[::-1].argmax()
    assert 0 <= last - first <= 1


def test_padding_leaves_at_least_a_line(tmp_path: Path) -> None:
    Image.new("RGB", (300, 1), WHITE).save(file := tmp_path / "image.png")
    assert column(decode(file, 8, "pad"), 0).count(WHITE) == 1


def test_padding_resamples_the_whole_image_as_pillow_does(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 60, 3), dtype=np.uint8)
    (image := Image.fromarray(noise)).save(file := tmp_path / "image.png")
    expected = np.asarray(image.resize((40, 20), Image.Resampling.BICUBIC))
    assert np.array_equal(decode(file, 40, "pad")[10:30], expected)


def test_an_image_whose_longer_side_fits_is_padded_without_resampling(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 21, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file := tmp_path / "image.png")
    assert np.array_equal(decode(file, 21, "pad")[6:14], noise)


@pytest.mark.parametrize("shape", [(30, 60, 3), (61, 20, 3)])
def test_stretching_resizes_the_whole_image_as_pillow_does(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (image := Image.fromarray(noise)).save(file := tmp_path / "image.png")
    expected = np.asarray(image.resize((24, 24), Image.Resampling.BICUBIC))
    assert np.array_equal(decode(file, 24, "stretch"), expected)


@pytest.mark.parametrize("size", [12, 20, 33])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_square_image_is_the_same_in_every_way(tmp_path: Path, size: int, channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, channels), dtype=np.uint8)
    Image.fromarray(noise[:, :, 0] if channels == 1 else noise).save(file := tmp_path / "image.png")
    cropped, padded, stretched = (decode(file, size, way, channels) for way in WAYS)
    assert np.array_equal(cropped, padded)
    assert np.array_equal(cropped, stretched)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_resized_as_files_are(tmp_path: Path, way: Resize, channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 31, channels), dtype=np.uint8)
    Image.fromarray(noise[:, :, 0] if channels == 1 else noise).save(file := tmp_path / "image.png")
    assert np.array_equal(resize_pixels(noise, Form(12, channels, way)), decode(file, 12, way, channels))


@pytest.mark.parametrize(("way", "seen"), [("pad", [BLACK, RED, BLUE, BLACK]), ("stretch", [RED, RED, BLUE, BLUE])])
def test_the_longer_side_is_that_of_the_upright_image(tmp_path: Path, way: Resize, seen: list[tuple[int, ...]]) -> None:
    """The file is tall; upright, it is wide."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    halves(8, 4).transpose(Image.Transpose.ROTATE_90).save(file := tmp_path / "image.png", exif=exif)
    pixels = column(decode(file, 8, way), 4)
    assert [pixels[at] for at in (0, 2, 5, 7)] == seen


MIDDLE = {"pad": slice(2, 6), "stretch": slice(0, 8)}


@pytest.mark.parametrize("way", ["pad", "stretch"])
@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "channels", "seen"),
    [
        ("1", 1, "png", 1, (255,)),
        ("L", 90, "png", 1, (90,)),
        ("L", 90, "png", 3, (90, 90, 90)),
        ("LA", (90, 0), "png", 1, (255,)),
        ("I;16", 257 * 90, "png", 1, (90,)),
        ("I;16", 257 * 90, "tif", 3, (90, 90, 90)),
        ("P", 0, "png", 3, BLUE),
        ("P", 0, "gif", 3, BLUE),
        ("RGBA", (*RED, 0), "png", 3, WHITE),
        ("RGBA", (*RED, 255), "webp", 3, RED),
        ("CMYK", (0, 0, 0, 0), "jpg", 3, WHITE),
    ],
)
def test_images_of_every_mode(
    tmp_path: Path, way: Resize, mode: str, colour: Any, suffix: str, channels: int, seen: tuple[int, ...]
) -> None:
    """The padding is black whatever the image is, and is not laid on white with it."""
    image = Image.new(mode, (8, 4), colour)
    if mode == "P":
        image.putpalette([*BLUE, *RED])
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    image.save(file := tmp_path / f"image.{suffix}", **options)
    pixels = decode(file, 8, way, channels)
    inside = np.zeros((8, 8), bool)
    inside[MIDDLE[way]] = True
    assert {tuple(pixel.tolist()) for pixel in pixels[inside]} == {seen}
    assert not pixels[~inside].any()


@pytest.mark.parametrize("way", ["pad", "stretch"])
def test_animation_gives_its_first_frame(tmp_path: Path, way: Resize) -> None:
    later = [Image.new("RGB", (8, 4), BLUE)] * 2
    Image.new("RGB", (8, 4), RED).save(file := tmp_path / "image.gif", save_all=True, append_images=later, duration=100)
    assert column(decode(file, 8, way), 3)[3] == RED


@pytest.mark.parametrize("size", [32, 100])
@pytest.mark.parametrize("way", ["pad", "stretch"])
def test_large_jpeg_is_close_to_a_full_decode(tmp_path: Path, way: Resize, size: int) -> None:
    waves = 128 + 100 * np.sin(np.arange(1024) / 20)
    image = Image.fromarray(np.tile(waves.astype(np.uint8), (512, 1)))
    Image.merge("RGB", (image, image, image)).save(file := tmp_path / "image.jpg", quality=95)
    height = size // 2 if way == "pad" else size
    expected = np.asarray(image.resize((size, height), Image.Resampling.BICUBIC)).astype(int)
    first = (size - height) // 2
    found = decode(file, size, way)[first : first + height, :, 0]
    assert np.abs(found - expected)[1:-1, 1:-1].max() <= 6


@pytest.mark.parametrize(
    ("way", "shape", "corner"),
    [("crop", 4, 255), ("pad", 4, 0), ("stretch", 4, 255), ("pad", 20, 0), ("crop", 20, 255)],
)
def test_a_folder_is_brought_to_squares_as_asked(tmp_path: Path, way: Resize, shape: int, corner: int) -> None:
    """By default, to the median of the shorter sides, whichever way."""
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "set" / place).mkdir(parents=True)
        Image.new("L", (shape * 2, shape), 255).save(tmp_path / "set" / place / "0.png")
    dataset = load_dataset("set", resize=way, datasets_dir=tmp_path, downloads_dir=tmp_path)
    assert dataset.image_size == max(8, shape)
    assert dataset.train.images[0, 0, 0, 0] == corner
    assert dataset.train.images[0, dataset.image_size // 2, 0, 0] == 255


@pytest.mark.parametrize("way", WAYS)
def test_digits_are_resized_alike_in_every_way(tmp_path: Path, way: Resize) -> None:
    options: dict[str, Any] = {"image_size": 11, "datasets_dir": tmp_path, "downloads_dir": tmp_path}
    found, usual = load_dataset("digits", resize=way, **options), load_dataset("digits", **options)
    assert found.train.images.equal(usual.train.images)
