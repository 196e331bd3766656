"""Images that are made to exhaust or to crash a decoder: each is named, and none takes others along."""

import io
import os
import signal
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from storage import Storage
from tests.worker.validation.archives import by_program, order_of, picture, tree, validated, zipped
from training.dataset_check import examining
from training.images import decoding as images
from worker.validation import decoder, decoding, limits
from worker.validation.messages import Found, Rejected

WHOLE_IMAGE = images.whole_image


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/storage")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def huge_png(side: int) -> bytes:
    """A PNG that says that it has side times side pixels, in few bytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 2**20)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def unreadable(found: object) -> str:
    assert isinstance(found, Found), found
    [finding] = [each for each in found.report["findings"] if each["code"] == "unreadable_files"]
    return str(finding["examples"])


def test_an_image_of_four_gigapixels_is_refused_without_being_decoded(storage: Storage, tmp_path: Path) -> None:
    found = by_program(order_of(storage, tmp_path / "x", zipped({**tree(), "train/ant/huge.png": huge_png(65_000)})))
    told = unreadable(found)
    assert "huge.png" in told
    assert "4,225.0 megapixels" in told


def test_an_image_that_kills_its_decoder_is_named_and_costs_no_other(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a chunk with many others, twice."""
    digest = images.whole_image

    def crash(image: object) -> object:
        if getattr(image, "size", None) == (31, 17):
            os.kill(os.getpid(), signal.SIGSEGV)
        return digest(image)  # type: ignore[arg-type]  # as it was

    monkeypatch.setattr(examining, "whole_image", crash)
    files = {**tree(20, 5), "train/ant/evil.png": picture(7, (31, 17)), "test/bee/evil.png": picture(8, (31, 17))}
    found = validated(storage, tmp_path / "x", zipped(files))
    told = unreadable(found)
    assert isinstance(found, Found)
    assert (found.train_images, found.test_images) == (40, 10)
    assert "train/ant/evil.png" in told
    assert "test/bee/evil.png" in told
    assert decoding.TOO_MUCH in told


def hanging(image: Image.Image) -> Image.Image:
    """Decodes, but for one size, which it never ends with."""
    while image.size == (31, 17):
        pass
    return WHOLE_IMAGE(image)


def test_an_image_that_takes_for_ever_is_named_and_no_other_is_decoded_for_so_long_again(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among 100 in one chunk: its time is over once, and not again with each half of the chunk."""
    monkeypatch.setattr(limits, "IMAGE_SECONDS", 1.0)
    monkeypatch.setattr(examining, "whole_image", hanging)
    began = os.times()
    found = validated(storage, tmp_path / "x", zipped({**tree(40, 10), "train/ant/evil.png": picture(7, (31, 17))}))
    ended = os.times()
    told = unreadable(found)
    assert "train/ant/evil.png: it takes more than 1 seconds to decode" in told
    assert isinstance(found, Found)
    assert (found.train_images, found.test_images) == (80, 20)
    assert ended.children_user - began.children_user < 2


def test_an_image_that_waits_for_ever_is_named(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no time of a processor."""
    monkeypatch.setattr(decoding, "PATIENCE", 0.02)

    def wait(image: Image.Image) -> Image.Image:
        if image.size == (31, 17):
            time.sleep(60)
        return WHOLE_IMAGE(image)

    monkeypatch.setattr(examining, "whole_image", wait)
    found = validated(storage, tmp_path / "x", zipped({**tree(1, 1), "train/ant/evil.png": picture(7, (31, 17))}))
    assert "train/ant/evil.png" in unreadable(found)


def test_many_images_that_end_their_decoder_end_the_validation(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IMAGE_SECONDS", 0.1)
    monkeypatch.setattr(examining, "whole_image", hanging)
    evil = {f"train/ant/evil{number:02}.png": picture(number, (31, 17)) for number in range(30)}
    rejected = validated(storage, tmp_path / "x", zipped({**tree(), **evil}))
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.retryable) == ("dataset_invalid", False)
    assert f"more than {decoding.MOST_FATAL} images" in rejected.message
    assert "train/ant/evil" in rejected.message
    assert "seconds to decode" in rejected.message


def test_a_decoder_that_has_worked_for_long_ends_with_what_it_has_done(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that little is lost with an image that ends its decoder."""
    expected = validated(storage, tmp_path / "y", zipped(tree()))
    monkeypatch.setattr(decoder, "ENOUGH_SECONDS", 0.0)
    started: list[int] = []
    read_result = decoder.read_result

    def read(first: int, result: Path) -> object:
        started.append(first)
        return read_result(first, result)

    monkeypatch.setattr(decoding, "read_result", read)
    found = validated(storage, tmp_path / "x", zipped(tree()))
    assert started == [*range(12)]
    assert isinstance(found, Found)
    assert isinstance(expected, Found)
    assert found.identity == expected.identity


def test_an_image_that_lacks_memory_after_others_is_tried_again_first_of_all(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone it is read, if there is enough then."""
    decoded = 0

    def starve(image: Image.Image) -> Image.Image:
        nonlocal decoded
        decoded += 1
        if image.size == (31, 17) and decoded > 1:
            raise MemoryError
        return WHOLE_IMAGE(image)

    monkeypatch.setattr(examining, "whole_image", starve)
    found = validated(storage, tmp_path / "x", zipped({**tree(), "train/ant/large.png": picture(7, (31, 17))}))
    assert isinstance(found, Found)
    assert found.train_images == 9


def test_a_jpeg_of_thousands_of_scans_is_refused_without_being_decoded(storage: Storage, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (31, 17), "red").save(file, "JPEG", progressive=True)
    scans = file.getvalue()[:-2] + b"\xff\xda\0\x08\1\1\0\1\x3f\x10" * 2500 + b"\xff\xd9"
    files = {**tree(), "train/ant/scans.jpg": scans, "train/ant/honest.jpg": file.getvalue()}
    found = validated(storage, tmp_path / "x", zipped(files))
    assert "scans.jpg: it is a JPEG of 2,510 scans" in unreadable(found)
    assert isinstance(found, Found)
    assert found.train_images == 9


def test_a_validation_that_takes_too_long_for_its_size_is_ended(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "VALIDATION_SECONDS", -1e6)
    rejected = validated(storage, tmp_path / "x", zipped(tree()))
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.retryable) == ("timeout", False)
    assert limits.validation_seconds(60_000, 10**9) > limits.validation_seconds(60_000, 0) + 900
