"""Tar archives that no honest program writes, and honest ones that are odd, plain or compressed."""

import gzip
import io
import tarfile
import time
import tracemalloc

import pytest

from tests.training.archives.builders import (
    PETS,
    PNG,
    SOUND,
    TAR_END,
    pax_record,
    raw_tar,
    read,
    tar_file,
    tar_header,
    zst,
    zst_of_zeros,
)
from training.archives.limits import MIB
from training.archives.reading import Limits
from training.errors import DatasetInvalid

CAT, DOG = tar_file(b"cat/0.png", PNG + b"c" * 600), tar_file(b"dog/0.png", PNG + b"d" * 600)
HUGE = b"\x80" + (2**62).to_bytes(11, "big")


def refusal(archive: bytes, limits: Limits | None = None) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        read(archive, limits)
    assert caught.value.hint
    return caught.value


def damaged_header() -> bytes:
    return DOG[:20] + b"x" + DOG[21:]


WRONG = {
    "a huge size": (
        raw_tar(CAT, tar_header(b"dog/0.png", size_field=HUGE), PNG),
        "dog/0.png in the archive says that it has",
    ),
    "more than there is": (raw_tar(CAT, tar_header(b"dog/0.png", 50_000), PNG), "is cut off, in or behind dog/0.png"),
    "more than there is, passed over": (
        raw_tar(CAT, tar_header(b"dog/0.mp4", 50_000), PNG),
        "cut off, in or behind dog/0.mp4",
    ),
    "a negative size": (
        raw_tar(CAT, tar_header(b"dog/0.png", size_field=b"\xff" * 12)),
        "the size of dog/0.png cannot be read",
    ),
    "a size that is no number": (
        raw_tar(CAT, tar_header(b"dog/0.png", size_field=b"0x12345\0\0\0\0\0")),
        "the size of dog/0.png cannot be read",
    ),
    "a damaged header": (
        raw_tar(CAT, damaged_header()),
        "is damaged, behind cat/0.png: it has a header with another checksum",
    ),
    "no end": (CAT + DOG, "is cut off, in or behind dog/0.png"),
    "cut off in a header": (CAT + DOG[:300], "is cut off, in or behind cat/0.png"),
    "two archives": (raw_tar(CAT) + raw_tar(DOG), "goes on behind the mark of its end and cat/0.png"),
    "a part of several": (
        raw_tar(CAT, tar_file(b"dog/0.png", b"", b"M")),
        "one part of a tar archive in several parts",
    ),
    "a pax header that is none": (
        raw_tar(CAT, tar_file(b"p", b"hello", b"x"), DOG),
        "a pax header that cannot be read",
    ),
    "a pax record that is too long": (
        raw_tar(CAT, tar_file(b"p", b"900 path=a\n", b"x"), DOG),
        "a pax header that cannot be read",
    ),
    "a pax record that is too short": (
        raw_tar(CAT, tar_file(b"p", b"3 path=a\n", b"x"), DOG),
        "a pax header that cannot be read",
    ),
    "a pax size that is none": (
        raw_tar(CAT, tar_file(b"p", pax_record(b"size", b"-5"), b"x"), DOG),
        "the size of dog/0.png cannot be read",
    ),
    "a pax size in GNU's binary form": (
        raw_tar(CAT, tar_file(b"p", pax_record(b"size", b"\x80" + b"\xff" * 300), b"x"), DOG),
        "the size of dog/0.png cannot be read",
    ),
    "a size in GNU's binary form that is too large": (
        raw_tar(CAT, tar_header(b"dog/0.png", size_field=b"\x80" + b"\xff" * 11)),
        "dog/0.png in the archive says that it has more than 1,024 EiB",
    ),
    "a huge pax size": (
        raw_tar(CAT, tar_file(b"p", pax_record(b"size", b"9" * 18), b"x"), DOG),
        "dog/0.png in the archive says that it has",
    ),
    "headers without end": (
        raw_tar(CAT, *[tar_file(b"p", b"", b"x")] * 20, DOG),
        "more than 8 headers in front of one member",
    ),
    "a huge pax header": (raw_tar(CAT, tar_header(b"p", 2**33 - 1, b"x")), "a header of 8 GiB in front of a member"),
    "a huge long name": (raw_tar(CAT, tar_header(b"p", 2**33 - 1, b"L")), "a header of 8 GiB in front of a member"),
    "a header that is cut off": (
        CAT + tar_header(b"p", 4000, b"x") + b"10 path=a\n",
        "is cut off, in or behind cat/0.png",
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("archive", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_a_member_near_it(archive: bytes, told: str, *, packed: bool) -> None:
    assert told in refusal(gzip.compress(archive) if packed else archive).detail


def test_links_devices_and_sparse_files_are_passed_over_and_counted() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for number, kind in enumerate(
            (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
        ):
            info = tarfile.TarInfo(f"cow/{number}.png")
            info.type, info.linkname = kind, "../../../etc/passwd"
            made.addfile(info)
    sparse = bytearray(tar_header(b"cow/5.png", 512, b"S"))
    sparse[482] = 1
    sparse[148:156] = b" " * 8
    sparse[148:156] = f"{sum(sparse):06o}\0 ".encode()
    more, last = bytearray(512), bytes(512)
    more[504] = 1
    pax_sparse = tar_file(b"p", pax_record(b"GNU.sparse.major", b"1"), b"x") + tar_file(b"cow/6.png", PNG)
    unknown = tar_file(b"cow/7.png", PNG, b"Z")
    archive = raw_tar(
        buffer.getvalue().rstrip(b"\0") + bytes(-len(buffer.getvalue().rstrip(b"\0")) % 512),
        bytes(sparse),
        bytes(more),
        last,
        bytes(512),
        pax_sparse,
        unknown,
        DOG,
    )
    found = read(archive)
    assert [*found.contents] == ["dog/0.png"]
    assert [(count, reason.split(",")[0].split(":")[0]) for reason, count in found.skipped.counts.items()] == [
        (2, "links"),
        (3, "devices"),
        (2, "sparse files"),
        (1, "entries of a type that is not known"),
    ]
    assert "cow/0.png" in found.skipped.folders, "a link may stand for a folder of a class"


def test_what_is_about_the_archive_or_a_link_is_no_file() -> None:
    front = (
        tar_file(b"pax_global_header", pax_record(b"comment", b"4" * 40), b"g"),
        tar_file(b"pets", b"", b"V"),
        tar_file(b"././@LongLink", b"a" * 2000 + b"\0", b"K"),
        tar_file(b"././@LongLink", b"cat/long.png\0", b"L"),
    )
    assert [*read(raw_tar(*front, CAT)).contents] == ["cat/long.png"]


def test_pax_says_name_and_size_and_the_last_record_counts() -> None:
    records = pax_record(b"path", b"../../a") + pax_record(b"path", "café/0.png".encode()) + pax_record(b"size", b"9")
    member = tar_header(b"x", 0) + (PNG + b"1").ljust(512, b"\0")
    assert read(raw_tar(tar_file(b"p", records, b"x"), member)).contents == {"café/0.png": PNG + b"1"}
    attributes = pax_record(b"SCHILY.xattr.user.thumbnail", bytes(range(256)) * 100)
    assert [*read(raw_tar(tar_file(b"p", attributes, b"x"), CAT)).contents] == ["cat/0.png"]


def test_checksums_of_signed_bytes_as_old_programs_wrote_them() -> None:
    header = bytearray(tar_header("café/0.png".encode(), len(PNG)))
    signed = sum(byte - 256 if byte > 127 else byte for byte in header[:148] + b" " * 8 + header[156:])
    header[148:156] = f"{signed:06o}\0 ".encode()
    assert [*read(raw_tar(CAT, bytes(header), PNG.ljust(512, b"\0"))).contents] == ["cat/0.png", "café/0.png"]


def test_folders_of_old_and_new_archives() -> None:
    found = read(
        raw_tar(tar_file(b"cow/", b""), tar_file(b"hen", b"", b"5"), tar_file(b"yak", b"Yfile\0\0", b"D"), CAT)
    )
    assert [*found.contents] == ["cat/0.png"]
    assert found.skipped.folders == {"cow", "hen", "yak"}


ZEROS = gzip.compress(bytes(MIB)) * 110
BOMBS = {
    "gzip": gzip.compress(tar_header(b"cat/0.png", 200 * MIB) + PNG) + ZEROS,
    "gzip, passed over": gzip.compress(tar_header(b"cat/0.mp4", 200 * MIB)) + ZEROS,
    "gzip, behind the end": gzip.compress(raw_tar(CAT)) + ZEROS,
    "zstd": zst(tar_header(b"cat/0.png", 200 * MIB) + PNG) + zst_of_zeros(900),
    "zstd, behind the end": zst(raw_tar(CAT)) + zst_of_zeros(900),
}


@pytest.mark.parametrize("archive", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_by_what_comes_out_of_it(archive: bytes) -> None:
    begun = time.process_time()
    error = refusal(archive)
    assert "unpacks to more than 100 times its own size" in error.detail
    assert ": that was seen in cat/0." in error.detail
    assert time.process_time() - begun < 3
    tracemalloc.start()
    try:
        assert "unpacks to more than 100 times" in refusal(archive, Limits(unpacked_freely=8 * MIB)).detail
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * MIB, "what 1 KiB of zstd says at once, at most"


def test_a_window_that_is_too_large_is_refused_with_what_to_do() -> None:
    archive = zst_of_zeros(1, window_log=28)
    error = refusal(archive)
    assert "was packed by zstd with a window of more than 128 MiB" in error.detail
    assert "without --long" in error.hint
    assert "has no image" in refusal(zst_of_zeros(1, window_log=27)).detail, "of zeros, but within the limit"


def test_the_content_of_zstd_is_told_where_it_is_no_tar() -> None:
    assert "The content of the archive is no tar archive but a zip archive." in refusal(zst(SOUND["zip"])).detail
    assert "no tar archive but text and no image." in refusal(zst(b"hello\n" * 200)).detail


@pytest.mark.parametrize("kind", ["tar.gz", "tar.zst"])
def test_damage_to_what_is_compressed(kind: str) -> None:
    sound = SOUND[kind]
    assert "has bytes behind its end" in refusal(sound + b"garbage").detail
    assert "has bytes behind its end" in refusal(sound + b"g").detail
    for cut in (1, 3, 5, 9, 30):
        assert "is cut off" in refusal(sound[:-cut]).detail
    wrong = bytearray(sound)
    wrong[-6 if kind == "tar.gz" else -2] ^= 1
    assert "is damaged" in refusal(bytes(wrong)).detail
    wrong = bytearray(sound)
    wrong[len(wrong) // 2] ^= 0xFF
    assert "is damaged" in refusal(bytes(wrong)).detail
    whole = raw_tar(
        *[tar_file(f"cat/{number}.png".encode(), PNG) for number in range(300)]
    )  # a part of it comes out before its damage does
    packed = gzip.compress(whole, 0) if kind == "tar.gz" else zst(whole)
    assert "The archive is cut off, in or behind cat/" in refusal(packed[:-1]).detail


def test_endless_small_pieces_are_bounded() -> None:
    for piece in (gzip.compress(b""), zst(b"")):
        front = gzip.compress(SOUND["tar"]) if piece.startswith(b"\x1f") else zst(SOUND["tar"])
        limits = Limits(members=100)
        assert read(front + piece * 99, limits).contents == PETS
        assert "in more than 100 pieces" in refusal(front + piece * 100, limits).detail


def test_an_archive_needs_one_block_of_zeros_at_its_end_and_no_more() -> None:
    assert [*read(CAT + DOG + TAR_END[:512]).contents] == ["cat/0.png", "dog/0.png"]
    assert [*read(CAT + DOG + bytes(10240)).contents] == ["cat/0.png", "dog/0.png"]
