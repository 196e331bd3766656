"""The look through what is to be uploaded, with Python alone."""

import gzip
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from epochal import LocalError
from epochal.checking import Look, check, look

Files = dict[str, bytes]
Maker = Callable[[Files], Path]


def zipped(files: Files, method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files: Files) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def looked(tmp_path: Path) -> Callable[[bytes], Look]:
    """Looks at a file of this content."""

    def call(content: bytes) -> Look:
        (tmp_path / "upload").write_bytes(content)
        return look(tmp_path / "upload")

    return call


def told(found: Look) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {finding.code: (finding.count, finding.examples) for finding in found.findings}


def refusal(found: Look) -> str:
    assert found.refusal is not None
    with pytest.raises(LocalError) as raised:
        found.raise_refusal()
    assert raised.value is found.refusal
    assert found.refusal.code == ("file_unreadable" if "no_access" in told(found) else "dataset_invalid")
    assert found.refusal.hint
    return found.refusal.message


def test_nothing_is_said_of_what_is_well(looked: Callable[[bytes], Look], pets: Path, pictures: Files) -> None:
    steps: list[tuple[int, int | None]] = []
    size = sum(map(len, pictures.values()))
    assert look(pets, lambda *step: steps.append(step)) == Look(8, 8, size, (), None)
    assert steps == []  # few files are looked at in one step
    for content in (zipped(pictures), tarred(pictures), gzip.compress(tarred(pictures))):
        assert looked(content) == Look(8, 8, size, (), None)


def test_files_that_are_no_images_are_named_with_the_reason(folder_of: Maker, pictures: Files) -> None:
    odd = {
        "train/ant/empty.png": b"",
        "train/ant/page.jpg": b"<!DOCTYPE html><html>404",
        "train/bee/photograph.heic": b"\0\0\0\x18ftypheic\0\0\0\0",
        "train/bee/cut.png": b"\x89PNG\r\n\x1a\n",  # decoding tells
        "readme.txt": b"hello",
    }
    folder = folder_of(pictures | odd)
    (folder / "link").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    found = look(folder)
    assert (found.files, found.images, found.refusal) == (13, 12, None)
    assert told(found) == {
        "unreadable_files": (
            3,
            (
                "train/ant/empty.png: it is an empty file: copy or fetch it again",
                "train/ant/page.jpg: it is an HTML page, perhaps a download's error: fetch it again",
                "train/bee/photograph.heic: it is a HEIC photograph, which is not read here: convert it to JPEG or PNG",
            ),
        ),
        "skipped_files": (
            3,
            (
                "link: links, which are not followed: put what they lead to in their place",
                "pipe: devices, pipes and sockets",
                "readme.txt: hidden files, and what systems and programs leave beside images",
            ),
        ),
    }


def test_of_many_files_the_first_are_named_and_all_counted(folder_of: Maker, pictures: Files) -> None:
    empty = {f"train/ant/empty{number:03}.png": b"" for number in range(300)}
    steps: list[tuple[int, int | None]] = []
    notes = {f"notes/{number}.txt": b"" for number in range(30)}
    found = look(folder_of(pictures | empty | notes), lambda *step: steps.append(step))
    assert {code: (count, len(examples)) for code, (count, examples) in told(found).items()} == {
        "unreadable_files": (300, 20),
        "skipped_files": (30, 20),
    }
    assert steps == [(256, 338)]


def test_what_cannot_be_opened_is_an_error_that_counts_it(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rights of whoever runs the tests do not matter here."""

    class Refusing(io.FileIO):
        def __init__(self, path: str) -> None:
            if "bee" in path:
                raise PermissionError(13, "Permission denied", path)
            super().__init__(path)

    with monkeypatch.context() as patch:
        patch.setattr("epochal.looking.io.FileIO", Refusing)
        found = look(pets)
    assert told(found)["no_access"] == (
        4,
        tuple(f"{split}/bee/{number}.png: Permission denied" for split in ("test", "train") for number in (0, 1)),
    )
    assert "has what cannot be read: test/bee/0.png: Permission denied and 3 more." in refusal(found)
    scandir = os.scandir

    def refused(folder: str) -> object:
        if folder.endswith("ant"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr("epochal.folders.os.scandir", refused)
    assert told(look(pets))["no_access"][1] == ("test/ant: Permission denied", "train/ant: Permission denied")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"ant/0.png": b"\x89PNG\r\n\x1a\n"}, "one class only, ant"),
        ({"readme.txt": b"hello"}, "The archive has no image. It has hidden files"),
        ({"train/ant/more.zip": zipped({"a": b"b"})}, "train/ant/more.zip in the archive is a zip archive itself"),
        ({f"{'d' * 250}/" * 5 + "a.png": b""}, "names that have more than 1,024 bytes"),
        ({"train/a/1.png": b"", "train/b/1.png": b"", "test/a/1.png": b""}, "classes in train but not in test: b"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(folder_of: Maker, files: Files, message: str) -> None:
    assert message in refusal(look(folder_of(files)))


def test_an_image_that_is_too_large_for_the_service_is_refused(pets: Path) -> None:
    large = pets / "train/ant/0.png"
    os.truncate(large, 2**28)
    assert look(pets).refusal is None
    os.truncate(large, 2**28 + 1)
    assert "train/ant/0.png in the archive has 256 MiB, and an image may have 256 MiB" in refusal(look(pets))


def test_without_zstandard_a_tar_zst_is_not_looked_into(
    looked: Callable[[bytes], Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.endswith(".zstd_stream"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    found = looked(b"\x28\xb5\x2f\xfd" + bytes(100))
    assert (found.refusal, told(found)) == (None, {"not_looked_into": (1, ("upload: a tar.zst",))})


def test_a_damaged_archive_is_refused(looked: Callable[[bytes], Look], pictures: Files) -> None:
    stored = bytearray(zipped({"train/ant/0.png": pictures["train/ant/0.png"] + bytes(1000)}))
    stored[1000] ^= 1  # behind what tells the kind of a file
    cases = {
        "train/ant/0.png has another checksum than it says": bytes(stored),
        "the list of members at its end is missing": zipped(pictures)[:-30],
        "The archive is cut off, in or behind test/bee/0.png": tarred(pictures)[: 512 * 13],
        "The archive is cut off": gzip.compress(tarred(pictures))[:-10],
        "is encrypted with a password": zipped(pictures).replace(
            b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0"
        ),
        "is a PDF document": b"%PDF-1.7",
        "is an empty file": b"",
        "is in the archive twice": tarred(pictures)[:1024] + tarred(pictures),
        "is one idx file": b"\0\0\x08\3" + bytes(100),
    }
    for message, content in cases.items():
        assert message in refusal(looked(content))


def test_of_arrays_the_names_say_nothing(looked: Callable[[bytes], Look]) -> None:
    arrays = zipped({"images.npy": b"\x93NUMPY", "labels.npy": b"\x93NUMPY"})
    assert looked(arrays) == Look(0, 0, 0, (), None)
    idx = {"images-idx3-ubyte": b"\0\0\x08\3" + bytes(12), "labels-idx1-ubyte": b"\0\0\x08\1" + bytes(4)}
    assert looked(tarred(idx)) == Look(2, 0, 24, (), None)
    assert "list of members at its end is missing" in refusal(looked(arrays[:-10]))


def test_names_that_would_attack_a_terminal_are_escaped(folder_of: Maker, pictures: Files) -> None:
    found = look(folder_of(pictures | {"train/ant/\x1b[2J\u202eevil.png": b""}))
    [(_, examples)] = told(found).values()
    assert examples == (r"'train/ant/\x1b[2J\u202eevil.png': it is an empty file: copy or fetch it again",)


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    found = look(tmp_path / "nowhere")
    assert found.refusal is not None
    assert "nowhere' cannot be read: No such file" in found.refusal.message


def test_a_missing_package_is_named(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if ".dataset_check" in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(LocalError, match="needs the package numpy") as told:
        check(pets)
    assert (told.value.code, told.value.hint) == ("package_missing", "pip install numpy pillow zstandard")
