"""Hostile archives in a process whose memory is limited: each ends in an error with a reason, in little time."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training.archives.builders import (
    PNG,
    ZipFile,
    central_entry,
    end_record_64,
    idx,
    make_zip,
    npy_header,
    overlapping_zip,
    pax_record,
    raw_tar,
    raw_zip,
    tar_file,
    tar_header,
    zst,
    zst_of_zeros,
)
from training.archives.limits import MIB

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from training.archives.layout import arrange
from training.archives.reading import Limits, Skipped, read_members
from training.errors import DatasetInvalid

page = resource.getpagesize()
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * page + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
told = {}
for file in sorted(Path(sys.argv[1]).iterdir()):
    begun = time.process_time()
    try:
        names, tables, skipped = [], {}, Skipped()
        with file.open("rb") as source:
            for member in read_members(source, file.stat().st_size, Limits(), skipped, tables):
                names.append(member.name)
                member = None
        arrange(names, tables, skipped)
        detail = "nothing"
    except DatasetInvalid as error:
        detail = error.detail
    except MemoryError:
        detail = "memory"
    told[file.name] = detail, time.process_time() - begun
print(json.dumps(told))
"""

ZEROS = gzip.compress(bytes(8 * MIB)) * 40
CAT = tar_file(b"cat/0.png", PNG)
RECORDS = tar_file(b"p", pax_record(b"k", b"v" * 1_000_000), b"x") + tar_file(b"cat/", b"", b"5")


def directory_of_lies() -> bytes:
    entry = central_entry(ZipFile(b"a" * 60_000), 0, 0)
    return b"PK\3\4" + bytes(40) + entry + end_record_64(2**62, len(entry), 44)


def table(content: bytes) -> bytes:
    return make_zip({"labels.csv": content, "a.png": PNG, "b.png": PNG})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "gzip": (lambda: gzip.compress(tar_header(b"cat/0.png", 255 * MIB) + PNG) + ZEROS, "100 times its own size"),
    "gzip of a folder": (lambda: gzip.compress(tar_header(b"cat/0.mp4", 2**33 - 1)) + ZEROS, "100 times its own size"),
    "zstd": (lambda: zst(tar_header(b"cat/0.png", 255 * MIB) + PNG) + zst_of_zeros(3000, 27), "100 times its own size"),
    "zstd's window": (lambda: zst_of_zeros(3000, 40), "a window of more than 128 MiB"),
    "zip": (
        lambda: make_zip({f"{number}.png": PNG + bytes(35 * MIB) for number in range(2)}),
        "100 times its own size",
    ),
    "zip that overlaps": (lambda: overlapping_zip(100, PNG + bytes(MIB)), "members overlap"),
    "zip in a zip": (
        lambda: make_zip({"more.zip": make_zip({"a.png": PNG + bytes(4 * MIB)})}),
        "a zip archive itself",
    ),
    "zip's list": (directory_of_lies, "more than 1,000,000 members"),
    "zip's size": (lambda: raw_zip([ZipFile(b"a.png", PNG, size=2**32 - 2)]), "100 times its own size"),
    "tar's size": (
        lambda: raw_tar(CAT, tar_header(b"a.png", size_field=b"\x80" + b"\0" * 4 + b"\xff" * 7)),
        "says that it has",
    ),
    "tar's name": (lambda: raw_tar(CAT, tar_header(b"p", 2**33 - 1, b"L")) + bytes(MIB), "a header of 8 GiB"),
    "pax": (
        lambda: gzip.compress(raw_tar(CAT)[:1024] + tar_header(b"p", 2**33 - 1, b"x")) + ZEROS,
        "a header of 8 GiB",
    ),
    "pax for all": (lambda: gzip.compress(CAT + tar_header(b"p", 2**33 - 1, b"g")) + ZEROS, "100 times its own size"),
    "pax's records": (lambda: gzip.compress(RECORDS) * 110, "100 times its own size"),
    "npz's header": (
        lambda: make_zip({"images.npy": npy_header("{" * 100, 2**32 - 1) + bytes(4 * MIB)}),
        "a header that no array",
    ),
    "npz's shape": (
        lambda: make_zip(
            {"images.npy": npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 999999, 999999)}")}
        ),
        "which would be",
    ),
    "idx": (
        lambda: make_zip(
            {
                "images.gz": gzip.compress(idx(np.zeros((2, 2, 2), np.uint8))[:4] + b"\xff" * 4 + b"\0\0\x10\0" * 2),
                "labels": idx(np.zeros(2, np.uint8)),
            }
        ),
        "images.gz has 4,294,967,295 images",
    ),
    "columns": (lambda: table(b"file,label\n" + b"," * (4 * MIB)), "more than 1,048,576 characters"),
    "quotes": (lambda: table(b"file,label\n" + b'"' * (4 * MIB)), "CSV at line 2|more than 1,048,576 characters"),
    "names": (lambda: make_zip({f"{'a/' * 400}{number}.png": PNG for number in range(300)}), "one class only"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    folder = tmp_path_factory.mktemp("hostile")
    for name, (made, _) in HOSTILE.items():
        (folder / name).write_bytes(made())
    command = [sys.executable, "-c", PROGRAM, str(folder), str(320 * MIB)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert ended.returncode == 0, ended.stderr
    found: dict[str, tuple[str, float]] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_takes_little_memory_and_time(told: dict[str, tuple[str, float]], name: str) -> None:
    detail, seconds = told[name]
    assert any(part in detail for part in HOSTILE[name][1].split("|")), detail
    assert seconds < 3
