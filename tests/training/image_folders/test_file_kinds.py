"""What a file is that calls itself an image: told from its first bytes, in the error too."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin, TiffTags

from training.engine.data import DatasetInvalid, load_dataset
from training.image_folders.file_kinds import kind_of
from training.images.decoding import ImageUnreadable, open_image, strict_pillow


def brand(name: bytes, *compatible: bytes) -> bytes:
    box = b"ftyp" + name + b"\0\0\0\0" + b"".join(compatible)
    return (len(box) + 4).to_bytes(4, "big") + box + b"\0\0\0\x20meta"


def archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as made:
            made.writestr("a.txt", "a")
    else:
        with tarfile.open(fileobj=buffer, mode="w") as made:
            made.addfile(tarfile.TarInfo("a.txt"))
    return buffer.getvalue()


def array() -> bytes:
    np.save(buffer := io.BytesIO(), np.zeros(3))
    return buffer.getvalue()


def targa(compression: str | None = None) -> bytes:
    Image.new("RGB", (16, 16)).save(buffer := io.BytesIO(), "TGA", compression=compression)
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
KINDS = {
    "HEIC": (brand(b"heic", b"mif1", b"heic"), "a HEIC photograph, which is not read here: convert it"),
    "HEIC of a burst": (brand(b"msf1", b"hevc"), "a HEIC photograph"),
    "JPEG XL": (b"\xff\x0a\x10\x00", "a JPEG XL"),
    "JPEG XL in a box": (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
    "PSD": (b"8BPS\0\1", "a Photoshop document"),
    "SVG": (b'<?xml version="1.0"?>\n<!-- a --><svg width="1">', "an SVG drawing"),
    "PDF": (b"%PDF-1.7\n", "a PDF document"),
    "CR2": (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw photograph"),
    "CR3": (brand(b"crx ", b"crx ", b"isom"), "a camera's raw photograph"),
    "RAF": (b"FUJIFILMCCD-RAW 0201", "a camera's raw photograph"),
    "ORF": (b"IIRO\x08\0\0\0", "a camera's raw photograph"),
    "MP4": (brand(b"isom", b"avc1"), "a video: extract frames"),
    "QuickTime": (brand(b"qt  "), "a video"),
    "Matroska": (b"\x1aE\xdf\xa3\x01", "a video"),
    "AVI": (b"RIFF\x24\0\0\0AVI LIST", "a video"),
    "zip": (archive("zip"), "a zip archive: unpack it"),
    "tar": (archive("tar"), "a tar archive: unpack it"),
    "gzip": (gzip.compress(b"a"), "a gzip file: unpack it"),
    "HTML": (b"\n<!DOCTYPE html>\n<html><body>404", "an HTML page, perhaps a download's error"),
    "HTML without a type": (b"<html><head><title>403 Forbidden", "an HTML page"),
    "XML": (b'<?xml version="1.0"?><Error><Code>AccessDenied', "an XML document, perhaps a store's error"),
    "JSON": (json.dumps({"error": "not found"}).encode(), "JSON, perhaps a service's error"),
    "JSON list": (b"[1, 2]", "JSON"),
    "Git LFS": (LFS, "a pointer of Git LFS and not the file itself: fetch it with `git lfs pull`"),
    "git-annex": (b"/annex/objects/SHA256E-s1--a.jpg\n", "a pointer of git-annex"),
    "empty": (b"", "an empty file"),
    "zeros": (bytes(1000), "nothing but zeros"),
    "text": ("Grüße\n".encode(), "text and no image"),
    "UTF-16": ("Hello".encode("utf-16"), "text and no image"),
    "Base64": (b"iVBORw0KGgoAAAANSUhEUg", "an image as Base64 text"),
    "data URL": (b"data:image/png;base64,iVBOR", "an image as Base64 text"),
    "pickle": (pickle.dumps([1]), "a Python pickle, which is never loaded"),
    "npy": (array(), "a NumPy array"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "icon": (b"\0\0\1\0\1\0", "a Windows icon"),
    "cursor": (b"\0\0\2\0\1\0\x20\x20\0\0\0\0\0\0\x30\1", "a Windows icon or cursor"),
    "Targa": (targa(), "a Targa image"),
    "Targa, run lengths": (targa("tga_rle"), "a Targa image"),
    "PNG as text": (b"\x89PNG\n\x1a\n", "it is a PNG that was copied as text"),
    "program": (b"\x7fELF\2", "a program"),
    "noise": (bytes(range(128, 200)), "no image of a kind that is known here"),
}


@pytest.mark.parametrize(("content", "told"), KINDS.values(), ids=KINDS)
def test_a_file_is_told_from_its_first_bytes(tmp_path: Path, content: bytes, told: str) -> None:
    (file := tmp_path / "image.jpg").write_bytes(content)
    with pytest.raises(ImageUnreadable) as caught, strict_pillow(), open_image(file):
        pass
    assert f"{told}" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "told"),
    [
        ("png", "a PNG"),
        ("jpg", "a JPEG"),
        ("webp", "a WebP"),
        ("gif", "a GIF"),
        ("jp2", "a JPEG 2000"),
        ("avif", "an AVIF"),
    ],
)
def test_what_is_read_is_told_apart_and_a_damaged_one_is_called_so(tmp_path: Path, suffix: str, told: str) -> None:
    Image.new("RGB", (16, 16)).save(file := tmp_path / f"image.{suffix}")
    content = file.read_bytes()
    kind = kind_of(content[:512])
    assert (kind.title, kind.family) == (told, "read")
    file.write_bytes(content[:16])
    with pytest.raises(ImageUnreadable) as caught, open_image(file) as image:
        image.load()
    assert str(tmp_path) not in str(caught.value)
    assert str(caught.value)


@pytest.mark.parametrize("suffix", ["bmp", "tif", "ppm", "pgm"])
def test_other_kinds_that_are_read(tmp_path: Path, suffix: str) -> None:
    Image.new("L", (16, 16)).save(file := tmp_path / f"image.{suffix}")
    assert kind_of(file.read_bytes()[:512]).family == "read"


@pytest.mark.parametrize("tags", [{0xC612: b"\1\4\0\0"}, {0x00FE: 1}])
def test_the_thumbnail_of_a_raw_photograph_is_not_taken_for_it(tmp_path: Path, tags: dict[int, object]) -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
        if isinstance(value, bytes):
            info.tagtype[tag] = TiffTags.BYTE
    Image.new("RGB", (16, 16)).save(file := tmp_path / "image.tif", tiffinfo=info)
    with pytest.raises(ImageUnreadable, match="a camera's raw photograph"), open_image(file):
        pass


def test_only_readers_on_the_list_see_a_file(tmp_path: Path) -> None:
    """FLI has a reader in Pillow, and no kind of ours."""
    (file := tmp_path / "image.png").write_bytes(struct.pack("<IHHHHHHH", 128, 0xAF11, 1, 8, 8, 8, 3, 5) + bytes(200))
    with pytest.raises(ImageUnreadable, match="no image of a kind that is known"), open_image(file):
        pass


def test_the_error_of_a_folder_says_what_each_file_is(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            Image.new("L", (8, 8)).save(tmp_path / "pets" / split / name / "0.png")
    (tmp_path / "pets/train/cat/1.jpg").write_bytes(LFS)
    (tmp_path / "pets/train/cat/2.heic").write_bytes(KINDS["HEIC"][0])
    with pytest.raises(DatasetInvalid) as caught:
        load_dataset("pets", datasets_dir=tmp_path, downloads_dir=tmp_path)
    assert "pets/train/cat/1.jpg (it is a pointer of Git LFS" in caught.value.detail
    assert "pets/train/cat/2.heic (it is a HEIC photograph" in caught.value.detail
    assert str(tmp_path) not in str(caught.value)
    dropped = load_dataset("pets", datasets_dir=tmp_path, downloads_dir=tmp_path, unreadable="drop")
    assert dropped.dropped == 2
