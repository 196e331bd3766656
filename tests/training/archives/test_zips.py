"""Zip archives that no honest program writes: bombs, contradictions, parts of others. Each is refused, and named."""

import io
import re
import stat
import struct
import time
import zipfile
from contextlib import suppress

import pytest

from tests.training.archives.builders import (
    PNG,
    SOUND,
    ZipFile,
    central_entry,
    deflated,
    end_record,
    end_record_64,
    local_header,
    make_zip,
    overlapping_zip,
    raw_zip,
    read,
)
from training.archives.limits import MIB
from training.archives.reading import Limits
from training.errors import DatasetInvalid

CHUNK_WIDE = PNG + bytes(65531 - len(PNG))  # with 5 bytes in front, a block of deflate of exactly 64 KiB
CAT, DOG = ZipFile(b"cat/0.png", PNG + b"c" * 300), ZipFile(b"dog/0.png", PNG + b"d" * 300)


def changed(file: ZipFile, **changes: object) -> ZipFile:
    return ZipFile(**{**vars(file), **changes})


def refusal(archive: bytes, limits: Limits | None = None) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        read(archive, limits)
    assert caught.value.hint
    return caught.value


WRONG = {
    "another name in front": (
        changed(DOG, local_name=b"cow/0.png"),
        "dog/0.png has another name in front of its content",
    ),
    "another length of name": (changed(DOG, local_name=b"dog/0.png2"), "dog/0.png has another name in front"),
    "another method in front": (changed(DOG, local_method=0), "dog/0.png has another method of compression"),
    "another size in front": (changed(DOG, local_size=5), "dog/0.png has another size or checksum in front"),
    "another checksum": (changed(DOG, checksum=1), "dog/0.png has another checksum than it says"),
    "less than it says": (changed(DOG, size=400), "dog/0.png is cut off"),
    "more than it says": (changed(DOG, size=100), "dog/0.png unpacks to more than it says"),
    "no end": (changed(DOG, packed=deflated(DOG.content)[:-3]), "dog/0.png is cut off"),
    "more packed than there is": (
        changed(DOG, packed=deflated(DOG.content) + b"more"),
        "has another length than it says",
    ),
    "more packed than there is, behind a whole chunk": (
        changed(DOG, content=CHUNK_WIDE, packed=struct.pack("<BHH", 1, 65531, 4) + CHUNK_WIDE + b"more"),
        "has another length than it says",
    ),
    "no deflate data": (changed(DOG, packed=b"\xff" * 50), "dog/0.png cannot be unpacked"),
    "stored in another size": (
        changed(DOG, method=0, packed=b"abc"),
        "the two sizes of what is not compressed differ: dog/0.png",
    ),
    "encrypted": (changed(DOG, flags=1), "is encrypted with a password: dog/0.png"),
    "strongly encrypted": (changed(DOG, method=99), "is encrypted with a password: dog/0.png"),
    "Deflate64": (changed(DOG, method=9), "is compressed by Deflate64, which is not read here: dog/0.png"),
    "PPMd": (changed(DOG, method=98), "is compressed by PPMd, which is not read here: dog/0.png"),
    "bzip2": (changed(DOG, method=12), "is compressed by bzip2"),
    "unknown": (changed(DOG, method=77), "is compressed by method 77"),
    "header elsewhere": (changed(DOG, offset=1), "members overlap with what is behind them: cat/0.png"),
    "header behind the end": (changed(DOG, offset=2**31), "members overlap with what is behind them: dog/0.png"),
    "a size that no disk has": (
        changed(DOG, size=0xFFFFFFFF, extra=b"\1\0\x08\0" + b"\xff" * 8),
        "the size of dog/0.png cannot be read",
    ),
    "size without its 64 bits": (changed(DOG, size=0xFFFFFFFF), "the size of dog/0.png is missing"),
}


@pytest.mark.parametrize(("file", "told"), WRONG.values(), ids=WRONG)
def test_a_member_that_is_not_what_its_archive_says_is_named(file: ZipFile, told: str) -> None:
    assert told in refusal(raw_zip([CAT, file])).detail


def test_what_can_be_done_about_passwords_and_methods_is_said_together() -> None:
    error = refusal(raw_zip([changed(CAT, flags=1), changed(DOG, method=98)]))
    assert "is encrypted with a password: cat/0.png; it is compressed by PPMd" in error.detail
    assert "without a password. Choose Deflate" in error.hint


def test_two_entries_that_share_a_content_overlap() -> None:
    assert (
        "members overlap with what is behind them: cat/0.png" in refusal(raw_zip([CAT, changed(DOG, offset=0)])).detail
    )
    assert "overlap" in refusal(raw_zip([CAT, changed(DOG, packed_size=10**6)])).detail


def test_the_better_zip_bomb_is_refused_before_anything_is_unpacked() -> None:
    bomb = overlapping_zip(200, PNG + bytes(MIB))
    with zipfile.ZipFile(io.BytesIO(bomb)) as made:
        assert sum(info.file_size for info in made.infolist()) > 200 * MIB > 1000 * len(bomb)
        with suppress(zipfile.BadZipFile):  # by which newer ones refuse it; older ones find it sound, as it must be
            assert len(made.read("190.png")) > MIB
    begun = time.process_time()
    assert "members overlap with what is behind them: 0.png, 1.png" in refusal(bomb).detail
    assert time.process_time() - begun < 1


def test_a_bomb_by_ratio_is_refused_by_what_it_says_and_by_what_comes_out() -> None:
    bomb = make_zip({"cat/0.png": PNG + bytes(70 * MIB)})
    error = refusal(bomb)
    assert "unpacks to more than 100 times its own size" in error.detail
    assert re.search(r": cat/0\.png, of [\d.]+ KiB that would become 70 MiB, is the largest in it\.$", error.detail)
    zeros = [ZipFile(f"{number}.png".encode(), PNG + bytes(90_000)) for number in range(2)]
    archive = raw_zip([*zeros, changed(CAT, method=0, content=PNG + bytes(5000))])
    assert len(archive) * 100 > 190_000, "what it says is within the limit"
    error = refusal(archive, Limits(unpacked_freely=100_000))
    assert "unpacks to more than 100 times" in error.detail
    assert error.detail.endswith(": that was seen in 1.png.")
    assert "more than 97.7 KiB: 0.png, of " in refusal(archive, Limits(total_bytes=100_000)).detail


def test_many_members_are_refused_before_the_list_is_read() -> None:
    entry = central_entry(ZipFile(b"a"), 0, 0)
    for count, records in ((60_000, end_record), (5_000_000, end_record_64)):
        archive = b"PK\3\4" + bytes(40) + entry + records(count, len(entry), 44)
        assert "more than 50,000 members" in refusal(archive, Limits(members=50_000)).detail
    lying = raw_zip([CAT] * 300, count=1)
    assert "is damaged: it says that it has 1 members, and lists 300" in refusal(lying).detail
    assert "more than 100 members" in refusal(lying, Limits(members=100)).detail
    assert "lists 2" in refusal(raw_zip([CAT, DOG], count=2**16 + 2, zip64=True)).detail


def test_a_long_list_is_refused_before_it_is_read() -> None:
    archive = raw_zip([changed(CAT, extra=b"\x99\x99\xf0\xff" + bytes(65520))] * 3)
    assert "list of members is longer than 128 KiB" in refusal(archive, Limits(directory_bytes=131072)).detail


def test_a_count_that_has_no_room_in_16_bits_is_what_is_left_of_it() -> None:
    folder, dog = ZipFile(b"a/", method=0), local_header(DOG, len(deflated(DOG.content))) + deflated(DOG.content)
    header, entry = local_header(folder, 0), central_entry(folder, 0, 0)
    body = dog + header * 2**16
    entries = [entry[:42] + (len(dog) + at * len(header)).to_bytes(4, "little") + entry[46:] for at in range(2**16)]
    directory = b"".join([central_entry(DOG, len(deflated(DOG.content)), 0), *entries])
    assert [*read(body + directory + end_record(1, len(directory), len(body))).contents] == ["dog/0.png"]


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (SOUND["zip"] + b"more", "has bytes behind its end"),
        (SOUND["zip"] + SOUND["zip"][:-1], "is cut off: the list of members at its end is missing"),
        (SOUND["zip"] + SOUND["zip"], "or something is in front"),
        (b"PK\3\4" + bytes(60) + SOUND["zip"], "or something is in front"),
        (SOUND["zip"][:-1], "cut off"),
        (SOUND["zip"][:-30], "is cut off: the list of members at its end is missing"),
        (SOUND["zip"][:200], "is cut off"),
        (b"PK\3\4" + bytes(600) + end_record(0, 0, 604), "is empty"),
        (b"PK\3\4" + bytes(600) + end_record(1, 46, 604 - 46), "the list of its members cannot be read"),
        (
            raw_zip([CAT, DOG]).replace(b"PK\1\2", b"PK\1\3").replace(b"PK\1\3", b"PK\1\2", 1),
            "be read, behind cat/0.png",
        ),
        (b"PK\3\4" + end_record_64(1, 46, 2**60), "its end leads nowhere"),
        (raw_zip([CAT], zip64=True).replace(b"PK\6\6\x2c", b"PK\6\6\x2d"), "its end has another length than it says"),
    ],
)
def test_what_is_before_or_behind_an_archive_and_what_is_missing(archive: bytes, told: str) -> None:
    assert told in refusal(archive).detail


def test_a_member_that_is_not_listed_at_the_beginning() -> None:
    hidden = raw_zip([CAT, DOG])
    start, end = hidden.index(b"PK\1\2"), hidden.rindex(b"PK\5\6")
    second = hidden.index(b"PK\1\2", start + 1)
    archive = hidden[:start] + hidden[second:end] + end_record(1, end - second, start)
    assert "there is something in front of dog/0.png, the first member in its list" in refusal(archive).detail


def test_parts_of_an_archive() -> None:
    archive = bytearray(SOUND["zip"])
    archive[-18] = 3  # the number of this disk
    assert "one part of a zip archive in several parts" in refusal(bytes(archive)).detail


def test_links_and_devices_are_passed_over_and_counted() -> None:
    kinds = (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFBLK, stat.S_IFCHR)
    files = [ZipFile(f"cat/{number}.png".encode(), b"/etc/passwd", mode=kind) for number, kind in enumerate(kinds)]
    found = read(raw_zip([*files, DOG]))
    assert [*found.contents] == ["dog/0.png"]
    assert sorted(found.skipped.counts.values()) == [1, 4]
    assert found.skipped.examples[next(reason for reason in found.skipped.counts if "links" in reason)] == ["cat/0.png"]
    windows = read(raw_zip([changed(DOG, host=0, mode=stat.S_IFLNK)]))
    assert [*windows.contents] == ["dog/0.png"], "what is no mode on Windows"


def test_folders_are_no_files() -> None:
    found = read(raw_zip([ZipFile(b"cat/"), ZipFile(b"dog\\"), ZipFile(b"cow", mode=stat.S_IFDIR), CAT]))
    assert [*found.contents] == ["cat/0.png"]
    assert found.skipped.folders == {"cat", "dog", "cow"}


def test_an_empty_file_is_empty_however_it_is_stored() -> None:
    for file in (ZipFile(b"a.png"), ZipFile(b"a.png", packed=b""), ZipFile(b"a.png", method=0)):
        assert read(raw_zip([file, DOG])).contents["a.png"] == b""
