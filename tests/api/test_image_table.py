"""The API's way of reading an index says what the index says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.views.image_table import ImageTable
from training.images.packs import ImageIndex, IndexInvalid

NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text('\\"a[', max_size=6), max_size=12
)


def index_of(names: list[str], classes: tuple[str, ...] = ("cat", '"names": [')) -> ImageIndex:
    count, numbers = len(names), np.random.default_rng(len(names))
    digests = numbers.integers(0, 256, (count, 32), np.uint8)
    digests[::3] = 255 if count else digests[::3]  # some are alike
    return ImageIndex(
        classes,
        3,
        splits=(np.arange(count) % 2).astype(np.uint8),
        labels=(np.arange(count) // 2 % 2).astype(np.int32),
        packs=np.arange(count, dtype=np.int32),
        offsets=np.arange(count, dtype=np.int64) * 2**33,
        lengths=np.full(count, 10, np.int64),
        digests=digests,
        names=tuple(names),
    )


@given(NAMES)
def test_it_says_what_the_index_says(names: list[str]) -> None:
    index = index_of(names)
    table = ImageTable.from_bytes(index.to_bytes())
    assert (len(table), table.classes) == (len(names), index.classes)
    assert table.names_of(range(len(names))) == names
    for row, name in enumerate(index.ids):
        assert (table.id_of(row), table.row_of(name), table.names_of([row])) == (name, row, [names[row]])
        assert table.place_of(row) == (row, row * 2**33, 10)
        assert (table.split_of(row), table.class_of(row)) == (("train", "test")[row % 2], index.classes[row // 2 % 2])
    np.testing.assert_array_equal(table.rows(1, "test"), np.flatnonzero((index.labels == 1) & (index.splits == 1)))


@pytest.mark.parametrize("damage", [b"", b"PK", b"hello", index_of(["a"] * 9).to_bytes()[:-40]])
def test_what_is_no_index_is_refused(damage: bytes) -> None:
    with pytest.raises(IndexInvalid):
        ImageTable.from_bytes(damage)


def test_what_is_no_id_names_no_image() -> None:
    table = ImageTable.from_bytes(index_of(["a"] * 9).to_bytes())
    for wrong in ("", "f" * 15, "F" * 16, f"{'f' * 16}-1", f"{'f' * 16}-4", f"{'f' * 16}-02", "f" * 17, "\0"):
        assert table.row_of(wrong) is None
    assert table.row_of(f"{'f' * 16}-3") == 6
