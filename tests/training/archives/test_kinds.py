"""What an upload is, from its first bytes alone; and what is said of one that is no archive."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from tests.training.archives.builders import HTML, JPEG, PETS, PNG, SOUND, ZipFile, idx, npz, raw_zip, tar_file, zst
from training.archives.kinds import archive_kind, nested_archive
from training.errors import DatasetInvalid

OLD_TAR = bytearray(tar_file(b"a.png", PNG)[:512])
OLD_TAR[257:265] = bytes(8)
OLD_TAR[148:156] = b" " * 8
OLD_TAR[148:156] = f"{sum(OLD_TAR):06o}\0 ".encode()

KINDS = {
    **{
        name: (content, name.replace("stored ", "").replace("GNU ", "").replace("ustar", "tar"))
        for name, content in SOUND.items()
    },
    "old tar": (bytes(OLD_TAR), "tar"),
    "npz": (npz(images=np.zeros((2, 2, 2), np.uint8)), "npz"),
    "zip that begins with an array of a folder": (raw_zip([ZipFile(b"cat/0.npy", b"\x93NUMPY")]), "zip"),
    "idx": (idx(np.zeros((2, 2, 2), np.uint8)), "idx"),
    "idx.gz": (gzip.compress(idx(np.zeros((2, 2, 2), np.uint8))), "idx.gz"),
    "a skippable frame first": (b"\x50\x2a\x4d\x18\4\0\0\0abcd" + zst(b"a"), "tar.zst"),
    "gzip that is stored": (gzip.compress(SOUND["tar"], 0), "tar.gz"),
}


@pytest.mark.parametrize("size", [512, 4096])
@pytest.mark.parametrize(("content", "kind"), KINDS.values(), ids=KINDS)
def test_an_archive_is_told_from_its_first_bytes(content: bytes, kind: str, size: int) -> None:
    assert archive_kind(content[:size]) == kind


def rar() -> bytes:
    return b"Rar!\x1a\7\1\0" + bytes(600)


OTHERS = {
    "PDF": (b"%PDF-1.7\n" + bytes(600), "is a PDF document: export its pages as images."),
    "JPEG": (JPEG + bytes(600), "is a JPEG, a single image."),
    "HTML": (HTML, "is an HTML page, perhaps a download's error"),
    "RAR": (rar(), "is a RAR archive."),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(600), "is a 7z archive."),
    "tar.bz2": (bz2.compress(SOUND["tar"]), "is a bzip2 file."),
    "tar.xz": (lzma.compress(SOUND["tar"]), "is an xz file."),
    "nothing": (b"", "is an empty file"),
    "zeros": (bytes(10240), "is nothing but zeros, as an empty tar archive is"),
    "empty zip": (raw_zip([]), "is an empty zip archive."),
    "part of a zip": (b"PK\7\x08" + SOUND["zip"], "is one part of a zip archive in several parts."),
    "text": (b"a,b\n" * 200, "is text and no image."),
    "array": (io.BytesIO(), "is a NumPy array"),
    "gzip of text": (
        gzip.compress(b"hello\n" * 200),
        "is a gzip file whose content is no tar archive but text and no image.",
    ),
    "gzip of a zip": (gzip.compress(SOUND["zip"]), "is a gzip file whose content is no tar archive but a zip archive."),
    "gzip of gzip": (gzip.compress(SOUND["tar.gz"]), "is a gzip file whose content is no tar archive but a gzip file."),
    "gzip of a JPEG": (gzip.compress(JPEG + bytes(900)), "whose content is no tar archive but a JPEG."),
    "gzip of an empty tar": (
        gzip.compress(bytes(10240)),
        "whose content is nothing but zeros, as an empty tar archive is",
    ),
    "gzip of nothing": (gzip.compress(b""), "whose content is no tar archive but an empty file."),
    "damaged gzip": (b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 600, "is a damaged gzip file."),
    "zip behind a JPEG": (JPEG + bytes(600) + SOUND["zip"], "is a JPEG, a single image."),
    "zip behind a page": (HTML + SOUND["zip"], "is an HTML page"),
    "program that unpacks itself": (b"MZ" + bytes(600) + SOUND["zip"], "is a program."),
}
np.save(OTHERS["array"][0], np.zeros(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(("content", "told"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_archive_is_called_what_it_is(content: bytes | io.BytesIO, told: str) -> None:
    content = content if isinstance(content, bytes) else content.getvalue()
    with pytest.raises(DatasetInvalid) as caught:
        archive_kind(content[:4096])
    assert caught.value.detail.startswith("The upload ")
    assert told in caught.value.detail
    assert "Send a zip, tar, tar.gz or tar.zst archive" in caught.value.hint


def test_another_archive_is_to_be_packed_anew_and_nothing_else_is() -> None:
    for content, again in ((rar(), True), (b"%PDF-1.7", False)):
        with pytest.raises(DatasetInvalid) as caught:
            archive_kind(content)
        assert ("Unpack it" in caught.value.hint) is again


@pytest.mark.parametrize("name", [name for name, (_, kind) in KINDS.items() if not kind.startswith("idx")])
def test_every_archive_is_one_within_another(name: str) -> None:
    assert nested_archive(KINDS[name][0][:512]) is not None


def test_an_image_is_no_archive() -> None:
    for content in PETS.values():
        assert nested_archive(content) is None
    assert zipfile.is_zipfile(io.BytesIO(SOUND["zip"]))
