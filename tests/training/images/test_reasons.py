"""Why an image cannot be read, in our own sentences: none of Pillow's texts comes out."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from training.images.decoding import ImageUnreadable, draft, open_image, strict_pillow, whole_image
from training.images.reasons import CUT_OFF, DAMAGED, NOT_READ, TOO_MUCH_MEMORY, TOO_MUCH_TEXT, reason_of

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 255, (32, 32, 3), dtype=np.uint8))
OURS = (CUT_OFF, DAMAGED, TOO_MUCH_TEXT, NOT_READ)


def encoded(form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, form, **options)
    return buffer.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Of a grey pixel, with more chunks."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    whole = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in whole
    )


def reason(content: bytes) -> str | None:
    """Why it cannot be decoded; None where it can."""
    try:
        with strict_pillow(), open_image(content) as image:
            draft(image)
            whole_image(image)
    except ImageUnreadable as error:
        return str(error)
    return None


TEXT = zlib.compress(bytes(2 * 2**20))
WRONG = {
    "cut PNG": (encoded("PNG")[:-400], CUT_OFF),
    "cut JPEG": (encoded("JPEG")[:-200], CUT_OFF),
    "cut BMP": (encoded("BMP")[:-200], CUT_OFF),
    "cut PNM": (encoded("PPM")[:-200], CUT_OFF),
    "cut WebP": (encoded("WEBP")[:-200], DAMAGED),
    "a header of PNM that is too long": (b"P5 " + b"9" * 5000 + b" 8 255\n", DAMAGED),
    "a header of PNM that is none": (b"P5 8x 8 255\n" + bytes(64), DAMAGED),
    "a PNG's large text": (png((b"zTXt", b"k\0\0" + TEXT)), TOO_MUCH_TEXT),
    "a PNG's large profile": (png((b"iCCP", b"k\0\0" + TEXT)), TOO_MUCH_TEXT),
    "a PNG's many texts": (png(*[(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**6)))] * 70), TOO_MUCH_TEXT),
    "a BMP of another kind": (encoded("BMP").replace(b"\x18\0\0\0\0\0", b"\x18\0\x63\0\0\0", 1), NOT_READ),
}


@pytest.mark.parametrize(("content", "told"), WRONG.values(), ids=WRONG)
def test_each_kind_of_mistake_has_its_sentence(content: bytes, told: str) -> None:
    assert reason(content) == told


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000"])
def test_nothing_of_pillow_s_comes_out_of_damaged_images(form: str) -> None:
    sound, draw = encoded(form), random.Random(form)
    for _ in range(60):
        wrong = bytearray(sound[: draw.choice((len(sound), draw.randrange(len(sound))))])
        for _ in range(2):
            if wrong:
                wrong[draw.choice((draw.randrange(len(wrong)), draw.randrange(min(100, len(wrong)))))] = draw.choice(
                    (0, 0xFF, 0x7F, draw.randrange(256))
                )
        told = reason(bytes(wrong))
        assert told is None or told in OURS or told.startswith(("it is ", "it begins as ", "it has ")), told
        assert told is None or told.isprintable()


def test_errors_that_no_file_here_provokes() -> None:
    assert reason_of(MemoryError()) == TOO_MUCH_MEMORY
    assert reason_of(NotImplementedError("Lossless")) == NOT_READ
    assert reason_of(FileNotFoundError(2, "No such file or directory", "/srv/x")) == "No such file or directory"
    assert reason_of(zlib.error("Error -3 while decompressing data")) == DAMAGED
    assert reason_of(AssertionError("x")) == "it cannot be decoded (AssertionError)"
