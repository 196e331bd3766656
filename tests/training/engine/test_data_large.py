"""What is larger than memory is decoded into a file; and what becomes of it where the disk is full."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.pets import assert_same, kept, load
from training.engine.data import DatasetInvalid, cache, decoding
from training.engine.data.stores import FileStore
from training.images.decoding import Form

FILES = 12  # of `pets`
IMAGE_BYTES = 8 * 8 * 3


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


def let_memory_hold(images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.engine.data.memory.available_memory", lambda: 2 * images * IMAGE_BYTES)


@pytest.fixture
def never_whole_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds all images but one, and nothing is put there."""
    let_memory_hold(FILES - 1, monkeypatch)
    for module in (cache, decoding):
        monkeypatch.setattr(module, "MemoryStore", None)


@pytest.mark.parametrize("options", [{}, {"image_size": 8}, {"resize": "stretch"}])
@pytest.mark.usefixtures("never_whole_in_memory")
def test_what_memory_does_not_hold_is_decoded_into_the_cache(pets: Path, options: dict[str, Any]) -> None:
    first, second = load(pets, **options), load(pets, **options)
    assert first.train.mapped
    assert first.test.mapped
    for dataset in (first, second):
        images = torch.cat((dataset.train.images, dataset.test.images))
        files = sorted(pets.glob("train/*/*")) + sorted(pets.glob("test/*/*"))
        assert all(
            np.array_equal(image, np.asarray(Image.open(file))) for image, file in zip(images, files, strict=True)
        )
        assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4


@pytest.mark.usefixtures("never_whole_in_memory")
def test_images_left_out_leave_no_gap_in_the_file(pets: Path) -> None:
    broken = ["train/cat/0.png", "train/dog/2.png", "test/dog/1.png"]
    for place in broken:
        (pets / place).write_bytes((pets / place).read_bytes()[:60])
    for dataset in (load(pets, unreadable="drop"), load(pets, unreadable="drop")):
        assert dataset.dropped == 3
        assert dataset.train.labels.tolist() == [0] * 3 + [1] * 3
        assert dataset.test.labels.tolist() == [0, 0, 1]
        for image, name in ((dataset.train.images[5], "train/dog/3.png"), (dataset.test.images[2], "test/dog/0.png")):
            assert np.array_equal(image, np.asarray(Image.open(pets / name)))
    assert kept(pets)[0].stat().st_size == (FILES - 3) * IMAGE_BYTES


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it shows where a file system puts off finding room: when the file has to be on the disk."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


def refuse_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)


def leave_on_disk(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**9, 0, free))


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("full", [fill_disk, lambda monkeypatch: leave_on_disk(FILES * IMAGE_BYTES, monkeypatch)])
def test_on_a_full_disk_what_memory_holds_is_trained_on_all_the_same(
    pets: Path, full: Callable[[pytest.MonkeyPatch], None], alike: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not alike:
        Image.new("RGB", (9, 30)).save(pets / "test/dog/1.png")
    expected = load(pets, cache_dir=None)
    full(monkeypatch)
    assert_same(load(pets), expected)
    assert kept(pets) == kept(pets, ".json") == kept(pets, ".partial") == []


@pytest.mark.parametrize("full", [fill_disk, refuse_to_write])
def test_a_disk_that_fills_up_under_what_memory_does_not_hold(
    pets: Path, full: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    let_memory_hold(FILES - 1, monkeypatch)
    full(monkeypatch)
    with pytest.raises(OSError, match="No space left") as caught:
        load(pets, unreadable="drop")  # a full disk breaks no image
    assert caught.value.errno == errno.ENOSPC
    assert kept(pets) == []


def test_room_on_the_disk_is_asked_for_before_decoding(
    pets: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    let_memory_hold(FILES - 1, monkeypatch)
    leave_on_disk(FILES * IMAGE_BYTES, monkeypatch)
    with pytest.raises(OSError, match=r"decoded images of pets take 0\.00 GB, and 0\.00 GB are free") as caught:
        load(pets)
    assert caught.value.errno == errno.ENOSPC
    assert len(opened) == 1 + FILES  # the first for a guess, and all headers
    leave_on_disk(2 * FILES * IMAGE_BYTES, monkeypatch)
    assert load(pets).train.mapped


def test_a_cache_that_cannot_be_written_to(
    pets: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (pets.parent / "file").write_text("")
    assert_same(load(pets, cache_dir=pets.parent / "file"), load(pets, cache_dir=None))
    assert "decoded without a cache" in caplog.text
    let_memory_hold(FILES - 1, monkeypatch)
    with pytest.raises(DatasetInvalid, match=r"12 images of pets do not fit into memory .* Not a directory"):
        load(pets, cache_dir=pets.parent / "file")


def test_a_resized_data_set_that_memory_does_not_hold_goes_into_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = tmp_path / "digits"
    expected = load(digits, image_size=12, cache_dir=None)
    monkeypatch.setattr("training.engine.data.memory.available_memory", lambda: 2 * 1797 * 8 * 8)
    found = load(digits, image_size=12)
    assert found.train.mapped
    assert_same(found, expected)
    with pytest.raises(DatasetInvalid, match="images of digits take"):
        load(digits, image_size=12, cache_dir=None)


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, at: pwrite(file, content[:5], at))
    store = FileStore(tmp_path / "pixels", 2, Form(2, 3))
    for row in (1, 0):
        store.put(row, np.full((2, 2, 3), row + 1, np.uint8))
    assert store.finish([0, 1]).flatten().tolist() == [1] * 12 + [2] * 12
