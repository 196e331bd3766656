"""Every way in which a PNG can be transparent, and some of other formats: laid on white, like all others."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.images.decoding import STRIP, Form, decode_image, is_grey, open_image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG's colour types
HIDDEN, SHOWN = 0.2, 0.6  # of the whole range: neither black nor white, so that each mistake shows


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed(values: list[int], depth: int) -> bytes:
    bits = "".join(format(value, f"0{depth}b") for value in values)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def png(depth: int, colour: int, left: list[int], right: list[int], *, key: list[int] | None = None) -> bytes:
    """8 x 8 pixels: those in the left half have the channels `left`, the others `right`; `key` is transparent."""
    row = b"\0" + packed([*left * 4, *right * 4], depth)
    palette = b""
    if colour == PALETTE:
        palette = chunk(b"PLTE", bytes([10, 10, 10, 153, 153, 153]))
    transparency = b""
    if key is not None:
        transparency = chunk(b"tRNS", bytes(key) if colour == PALETTE else struct.pack(f">{len(key)}H", *key))
    head = struct.pack(">IIBBBBB", 8, 8, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", head), palette, transparency, chunk(b"IDAT", zlib.compress(row * 8)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def cases() -> Iterator[tuple[str, bytes, bool, tuple[int, int]]]:
    """Name, file, whether it is grey, and what is to be seen to the left, where it is transparent, and to the right."""
    for depth in (1, 2, 4, 8, 16):
        most = 2**depth - 1
        hidden, shown = round(HIDDEN * most), round(SHOWN * most)
        seen = round(shown / most * 255)
        yield f"grey {depth}, keyed", png(depth, GREY, [hidden], [shown], key=[hidden]), True, (255, seen)
        yield f"grey {depth}, not keyed", png(depth, GREY, [hidden], [shown]), True, (round(hidden / most * 255), seen)
    yield "grey 16, white keyed", png(16, GREY, [65_535], [39_321], key=[39_321]), True, (255, 255)
    for depth in (8, 16):
        most = 2**depth - 1
        hidden, shown = round(HIDDEN * most), round(SHOWN * most)
        yield (
            f"rgb {depth}, keyed",
            png(depth, RGB, [hidden, 0, most], [shown] * 3, key=[hidden, 0, most]),
            False,
            (255, 153),
        )
        yield f"rgb {depth}, not keyed", png(depth, RGB, [hidden] * 3, [shown] * 3), False, (51, 153)
        yield f"grey {depth} with alpha", png(depth, GREY_ALPHA, [hidden, 0], [shown, most]), True, (255, 153)
        yield f"rgba {depth}", png(depth, RGBA, [hidden] * 3 + [0], [shown] * 3 + [most]), False, (255, 153)
    yield "half transparent", png(8, GREY_ALPHA, [0, 128], [153, 255]), True, (127, 153)
    for depth in (1, 2, 4, 8):
        yield f"palette {depth}, keyed", png(depth, PALETTE, [0], [1], key=[0]), False, (255, 153)
        yield f"palette {depth}", png(depth, PALETTE, [0], [1]), False, (10, 153)


CASES = list(cases())


@pytest.mark.parametrize(("content", "grey", "seen"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_pngs_are_laid_on_white(
    tmp_path: Path, content: bytes, seen: tuple[int, int], channels: int, *, grey: bool
) -> None:
    (file := tmp_path / "image.png").write_bytes(content)
    with open_image(file) as image:
        assert is_grey(image) == grey
        pixels = decode_image(image, Form(8, channels))
    assert pixels.shape == (8, 8, channels)
    for column, value in zip((0, -1), seen, strict=True):
        assert np.abs(pixels[:, column].astype(int) - value).max() <= 1


@pytest.mark.parametrize("suffix", ["webp", "tif", "avif", "jp2", "gif"])
def test_transparency_of_other_formats_is_laid_on_white(tmp_path: Path, suffix: str) -> None:
    image = Image.new("RGBA", (8, 8), (50, 50, 50, 0))
    image.paste((153, 153, 153, 255), (4, 0, 8, 8))
    every: dict[str, dict[str, Any]] = {"webp": {"lossless": True}, "avif": {"quality": 100}}
    image.save(file := tmp_path / f"image.{suffix}", **every.get(suffix, {}))
    with open_image(file) as opened:
        pixels = decode_image(opened, Form(8, 3)).astype(int)
    assert np.abs(pixels[:, 0] - 255).max() <= 3
    assert np.abs(pixels[:, -1] - 153).max() <= 3


def test_a_grey_image_with_alpha_of_jpeg_2000(tmp_path: Path) -> None:
    image = Image.new("LA", (8, 8), (50, 0))
    image.paste((153, 255), (4, 0, 8, 8))
    image.save(file := tmp_path / "image.jp2")
    with open_image(file) as opened:
        assert is_grey(opened)
        assert decode_image(opened, Form(8, 1))[0, :, 0].tolist() == [255] * 4 + [153] * 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_a_large_image_is_changed_strip_by_strip(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would be at once."""
    random = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(random.integers(0, 65_536, (40, 30), dtype=np.uint16))
        options: dict[str, Any] = {"transparency": image.getpixel((3, 20))}
    else:
        channels = len(mode)
        image = Image.fromarray(random.integers(0, 256, (40, 30, channels), dtype=np.uint8), mode)
        options = {}
    image.save(file := tmp_path / "image.png", **options)

    def decode() -> list[int]:
        with open_image(file) as opened:
            return decode_image(opened, Form(30, 3)).flatten().tolist()

    whole = decode()
    monkeypatch.setattr("training.images.decoding.STRIP", 7 * 30)
    assert STRIP > 40 * 30
    assert decode() == whole
