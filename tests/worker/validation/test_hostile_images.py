"""Images that are made to exhaust or to crash a decoder: each is named, and none takes others along."""

import os
import signal
import struct
import zlib
from pathlib import Path

import pytest

from storage import Storage
from tests.worker.validation.archives import by_program, order_of, picture, tree, validated, zipped
from training.dataset_check import examining
from training.images import decoding as images
from worker.validation import decoding
from worker.validation.messages import Found


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
        return digest(image)  # type: ignore[arg-type]

    monkeypatch.setattr(examining, "whole_image", crash)
    files = {**tree(20, 5), "train/ant/evil.png": picture(7, (31, 17)), "test/bee/evil.png": picture(8, (31, 17))}
    found = validated(storage, tmp_path / "x", zipped(files))
    told = unreadable(found)
    assert isinstance(found, Found)
    assert (found.train_images, found.test_images) == (40, 10)
    assert "train/ant/evil.png" in told
    assert "test/bee/evil.png" in told
    assert decoding.TOO_MUCH in told


def test_an_image_that_takes_for_ever_is_named(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "CHUNK_SECONDS", 0.5)
    whole = images.whole_image

    def hang(image: object) -> object:
        while getattr(image, "size", None) == (31, 17):
            pass
        return whole(image)  # type: ignore[arg-type]

    monkeypatch.setattr(examining, "whole_image", hang)
    found = validated(storage, tmp_path / "x", zipped({**tree(1, 1), "train/ant/evil.png": picture(7, (31, 17))}))
    assert "train/ant/evil.png" in unreadable(found)
