"""Pictures and folders of them, made with Python alone."""

import random
import struct
import zlib
from pathlib import Path


def png(seed: int, side: int = 8) -> bytes:
    """A grey picture of random pixels."""
    pixels = random.Random(seed)
    rows = b"".join(b"\0" + pixels.randbytes(side) for _ in range(side))
    header = struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def tree(each: int = 2) -> dict[str, bytes]:
    """The files of a data set with two classes in two splits, so many pictures in each."""
    places = [
        f"{split}/{name}/{number}" for split in ("train", "test") for name in ("ant", "bee") for number in range(each)
    ]
    return {f"{place}.png": png(seed) for seed, place in enumerate(places)}


def folder(path: Path, files: dict[str, bytes]) -> Path:
    """Write `files` into the folder `path`."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
