"""The names in archives: made one form where they are harmless, and refused where they lead anywhere."""

import io
import struct
import tarfile
import unicodedata
import zlib
from typing import Literal

import pytest

from tests.training.archives.builders import (
    PETS,
    PNG,
    ZipFile,
    make_tar,
    make_zip,
    pax_record,
    raw_tar,
    raw_zip,
    read,
    tar_file,
)
from training.archives.member_names import LONGEST_NAME, cleaned, fault_of
from training.errors import DatasetInvalid, without_folders

UTF8 = 1 << 11

UNSAFE = {
    "../cat/1.png": "lead out of their folder",
    "cat/../../1.png": "lead out of their folder",
    "cat/..": "lead out of their folder",
    "..\\cat\\1.png": "lead out of their folder",
    "cat/.../1.png": "lead out of their folder",
    "/etc/1.png": "begin at the root",
    "//server/share/1.png": "begin at the root",
    "\\\\server\\share\\1.png": "begin at the root",
    "\\\\?\\C:\\1.png": "begin at the root",
    "C:\\cat\\1.png": "begin with a drive's letter",
    "c:1.png": "begin with a drive's letter",
    "cat/1.png\0.txt": "have a zero byte",
    "é" * 600: "have more than 1,024 bytes",
}


@pytest.mark.parametrize(("name", "told"), UNSAFE.items(), ids=[ascii(name)[:30] for name in UNSAFE])
def test_a_name_that_leads_anywhere_is_refused(name: str, told: str) -> None:
    pax = tar_file(b"pax", pax_record(b"path", name.encode()), b"x") + tar_file(b"x", PNG)
    for archive in (raw_zip([ZipFile(name.encode(), PNG)]), raw_tar(pax)):
        with pytest.raises(DatasetInvalid, match=f"has names that {told}") as caught:
            read(archive)
        assert caught.value.detail.isprintable()
        assert len(caught.value.detail) < 1500
        assert "Pack the folder anew from inside" in caught.value.hint


def test_also_of_folders_and_of_what_is_passed_over() -> None:
    for kind in (b"5", b"2", b"3"):
        with pytest.raises(DatasetInvalid, match="has names that lead out of their folder"):
            read(raw_tar(tar_file(b"../cat/", b"", kind), tar_file(b"a.png", PNG)))
    for name in (b"../cat/", b"../.hidden"):
        with pytest.raises(DatasetInvalid, match="has names that lead out of their folder"):
            read(raw_zip([ZipFile(name, b""), ZipFile(b"a.png", PNG)]))


def test_all_wrong_names_of_a_zip_are_told_at_once() -> None:
    files = [ZipFile(f"../{number}.png".encode(), PNG) for number in range(9)] + [ZipFile(b"/a", PNG)]
    with pytest.raises(DatasetInvalid) as caught:
        read(raw_zip(files))
    assert (
        "dots: ../0.png, ../1.png, ../2.png, ../3.png, ../4.png and 4 more; it has names that begin"
        in caught.value.detail
    )
    assert caught.value.hint.count("Pack the folder anew") == 1


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("./cat/1.png", "cat/1.png"),
        ("cat/./1.png", "cat/1.png"),
        ("cat//1.png", "cat/1.png"),
        ("cat\\1.png", "cat/1.png"),
        ("./././", ""),
        (".", ""),
        ("cat/", "cat"),
        (".hidden/1.png", ".hidden/1.png"),
        ("cat/..1.png", "cat/..1.png"),
        ("cat/a..b.png", "cat/a..b.png"),
    ],
)
def test_harmless_names_get_one_form(name: str, clean: str) -> None:
    assert fault_of(name) is None
    assert cleaned(name) == clean


def test_the_longest_name() -> None:
    name = "a" * (LONGEST_NAME - 4) + ".png"
    for maker in (make_zip, make_tar):
        assert read(maker({name: PNG})).contents == {name: PNG}
        with pytest.raises(DatasetInvalid, match=r"1,024 bytes: …a+\.png"):
            read(maker({f"a{name}": PNG}))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_forms_of_unicode_are_read(form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize(form, "café/1.png")
    for maker in (make_zip, make_tar):
        assert read(maker({name: PNG})).contents == {name: PNG}
    assert read(raw_zip([ZipFile(name.encode(), PNG)])).contents == {name: PNG}, "macOS sets no flag"


@pytest.mark.parametrize("name", ["Bär/1.png", "Mädchen/1.png", "café/1.png", "Grüße/1.png", "año/1.png"])
def test_western_letters_without_a_flag_are_read_and_told(name: str) -> None:
    found = read(raw_zip([ZipFile(name.encode("cp437"), PNG), ZipFile(b"dog/1.png", PNG)]))
    assert [*found.contents] == [name, "dog/1.png"]
    assert "cp437" in found.skipped.notes[0]
    windows = name.replace("/", "\\").encode("cp850")
    assert [*read(raw_zip([ZipFile(windows, PNG)])).contents] == [name]


@pytest.mark.parametrize(
    ("name", "encoding", "told"),
    [
        ("犬/1.png", "cp932", "犬"),
        ("猫/1.png", "cp932", "猫"),
        ("кошка/1.png", "cp866", "could be"),
        ("狗/1.png", "gbk", "could be"),
        ("café/1.png", "cp1252", "could be"),
    ],
)
def test_names_in_an_encoding_that_nobody_knows_are_refused(name: str, encoding: str, told: str) -> None:
    with pytest.raises(DatasetInvalid, match="a folder whose name is not UTF-8") as caught:
        read(raw_zip([ZipFile(name.encode(encoding), PNG)]))
    assert told in caught.value.detail
    assert "writes names in UTF-8" in caught.value.hint


def test_the_encoding_of_a_file_s_own_name_does_not_matter() -> None:
    found = read(raw_zip([ZipFile(b"cat/" + "ソ写真.png".encode("cp932"), PNG)]))
    assert [member.name.count("/") for member in found.members] == [1], "0x5C in Shift-JIS is no separator"
    assert found.members[0].name.startswith("cat/")
    assert found.skipped.notes == []
    found = read(raw_tar(tar_file(b"cat/\xe9.png", PNG)))
    assert [*found.contents] == ["cat/_xe9.png"]


def test_a_folder_of_a_tar_must_be_utf8_and_a_flag_must_be_true() -> None:
    with pytest.raises(DatasetInvalid, match=r"folder whose name is not UTF-8: 'caf\\xe9'"):
        read(raw_tar(tar_file(b"caf\xe9/1.png", PNG)))
    with pytest.raises(DatasetInvalid, match="not UTF-8"):
        read(raw_zip([ZipFile("Bär/1.png".encode("cp437"), PNG, flags=UTF8)]))


def test_the_name_in_unicode_that_info_zip_adds_counts() -> None:
    raw, named = "猫/1.png".encode("cp932"), "猫/1.png".encode()
    data = struct.pack("<BL", 1, zlib.crc32(raw)) + named
    found = read(raw_zip([ZipFile(raw, PNG, extra=struct.pack("<2H", 0x7075, len(data)) + data)]))
    assert [*found.contents] == ["猫/1.png"]
    stale = struct.pack("<BL", 1, zlib.crc32(b"other")) + b"../../1.png"
    with pytest.raises(DatasetInvalid, match="not UTF-8"):
        read(raw_zip([ZipFile(raw, PNG, extra=struct.pack("<2H", 0x7075, len(stale)) + stale)]))
    broken = struct.pack("<BL", 1, zlib.crc32(raw)) + b"\xff"
    with pytest.raises(DatasetInvalid, match="not UTF-8"):
        read(raw_zip([ZipFile(raw, PNG, extra=struct.pack("<2H", 0x7075, len(broken)) + broken)]))
    hostile = struct.pack("<BL", 1, zlib.crc32(raw)) + b"../../1.png"
    with pytest.raises(DatasetInvalid, match="lead out of their folder"):
        read(raw_zip([ZipFile(raw, PNG, extra=struct.pack("<2H", 0x7075, len(hostile)) + hostile)]))


def test_control_characters_and_writing_directions_are_shown_with_escapes() -> None:
    name = "cat/\x1b[31m\u202egnp.1\n.txt"
    for maker in (make_zip, make_tar):
        found = read(maker({**PETS, name: b"text"}))
        (examples,) = found.skipped.examples.values()
        assert examples == [ascii(name)]
        with pytest.raises(DatasetInvalid) as caught:
            read(maker({f"../{name}": PNG}))
        assert caught.value.detail.isprintable()


def test_names_from_the_root_are_told_as_they_are() -> None:
    for archive in (raw_zip([ZipFile(b"/srv/x.png", PNG)]), raw_tar(tar_file(b"/srv/x.png", PNG))):
        with pytest.raises(DatasetInvalid) as caught:
            read(archive)
        assert "⟨/srv/x.png⟩" in without_folders(caught.value.detail)


def test_a_file_without_a_name() -> None:
    cat = tar_file(b"cat.png", PNG)
    for archive, told in (
        (raw_zip([ZipFile(b"", PNG)]), "has no name."),
        (raw_zip([ZipFile(b".", PNG)]), "has no name: it is stored as .."),
        (raw_tar(cat, tar_file(b"./.", PNG)), "has no name, behind cat.png."),
    ):
        with pytest.raises(DatasetInvalid) as caught:
            read(archive)
        assert caught.value.detail.endswith(told)


def test_a_tar_of_a_folder_as_everybody_packs_it() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name in ("./", "./pets/", "./pets/cat/"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            made.addfile(info)
        info = tarfile.TarInfo("./pets/cat/1.png")
        info.size = len(PNG)
        made.addfile(info, io.BytesIO(PNG))
    found = read(buffer.getvalue())
    assert found.contents == {"pets/cat/1.png": PNG}
    assert found.skipped.folders == {"", "pets", "pets/cat"}
    assert found.skipped.total == 0
