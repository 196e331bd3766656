"""Decoded once, mapped afterwards: what is believed of a cache, and what becomes of it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from filelock import FileLock
from PIL import Image

from tests.training.pets import assert_same, kept, load
from training.data import Dataset, DatasetInvalid, cache, decoding

FILES = 12  # of `pets`


def test_a_folder_is_decoded_once_and_mapped_afterwards(pets: Path, opened: list[str]) -> None:
    expected = load(pets, cache_dir=None)
    first = load(pets)
    opened.clear()
    second = load(pets)
    assert opened == []
    assert (first.train.mapped, second.train.mapped, second.test.mapped) == (False, True, True)
    assert_same(first, expected)
    assert_same(second, expected)


def test_without_a_cache_dir_nothing_is_written(pets: Path) -> None:
    before = sorted(pets.parent.rglob("*"))
    load(pets, cache_dir=None)
    assert sorted(pets.parent.rglob("*")) == before


def touch(pets: Path) -> None:
    os.utime(pets / "train/cat/0.png", ns=(0, 1))


def rename(pets: Path) -> None:
    """The order of the files stays, and so do their sizes and times."""
    (pets / "train/cat/3.png").rename(pets / "train/cat/30.png")


def add(pets: Path) -> None:
    shutil.copy2(pets / "train/cat/0.png", pets / "train/dog/9.png")


def remove(pets: Path) -> None:
    (pets / "test/dog/1.png").unlink()


def move(pets: Path) -> None:
    (pets / "train/cat/3.png").rename(pets / "train/dog/3a.png")


@pytest.mark.parametrize("change", [touch, rename, add, remove, move])
def test_a_changed_folder_is_decoded_again_in_place_of_the_old(
    pets: Path, change: Callable[[Path], None], opened: list[str]
) -> None:
    load(pets)
    old = kept(pets)
    change(pets)
    opened.clear()
    assert_same(load(pets), load(pets, cache_dir=None))
    assert len(opened) > 0
    assert len(kept(pets)) == len(kept(pets, ".json")) == 1
    assert kept(pets) != old


def test_whoever_has_the_old_images_mapped_keeps_them(pets: Path) -> None:
    load(pets)
    mapped = load(pets)
    before = mapped.train.images.clone()
    Image.new("RGB", (8, 8), "red").save(pets / "train/cat/0.png")
    assert not torch.equal(load(pets).train.images, before)
    assert torch.equal(mapped.train.images, before)


def test_what_is_asked_for_differently_is_kept_beside(pets: Path, opened: list[str]) -> None:
    ways: list[dict[str, Any]] = [{}, {"image_size": 12}, {"resize": "pad"}, {"unreadable": "drop"}]
    for way in ways:
        load(pets, **way)
    assert len(kept(pets)) == len(ways)
    opened.clear()
    assert [load(pets, **way).image_size for way in ways] == [8, 12, 8, 8]
    assert opened == []


def flip_a_bit(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def alter(manifest: Path, field: str, value: object) -> None:
    content = json.loads(manifest.read_bytes())
    content["description"][field] = value
    manifest.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "damage",
    [
        lambda pixels, _: flip_a_bit(pixels, 0),
        lambda pixels, _: flip_a_bit(pixels, -1),
        lambda pixels, _: pixels.write_bytes(pixels.read_bytes()[:-1]),
        lambda pixels, _: pixels.write_bytes(pixels.read_bytes() + b"0"),
        lambda pixels, _: pixels.write_bytes(b""),
        lambda pixels, _: pixels.unlink(),
        lambda _, manifest: manifest.write_bytes(manifest.read_bytes()[:-9]),
        lambda _, manifest: manifest.write_bytes(b""),
        lambda _, manifest: manifest.write_bytes(b"\xff"),
        lambda _, manifest: alter(manifest, "unreadable", {"0": "so it says"}),
        lambda _, manifest: alter(manifest, "shape", [3, 16, 16, 3]),
        lambda _, manifest: alter(manifest, "pixels", "elsewhere"),
    ],
)
def test_a_damaged_cache_is_made_anew_not_believed(
    pets: Path, damage: Callable[[Path, Path], None], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "CHECKED_BYTES", 1000)  # the last part is a short one
    expected = load(pets)
    damage(kept(pets)[0], kept(pets, ".json")[0])
    opened.clear()
    assert_same(load(pets), expected)
    assert len(opened) == FILES + 1
    assert_same(load(pets), expected)
    assert len(opened) == FILES + 1
    assert len(kept(pets)) == 1


def test_what_a_killed_process_left_is_removed(pets: Path) -> None:
    load(pets)
    for name in ("-0badbad0.pixels", "-0badbad0.json.partial"):
        kept(pets, ".json")[0].with_name(f"{kept(pets, '.json')[0].stem}{name}").write_bytes(b"half")
    touch(pets)
    load(pets)
    assert len(kept(pets)) == 1
    assert kept(pets, ".partial") == []


def test_a_folder_that_is_refused_leaves_nothing(pets: Path) -> None:
    (pets / "train/cat/0.png").write_bytes(b"broken")
    with pytest.raises(DatasetInvalid):
        load(pets)
    assert kept(pets) == kept(pets, ".json") == []


def test_a_second_trainer_waits_for_the_first(pets: Path) -> None:
    load(pets)
    lock = FileLock(kept(pets, ".json")[0].with_name(f".{kept(pets, '.json')[0].stem}.lock"))
    touch(pets)
    loaded: list[Dataset] = []
    second = Thread(target=lambda: loaded.append(load(pets)))
    with lock:
        second.start()
        second.join(timeout=0.3)
        assert second.is_alive()
        assert loaded == []
    second.join(timeout=30)
    assert len(loaded) == 1


TOGETHER = """
import os, sys, zlib
from pathlib import Path
from training.data import folders, load_dataset

place, count, decode_files = Path(sys.argv[1]), int(sys.argv[2]), folders.decode_files
def noted(*arguments):
    os.write(1, b"decoded ")
    return decode_files(*arguments)
folders.decode_files = noted
ready, go = os.pipe()
children = []
for _ in range(count):
    if not (child := os.fork()):
        os.close(go)
        os.read(ready, 1)
        dataset = load_dataset("pets", datasets_dir=place, downloads_dir=place, cache_dir=place / "cache")
        os.write(1, f"{zlib.crc32(dataset.train.images.numpy().tobytes())} ".encode())
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(max(os.waitpid(child, 0)[1] for child in children))
"""


def test_of_several_processes_at_once_one_decodes(pets: Path) -> None:
    command = [sys.executable, "-c", TOGETHER, str(pets.parent), "3"]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    words = ended.stdout.split()
    assert words.count("decoded") == 1
    assert len(words) == 1 + 3
    assert len(set(words) - {"decoded"}) == 1
    assert len(kept(pets)) == 1


def test_what_is_left_out_stays_counted(pets: Path, caplog: pytest.LogCaptureFixture) -> None:
    (pets / "train/cat/1.png").write_bytes(b"broken")
    first = load(pets, unreadable="drop")
    caplog.clear()
    assert_same(load(pets, unreadable="drop"), first)
    assert "pets/train/cat/1.png (it is text and no image)" in caplog.text


def test_a_known_data_set_is_resized_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = tmp_path / "digits"
    expected = load(digits, image_size=12, cache_dir=None)
    assert_same(load(digits, image_size=12), expected)
    monkeypatch.setattr(decoding, "resize_pixels", None)
    second = load(digits, image_size=12)
    assert_same(second, expected)
    assert second.test.mapped
    assert not load(digits).train.mapped  # as published, it is read at once


def test_a_mapped_split_is_not_writable(pets: Path) -> None:
    """To write to it ends the process, so the test looks at how it is mapped."""
    load(pets)
    dataset = load(pets)
    address = dataset.train.images.data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(number, 16) for number in line.split()[0].split("-"))
        if first <= address < last:
            assert line.split()[1] == "r--s"
            return
    pytest.fail("the images are mapped nowhere")
