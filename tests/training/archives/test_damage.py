"""Archives that are cut off anywhere, or have wrong bytes anywhere: refused, or read whole. Nothing else comes out."""

import gzip
import io
import random
import zipfile

import numpy as np
import pytest

from tests.training.archives.builders import PETS, SOUND, idx, make_zip, npy, npy_header, npz, read
from training.archives.layout import arrange
from training.archives.reading import Limits, ReadingFailed, Skipped, read_members
from training.errors import DatasetInvalid, told

PIXELS = np.arange(2 * 6 * 5, dtype=np.uint8).reshape(6, 2, 5)
LABELS = np.array([0, 1, 0, 1, 0, 1], np.uint8)
KINDS = {
    **SOUND,
    "npz": npz(images=PIXELS, labels=LABELS, classes=["cat", "dog"]),
    "idx": make_zip({"images-idx3-ubyte": idx(PIXELS), "labels-idx1-ubyte.gz": gzip.compress(idx(LABELS))}),
    "table": make_zip({**PETS, "labels.csv": b"file,label\n" + b"\n".join(f"{name},a".encode() for name in PETS)}),
}
TEXT = np.array(["cat", "dog"] * 3)
# What a checksum of the archive guards is damaged before it is packed.
CONTENTS = {
    "numbers.npz": {"images.npy": npy(PIXELS), "labels.npy": npy(LABELS), "classes.npy": npy(TEXT[:2])},
    "text.npz": {"images.npy": npy(PIXELS), "labels.npy": npy(TEXT)},
    "bytes.npz": {"images.npy": npy(PIXELS), "labels.npy": npy(TEXT.astype("S"))},
    "idx": {"images-idx3-ubyte": idx(PIXELS), "labels-idx1-ubyte.gz": gzip.compress(idx(LABELS))},
    "csv": {**PETS, "labels.csv": "\n".join(["file,label", *(f"{name},a" for name in PETS)]).encode("utf-16")},
    "json": {**PETS, "labels.jsonl": "\n".join(f'{{"file": "{name}", "label": 1.5}}' for name in PETS).encode()},
}
HOSTILE = (0, 0xFF, 0x7F, 0x80, 0xD8, *b'9"{[,')


def outcome(archive: bytes) -> dict[str, bytes] | DatasetInvalid:
    """What reading it gives; nothing but DatasetInvalid may come instead, also of its tables."""
    try:
        found = read(archive)
        if found.tables:
            arrange([*found.contents], found.tables, found.skipped)
        return found.contents
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


@pytest.mark.parametrize("kind", CONTENTS)
def test_wrong_bytes_within_a_member_end_in_an_error_with_a_reason_or_are_harmless(kind: str) -> None:
    sound, draw = CONTENTS[kind], random.Random(kind)
    targets = [name for name in sound if name not in PETS]
    for _ in range(150):
        wrong = {name: bytearray(content) for name, content in sound.items()}
        for _ in range(draw.randint(1, 3)):
            content = wrong[draw.choice(targets)]
            places = (draw.randrange(len(content)), -1 - draw.randrange(min(40, len(content))))
            content[draw.choice(places)] = draw.choice(HOSTILE)
        found = outcome(make_zip({name: bytes(content) for name, content in wrong.items()}, zipfile.ZIP_STORED))
        if isinstance(found, DatasetInvalid):
            assert_fit_to_be_shown(found)


def test_digits_that_are_more_than_numbers_hold_are_refused() -> None:
    images, labels = npy(PIXELS), npy(LABELS)
    for shape in ("9" * 18 + ", ", "0, " + "9" * 18 + ", "):
        for repeats in (1, 3, 20, 400):
            header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape * repeats}), }}"
            for arrays in ((npy_header(header), labels), (images, npy_header(header))):
                found = outcome(make_zip(dict(zip(("images.npy", "labels.npy"), arrays, strict=True))))
                assert isinstance(found, DatasetInvalid)
                assert "images" in found.detail or "labels" in found.detail
                assert_fit_to_be_shown(found)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "idx", "table"])
def test_a_mistake_of_ours_names_the_member_and_is_no_fault_of_the_user_s(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OverflowError

    where, name = {
        "idx": ("training.archives.idx._opened", "images-idx3-ubyte"),
        "table": ("training.archives.by_tables.class_of", "labels.csv"),
    }.get(kind, ("training.archives.sorting.kind_of", next(iter(PETS))))
    monkeypatch.setattr(where, fail)
    with pytest.raises(ReadingFailed) as caught:
        outcome(KINDS[kind])
    assert told(caught.value) == f"reading {name} has failed unexpectedly (OverflowError)"
    assert not isinstance(caught.value, ValueError)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_shorter_than_it_was_said_to_be(kind: str) -> None:
    archive = KINDS[kind]
    with pytest.raises(DatasetInvalid):
        [*read_members(io.BytesIO(archive[: len(archive) // 2]), len(archive), Limits(), Skipped(), {})]
