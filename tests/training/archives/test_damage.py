"""Archives that are cut off anywhere, or have wrong bytes anywhere: refused, or read whole. Nothing else comes out."""

import gzip
import io
import random

import numpy as np
import pytest

from tests.training.archives.builders import PETS, SOUND, idx, make_zip, npz, read
from training.archives.reading import Limits, Skipped, read_members
from training.errors import DatasetInvalid

PIXELS = np.arange(2 * 6 * 5, dtype=np.uint8).reshape(6, 2, 5)
LABELS = np.array([0, 1, 0, 1, 0, 1], np.uint8)
KINDS = {
    **SOUND,
    "npz": npz(images=PIXELS, labels=LABELS, classes=["cat", "dog"]),
    "idx": make_zip({"images-idx3-ubyte": idx(PIXELS), "labels-idx1-ubyte.gz": gzip.compress(idx(LABELS))}),
    "table": make_zip({**PETS, "labels.csv": b"file,label\n" + b"\n".join(f"{name},a".encode() for name in PETS)}),
}


def outcome(archive: bytes) -> dict[str, bytes] | DatasetInvalid:
    """What reading it gives; nothing but DatasetInvalid may come instead."""
    try:
        return read(archive).contents
    except DatasetInvalid as error:
        return error


def assert_fit_to_be_shown(error: DatasetInvalid) -> None:
    assert error.detail.isprintable()
    assert error.hint.isprintable()
    assert len(str(error)) < 3000


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_off_never_gives_fewer_images_without_an_error(kind: str) -> None:
    sound = KINDS[kind]
    whole = read(sound).contents
    # Only what fills up the last block of a tar may be missing.
    end = len(sound.rstrip(b"\0")) if kind in ("tar", "GNU tar", "ustar") else len(sound)
    for part in range(20):
        size = len(sound) * part // 20
        found = outcome(sound[:size])
        if isinstance(found, DatasetInvalid):
            assert_fit_to_be_shown(found)
        else:
            assert found == whole
            assert size > end


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_bytes_end_in_an_error_with_a_reason_or_are_harmless(kind: str) -> None:
    sound, draw = KINDS[kind], random.Random(kind)
    for _ in range(100):
        wrong = bytearray(sound)
        for _ in range(draw.randint(1, 3)):
            places = (draw.randrange(len(wrong)), draw.randrange(min(600, len(wrong))), -1 - draw.randrange(120))
            wrong[draw.choice(places)] = draw.choice((0, 0xFF, 0x7F, 0x80, draw.randrange(256)))
        found = outcome(bytes(wrong))
        if isinstance(found, DatasetInvalid):
            assert_fit_to_be_shown(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_shorter_than_it_was_said_to_be(kind: str) -> None:
    archive = KINDS[kind]
    with pytest.raises(DatasetInvalid):
        [*read_members(io.BytesIO(archive[: len(archive) // 2]), len(archive), Limits(), Skipped(), {})]
