"""Folders of pictures, made with Python alone."""

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

Files = dict[str, bytes]


def png(seed: int, side: int = 8) -> bytes:
    """A grey picture of random pixels."""
    pixels = random.Random(seed)
    rows = b"".join(b"\0" + pixels.randbytes(side) for _ in range(side))
    header = struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.fixture(scope="session")
def pictures() -> Files:
    """The files of a data set: two pictures of two classes in two splits."""
    places = [f"{split}/{name}/{number}" for split in ("train", "test") for name in ("ant", "bee") for number in (0, 1)]
    return {f"{place}.png": png(seed) for seed, place in enumerate(places)}


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[Files], Path]:
    """Makes a folder of these files."""

    def make(files: Files) -> Path:
        folder = tmp_path / "pets"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    return make


@pytest.fixture
def pets(folder_of: Callable[[Files], Path], pictures: Files) -> Path:
    """`pictures` in a folder."""
    return folder_of(pictures)
