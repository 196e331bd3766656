"""Decoding what strangers have sent: an image may do to its process what it likes."""

import os
import signal
import socket
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.views import dataset_pictures_decoding as decoding
from api.views.dataset_pictures_decoding import NO_TIME, TOO_MUCH, Decoding, decode, warm_up
from tests.api.picture_data import encoded, noise

SMALL = Decoding(cell=96, largest_side=2048, largest_megapixels=256)
GOOD = encoded(noise(1))
EVIL = encoded(noise(2, 7, 7))  # by its size

Patch = Callable[[Callable[[], object]], None]


@pytest.fixture
def evil(monkeypatch: pytest.MonkeyPatch) -> Patch:
    """What the decoder of EVIL does."""
    whole_image = decoding.whole_image  # type: ignore[attr-defined]  # for tests alone
    warm_up()

    def patch(deed: Callable[[], object]) -> None:
        def decoded(image: Image.Image) -> Image.Image:
            if image.size == (7, 7):
                deed()
            return whole_image(image)

        monkeypatch.setattr(decoding, "whole_image", decoded)

    return patch


def told(images: list[bytes]) -> tuple[list[Any], bool]:
    found, is_final = decode(images, SMALL)
    return [each if isinstance(each, str) else each.size for each in found], is_final


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000"])
def test_each_format_is_decoded_without_a_file(form: str) -> None:
    warm_up()
    assert told([encoded(noise(3, 32, 24), form)]) == ([(96, 72)], True)


def test_an_image_that_kills_its_process_costs_no_other(evil: Patch) -> None:
    evil(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert told([GOOD, EVIL, GOOD, EVIL]) == ([(96, 96), TOO_MUCH, (96, 96), TOO_MUCH], False)


def said_to_be(width: int, height: int) -> bytes:
    """A PNG with a header of this size. Pillow takes the memory for it before it sees that there are no pixels."""
    content = encoded(Image.new("RGB", (1, 1)))
    header = b"IHDR" + struct.pack(">2I", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def test_an_image_that_takes_too_much_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MEMORY_BYTES", 64 * 2**20)
    large = said_to_be(16_000, 16_000)  # a gigabyte: more than this process may have mapped and does not use
    assert told([GOOD, large, GOOD]) == ([(96, 96), TOO_MUCH, (96, 96)], True)


def test_an_image_that_takes_too_long_is_given_up(evil: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "IMAGE_SECONDS", 1)
    evil(lambda: time.sleep(60))
    assert told([GOOD, EVIL, GOOD]) == ([(96, 96), TOO_MUCH, (96, 96)], False)


def test_images_that_take_too_long_together_leave_the_rest_out(evil: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "TOTAL_SECONDS", 0.5)
    evil(lambda: time.sleep(0.6))
    found, is_final = told([GOOD, EVIL, GOOD, GOOD])
    assert (found[0], found[-1], is_final) == ((96, 96), NO_TIME, False)


@pytest.mark.parametrize(
    "deed",
    [
        Path("/etc/passwd").read_bytes,
        lambda: socket.socket(),
        lambda: os.pipe(),
        lambda: os.write(1, b"an answer"),
        lambda: os.read(0, 1),
    ],
)
def test_a_decoder_reaches_neither_files_nor_the_network_nor_the_service(
    evil: Patch, deed: Callable[[], object]
) -> None:
    evil(deed)
    found, _ = told([EVIL, GOOD])
    assert "file" in found[0]  # too many open files, or a bad file descriptor
    assert found[1] == (96, 96)


def test_what_no_decoder_of_ours_would_send_is_not_drawn(evil: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_decoded", lambda *_: decoding._SIZE.pack(False, 10**6, 10**6))
    assert told([GOOD]) == ([TOO_MUCH], False)
