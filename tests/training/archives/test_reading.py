"""What is read of an archive: images, whatever carries them; and what is counted, kept or refused instead."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile

import pytest

from tests.training.archives.builders import (
    HEIC,
    HTML,
    LFS,
    PETS,
    PNG,
    SOUND,
    ZipFile,
    make_tar,
    make_zip,
    raw_zip,
    read,
    zst,
)
from training.archives.limits import MIB
from training.archives.reading import BACKUPS, HIDDEN, Limits, Skipped, read_members
from training.errors import DatasetInvalid
from training.image_folders.file_kinds import HEAD_BYTES

MAKERS = {"zip": make_zip, "tar": make_tar}


@pytest.mark.parametrize("name", SOUND)
def test_every_kind_of_archive_gives_every_image(name: str) -> None:
    found = read(SOUND[name])
    assert found.contents == PETS
    assert len(found.members) == len(PETS)
    assert all(member.split is None and member.class_name is None for member in found.members)
    assert found.skipped.total == 0


@pytest.mark.parametrize("pieces", [2, 7])
def test_what_was_compressed_in_pieces_is_one(pieces: int) -> None:
    tar = SOUND["tar"]
    size = len(tar) // pieces + 1
    parts = [tar[at : at + size] for at in range(0, len(tar), size)]
    assert read(b"".join(gzip.compress(part) for part in parts)).contents == PETS
    skippable = b"\x5a\x2a\x4d\x18\4\0\0\0abcd"
    assert read(skippable.join(zst(part) for part in parts)).contents == PETS
    assert read(gzip.compress(tar) + bytes(1000)).contents == PETS, "zeros fill up the block of a tape"


def test_a_zip_from_a_stream_and_one_with_64_bit_numbers() -> None:
    files = [ZipFile(name.encode(), content, flags=8) for name, content in PETS.items()]
    assert read(raw_zip(files)).contents == PETS
    assert read(raw_zip(files, zip64=True)).contents == PETS
    assert read(raw_zip(files, b"a comment PK\5\6 of somebody")).contents == PETS
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made, made.open("cat/0.png", "w", force_zip64=True) as file:
        file.write(PNG * 9)
    assert read(buffer.getvalue()).contents == {"cat/0.png": PNG * 9}
    large = ZipFile(b"cat/0.png", PNG * 9, size=0xFFFFFFFF, extra=b"\1\0\x08\0" + len(PNG * 9).to_bytes(8, "little"))
    large.local_size = len(PNG * 9)
    assert read(raw_zip([large])).contents == {"cat/0.png": PNG * 9}


def test_members_come_in_the_order_in_which_they_lie() -> None:
    files = [ZipFile(name.encode(), content) for name, content in PETS.items()]
    archive = raw_zip(files)
    directory_start = archive.index(b"PK\1\2")
    entries = archive[directory_start : archive.rindex(b"PK\5\6")].split(b"PK\1\2")[1:]
    turned = b"".join(b"PK\1\2" + entry for entry in reversed(entries))
    assert [
        m.name for m in read(archive[:directory_start] + turned + archive[archive.rindex(b"PK\5\6") :]).members
    ] == [*PETS]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_of_a_tar(form: int) -> None:
    files = {f"{'a' * 90}/{'b' * 90}/{'c' * 90}/{number}é.png": PNG + bytes([number]) for number in range(3)}
    assert read(make_tar(files, form)).contents == files


def test_a_tar_of_ustar_with_a_prefix() -> None:
    files = {f"{'a' * 90}/{'b' * 90}.png": PNG}
    assert read(make_tar(files, tarfile.USTAR_FORMAT)).contents == files


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cat/.hidden.png", PNG, HIDDEN),
        ("__MACOSX/cat/._1.png", PNG, HIDDEN),
        ("cat/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", PNG, HIDDEN),
        ("cat/Thumbs.db", b"\xd0\xcf\x11\xe0", HIDDEN),
        ("README.md", b"hello", HIDDEN),
        ("cat/README.md", b"hello", HIDDEN),
        ("cat/1.png~", PNG, BACKUPS),
        ("cat/1.txt", b"some text", ".txt files"),
        ("cat/1.txt", PNG, ".txt files"),
        ("cat/notes.docx", make_zip({"a": b"b"}), ".docx files"),
        ("cat/notes", b"some text", "text and no image"),
        ("cat/1", HTML, "an HTML page, perhaps a download's error: fetch it again"),
        ("cat/1", b"", "an empty file: copy or fetch it again"),
        (
            "cat/1",
            bytes(700),
            "nothing but zeros, as an interrupted copy or a damaged disk leaves: copy or fetch it again",
        ),
    ],
)
def test_what_is_no_image_is_counted_by_its_reason(maker: str, name: str, content: bytes, reason: str) -> None:
    found = read(MAKERS[maker]({name: content, **PETS}))
    assert found.contents == PETS
    assert found.skipped.counts == {reason: 1}
    assert found.skipped.examples == {reason: [name]}
    is_hidden = any(part in name for part in ("__MACOSX", "@eaDir"))
    assert found.skipped.folders == (set() if is_hidden else {name.rpartition("/")[0]}), "a class may be missing there"


def test_no_more_than_twenty_names_are_kept_of_a_reason() -> None:
    found = read(make_zip({f"{number}.txt": b"a" for number in range(30)} | PETS))
    assert found.skipped.counts == {".txt files": 30}
    assert found.skipped.examples == {".txt files": [f"{number}.txt" for number in range(20)]}


@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_called_an_image_is_one_that_cannot_be_read(maker: str) -> None:
    """Of whatever size: no more of it is read than is needed to say what it is."""
    damaged = {"cat/1.jpg": HTML, "cat/2.jpg": b"", "cat/3.png": LFS, "cat/4.png": b"%PDF-1.7" + bytes(20_000)}
    found = read(MAKERS[maker]({**damaged, **PETS}), Limits(member_bytes=10_000))
    assert found.contents == {name: content[:HEAD_BYTES] for name, content in damaged.items()} | PETS
    assert found.skipped.total == 0


def test_images_that_are_not_read_here_are_images_all_the_same() -> None:
    files = {"cat/1.jpg": HEIC, "cat/2.dat": PNG, "cat/no suffix": PNG, "cat/3.svg": b"<svg width='1'/>"}
    assert read(make_zip(files)).contents == files


@pytest.mark.parametrize("maker", MAKERS)
def test_an_archive_without_an_image_is_told_with_what_it_has(maker: str) -> None:
    with pytest.raises(DatasetInvalid, match=r"has no image\. It has .txt files \(2, such as a.txt\)"):
        read(MAKERS[maker]({"a.txt": b"a", "b.txt": b"a"}))


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ("zip", "a zip archive"),
        ("tar", "a tar archive"),
        ("tar.gz", "a gzip file"),
        ("tar.zst", "a zstd file"),
        ("7z", "a 7z archive"),
    ],
)
def test_an_archive_in_an_archive_is_refused_by_name(maker: str, inner: str, told: str) -> None:
    content = SOUND.get(inner, b"7z\xbc\xaf\x27\x1c" + bytes(100))
    with pytest.raises(DatasetInvalid, match=f"cat/more.jpg in the archive is {told} itself") as caught:
        read(MAKERS[maker]({**PETS, "cat/more.jpg": content}))
    assert "Unpack it first" in caught.value.hint


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    "name", ["labels.csv", "pets/Labels.CSV", "metadata.jsonl", "labels.json-lines", "metadata.csv"]
)
def test_tables_of_labels_are_kept(maker: str, name: str) -> None:
    found = read(MAKERS[maker]({**PETS, name: b"file,label\n", "cat/other.csv": b"a,b\n"}))
    assert found.tables == {name: b"file,label\n"}
    assert found.skipped.counts == {".csv files": 1}


def test_tables_are_bounded_together() -> None:
    tables = {"labels.csv": bytes(600), "metadata.csv": bytes(600)}
    with pytest.raises(DatasetInvalid, match=r"metadata.csv in the archive is too large.*1 KiB together"):
        read(make_zip(tables), Limits(labels_bytes=1024))
    assert read(make_zip({**PETS, **tables}), Limits(labels_bytes=1200)).tables == tables


@pytest.mark.parametrize("maker", MAKERS)
def test_an_image_is_bounded_and_one_that_is_just_within_is_read(maker: str) -> None:
    image = PNG + bytes(1016)
    archive = MAKERS[maker]({"cat/large.png": image})
    assert read(archive, Limits(member_bytes=1024)).contents == {"cat/large.png": image}
    with pytest.raises(
        DatasetInvalid, match=r"cat/large.png in the archive has 1 KiB, and an image may have 1023 bytes"
    ):
        read(archive, Limits(member_bytes=1023))


def test_a_large_file_that_is_no_image_is_passed_over() -> None:
    video = b"\0\0\0\x18ftypisom\0\0\0\0avc1" + bytes(5000)
    for maker in MAKERS.values():
        found = read(maker({**PETS, "cat/1.mp4": video}), Limits(member_bytes=2000))
        assert found.skipped.counts == {".mp4 files": 1}
        assert found.contents == PETS


@pytest.mark.parametrize("name", SOUND)
def test_members_are_counted(name: str) -> None:
    assert read(SOUND[name], Limits(members=len(PETS))).contents == PETS
    with pytest.raises(DatasetInvalid, match=f"more than {len(PETS) - 1} members"):
        read(SOUND[name], Limits(members=len(PETS) - 1))
    with pytest.raises(DatasetInvalid, match="The names in the archive have more than 100 bytes together"):
        read(SOUND[name], Limits(names_bytes=100))


@pytest.mark.parametrize("name", SOUND)
def test_all_bytes_together_are_bounded(name: str) -> None:
    with pytest.raises(DatasetInvalid, match="unpacks to more than 1000 bytes"):
        read(SOUND[name], Limits(total_bytes=1000))


def test_what_a_zip_says_of_all_bytes_together_is_bounded() -> None:
    archive = make_zip({**PETS, "cat/1.mp4": bytes(50_000)})
    assert read(archive, Limits(total_bytes=70_000)).contents == PETS
    with pytest.raises(DatasetInvalid, match=r"unpacks to more than 48\.8 KiB"):
        read(archive, Limits(total_bytes=50_000))


@pytest.mark.parametrize("maker", MAKERS)
def test_a_name_that_is_there_twice_is_refused(maker: str) -> None:
    for other in ("cat/1.png", "./cat/1.png", "cat//1.png", "cat\\1.png"):
        archive = MAKERS[maker]({"dog/1.png": PNG, "cat/2.png": PNG})
        assert len(read(archive).members) == 2
        with pytest.raises(DatasetInvalid, match=r"cat/1.png is in the archive twice"):
            twice = [ZipFile(b"cat/1.png", PNG), ZipFile(other.encode(), PNG + b"2")]
            read(raw_zip(twice) if maker == "zip" else tar_of(["cat/1.png", other]))


def tar_of(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(PNG)
            made.addfile(info, io.BytesIO(PNG))
    return buffer.getvalue()


def test_memory_holds_one_image_at_a_time() -> None:
    image = PNG + bytes(2 * MIB)
    archive = gzip.compress(make_tar({f"cat/{number}.png": image for number in range(20)}), 1)
    limits = Limits(ratio=10_000)
    tracemalloc.start()
    try:
        for member in read_members(io.BytesIO(archive), len(archive), limits, Skipped(), {}):
            assert len(member.content) == len(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB, "the image, its pieces, and the one before"
