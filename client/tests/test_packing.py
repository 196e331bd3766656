"""The tar of a folder, which is made while it is read."""

import hashlib
import io
import os
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from epochal import LocalError
from epochal.folders import list_folder
from epochal.packing import UploadFile, open_upload

Files = dict[str, bytes]
Maker = Callable[[Files], Path]

SIZES = (0, 1, 511, 512, 513, 3000)
NAMES = (
    *("a.png", "a/1.png", "a/b/2.png", "a-b/3.png", "a.b/4.png", "B/5.png", "é/6.png", "日本語/犬.png"),
    *("n" * 100, "m" * 101, f"long/{'o' * 95}", f"long/{'p' * 96}", f"{'q' * 200}/7.png", "with space/8 9.png"),
)
FILES = {name: random.Random(name).randbytes(SIZES[number % len(SIZES)]) for number, name in enumerate(NAMES)}


def as_tarfile_packs(folder: Path) -> bytes:
    """As Python's own module would write it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
            if path.is_file() and not path.is_symlink():
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size = path.stat().st_size
                with path.open("rb") as content:
                    tar.addfile(member, content)
    return packed.getvalue()


def whole(file: UploadFile) -> bytes:
    return file.read_at(0, file.size)


def test_it_is_the_tar_that_python_would_write(folder_of: Maker) -> None:
    folder = folder_of(FILES)
    with open_upload(folder) as file:
        expected = as_tarfile_packs(folder)
        assert file.size == len(expected)
        assert whole(file) == expected
        assert [*file.hashing()][-1] == (len(expected), hashlib.sha256(expected).hexdigest())


def test_each_part_of_it_can_be_read_at_any_time(folder_of: Maker) -> None:
    folder, chance = folder_of(FILES), random.Random(1)
    with open_upload(folder) as file:
        expected = whole(file)
        for _ in range(500):
            at, count = chance.randrange(len(expected) + 100), chance.choice((1, 10, 511, 512, 513, 5000))
            assert file.read_at(at, count) == expected[at : at + count]
        for count in (7, 511, 700):
            assert b"".join(file.read_at(at, count) for at in range(0, 70 * count, count)) == expected[: 70 * count]
        with io.BufferedReader(file) as source, tarfile.open(fileobj=source) as tar:
            assert {member.name: tar.extractfile(member).read() for member in tar} == FILES  # type: ignore[union-attr]


@pytest.mark.skipif(os.name == "nt", reason="such a name needs a file system of bytes")
def test_a_name_that_is_no_utf_8_stays_as_it_is(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("the file system takes no such name")
    with open_upload(tmp_path) as file:
        assert whole(file) == as_tarfile_packs(tmp_path)
        assert b"hdrcharset=BINARY\n" in whole(file)
        assert b" path=\xff.png\n" in whole(file)


def test_a_file_of_more_than_eight_gibibytes_takes_no_memory_and_no_disk(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(8**11)
        file.seek(8**11 - 1)
        file.write(b"!")
    (tmp_path / "more.txt").write_bytes(b"behind it")
    tracemalloc.start()
    with open_upload(tmp_path) as file:
        header = file.read_at(0, 1536)
        end = file.read_at(1536 + 8**11 - 1, 600)
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    member = tarfile.TarInfo("large.bin")
    member.size = 8**11
    assert header == member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    assert (end[:1], end[1:9]) == (b"!", b"more.txt")
    assert peak < 2**20


def test_times_modes_and_links_change_nothing(folder_of: Maker, pictures: Files) -> None:
    folder = folder_of(pictures)
    with open_upload(folder) as file:
        before = whole(file)
    for path in folder.rglob("*.png"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    (folder / "train/link.png").symlink_to(folder / "train/ant/0.png")
    (folder / "elsewhere").symlink_to("/etc")
    (folder / "empty").mkdir()
    with open_upload(folder) as file:
        assert whole(file) == before
    assert list_folder(folder).links == ["elsewhere", "train/link.png"]


def rewritten(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def touched(path: Path) -> None:
    os.utime(path, ns=(5, 5))


def cut_short(path: Path) -> None:
    os.truncate(path, 3)


def replaced(path: Path) -> None:
    path.with_suffix(".new").write_bytes(path.read_bytes()[::-1])
    path.with_suffix(".new").replace(path)
    touched(path)


@pytest.mark.parametrize("change", [rewritten, touched, cut_short, replaced])
@pytest.mark.parametrize("is_open", [False, True])
def test_what_was_changed_since_it_was_listed_is_named(
    folder_of: Maker, pictures: Files, change: Callable[[Path], None], is_open: bool
) -> None:
    folder = folder_of(pictures)
    changed = folder / "train/bee/0.png"
    with open_upload(folder) as file:
        expected = whole(file)
        at = expected.index(pictures["train/bee/0.png"])
        file.read_at(at if is_open else 0, 20)
        change(changed)
        assert file.read_at(0, at - 512) == expected[: at - 512]
        with pytest.raises(LocalError, match=r"train/bee/0\.png' has been changed") as told:
            file.read_at(at, 20)
    assert told.value.code == "file_changed"
    with open_upload(changed) as file, pytest.raises(LocalError):
        rewritten(changed)
        [*file.hashing()]


def test_what_is_gone_is_named(folder_of: Maker, pictures: Files) -> None:
    folder = folder_of(pictures)
    with open_upload(folder) as file:
        (folder / "test/ant/1.png").unlink()
        with pytest.raises(LocalError, match=r"test/ant/1\.png' cannot be read: No such file"):
            whole(file)
    with pytest.raises(LocalError, match="nowhere' cannot be read"):
        open_upload(folder / "nowhere")
    with pytest.raises(OSError, match="nowhere"):  # who reads files expects one of these
        open_upload(folder / "nowhere")


def test_a_folder_without_files_says_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / "pets/cat").mkdir(parents=True)
    with pytest.raises(LocalError, match=r"pets' has no files\.") as told:
        open_upload(tmp_path / "pets")
    assert told.value.hint is not None
    assert "train/<class>/" in told.value.hint
    (tmp_path / "pets/link").symlink_to("/etc/passwd")
    with pytest.raises(LocalError, match="no files: links and devices, which it has, are not sent"):
        open_upload(tmp_path / "pets")


def test_a_single_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    path.write_bytes(bytes(range(256)) * 5)
    with open_upload(path) as file:
        assert whole(file) == path.read_bytes()
        assert file.read_at(250, 10) == bytes(range(250, 256)) + bytes(range(4))
        assert file.read_at(1275, 10) == bytes(range(251, 256))
        assert [*file.hashing()] == [(1280, hashlib.sha256(path.read_bytes()).hexdigest())]
    path.write_bytes(b"")
    with open_upload(path) as file:
        assert [*file.hashing()] == [(0, hashlib.sha256().hexdigest())]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LocalError, match="neither a file nor a folder"):
        open_upload(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
def test_of_many_files_one_is_open(folder_of: Maker) -> None:
    def opened() -> int:
        return len([*Path("/proc/self/fd").iterdir()])

    folder, before = folder_of({f"{number}.txt": b"x" for number in range(200)}), opened()
    with open_upload(folder) as file:
        whole(file)
        assert opened() == before + 1
    assert opened() == before
