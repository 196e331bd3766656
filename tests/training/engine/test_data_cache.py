"""Decoded once, mapped afterwards: what is believed of a cache, and what becomes of it."""

import json
import mmap
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
from training.engine.data import Dataset, DatasetInvalid, cache, decoding

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


def restrict(pets: Path) -> None:
    (pets / "test/cat/0.png").chmod(0o600)


def rename(pets: Path) -> None:
    """The order of the files stays, and so do their sizes and times."""
    (pets / "train/cat/3.png").rename(pets / "train/cat/30.png")


def add(pets: Path) -> None:
    shutil.copy2(pets / "train/cat/0.png", pets / "train/dog/9.png")


def remove(pets: Path) -> None:
    (pets / "test/dog/1.png").unlink()


def move(pets: Path) -> None:
    (pets / "train/cat/3.png").rename(pets / "train/dog/3a.png")


def swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def exchange_files(pets: Path) -> None:
    swap(pets / "train/cat/0.bmp", pets / "train/dog/0.bmp")


def exchange_folders(pets: Path) -> None:
    swap(pets / "train/cat", pets / "train/dog")


def exchange_through_links(pets: Path) -> None:
    """What a class's folder leads to."""
    for name, other in (("cat", "dog"), ("dog", "cat")):
        (pets / "train" / name).rename(pets.parent / other)
        (pets / "train" / name).symlink_to(pets.parent / name)


def link_elsewhere(pets: Path) -> None:
    """A link in the place of a file, to one of the same size and time."""
    (pets / "train/cat/0.bmp").unlink()
    shutil.copy2(pets / "train/dog/0.bmp", pets.parent / "elsewhere.bmp")
    (pets / "train/cat/0.bmp").symlink_to(pets.parent / "elsewhere.bmp")


def another_name(pets: Path) -> None:
    """A hard link in its place."""
    (pets / "train/cat/0.bmp").unlink()
    os.link(pets / "train/dog/0.bmp", pets / "train/cat/0.bmp")


def move_over(pets: Path) -> None:
    shutil.copy2(pets / "train/dog/0.bmp", pets / "new")
    (pets / "new").rename(pets / "train/cat/0.bmp")


def copy_over(pets: Path) -> None:
    """As `cp -p` and `rsync -t --inplace` do: written in place, and its time set."""
    shutil.copy2(pets / "train/dog/0.bmp", pets / "train/cat/0.bmp")


def write_through_another_name(pets: Path) -> None:
    os.link(pets / "train/cat/0.bmp", pets.parent / "elsewhere")
    shutil.copy2(pets / "train/dog/0.bmp", pets.parent / "elsewhere")


def write_mapped(pets: Path) -> None:
    content = (pets / "train/dog/0.bmp").read_bytes()
    with (pets / "train/cat/0.bmp").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = content
        mapped.flush()
    os.utime(pets / "train/cat/0.bmp", ns=TIME)


def restore(pets: Path) -> None:
    """From a backup in which it was another, with the times of then."""
    shutil.copytree(pets, pets.parent / "backup", copy_function=shutil.copy2)
    shutil.copy2(pets / "train/dog/0.bmp", pets.parent / "backup/train/cat/0.bmp")
    shutil.rmtree(pets)
    shutil.copytree(pets.parent / "backup", pets, copy_function=shutil.copy2)


def replace_parent(pets: Path) -> None:
    """The whole folder, by one in which two have changed places."""
    shutil.copytree(pets, pets.parent / "other", copy_function=shutil.copy2)
    swap(pets.parent / "other/train/cat/0.bmp", pets.parent / "other/train/dog/0.bmp")
    pets.rename(pets.parent / "gone")
    (pets.parent / "other").rename(pets)


TIME = (1_700_000_000_000_000_000, 1_700_000_000_000_000_000)
UNSEEN = [
    exchange_files,
    exchange_folders,
    exchange_through_links,
    link_elsewhere,
    another_name,
    move_over,
    copy_over,
    write_through_another_name,
    write_mapped,
    restore,
    replace_parent,
]


@pytest.mark.parametrize("change", UNSEEN)
def test_a_file_is_not_judged_by_its_size_and_its_time(pets: Path, change: Callable[[Path], None]) -> None:
    for file in list(pets.glob("*/*/*.png")):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
        os.utime(file.with_suffix(".bmp"), ns=TIME)
    before = load(pets)
    change(pets)
    assert {(file.stat().st_size, file.stat().st_mtime_ns) for file in pets.glob("*/*/*.bmp")} == {(246, TIME[1])}
    after = load(pets)
    assert after.identity != before.identity
    assert_same(after, load(pets, cache_dir=None))
    assert_same(load(pets), after)


@pytest.mark.parametrize("change", [touch, restrict, rename, add, remove, move])
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


def as_the_release_before_wrote_it(manifest: Path) -> None:
    """It knew no digests."""
    content = json.loads(manifest.read_bytes())
    manifest.with_name(content["description"].pop("digests")).unlink()
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
        lambda _, manifest: alter(manifest, "digests", "elsewhere"),
        lambda pixels, _: flip_a_bit(pixels.with_suffix(".digests"), 0),
        lambda pixels, _: pixels.with_suffix(".digests").write_bytes(b""),
        lambda pixels, _: pixels.with_suffix(".digests").unlink(),
        lambda _, manifest: as_the_release_before_wrote_it(manifest),
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
    second.join(timeout=240)
    assert len(loaded) == 1


TOGETHER = """
import os, sys, zlib
from pathlib import Path
from training.engine.data import folders, load_dataset

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
