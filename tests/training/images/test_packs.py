"""The index of an uploaded data set's images, and how their files are packed."""

import itertools

import numpy as np
import pytest

from training.images.packs import PACK_BYTES, ImageIndex, IndexInvalid, packed


def index(count: int = 6, seed: int = 0) -> ImageIndex:
    numbers = np.random.default_rng(seed)
    return ImageIndex(
        ("cat", "dög"),
        3,
        splits=(np.arange(count) % 2).astype(np.uint8),
        labels=(np.arange(count) // 2 % 2).astype(np.int32),
        packs=np.zeros(count, np.int32),
        offsets=np.arange(count, dtype=np.int64) * 10,
        lengths=np.full(count, 10, np.int64),
        digests=numbers.integers(0, 256, (count, 32), np.uint8),
        names=tuple(f"train/{number}.png" for number in range(count)),
    )


def test_an_index_is_read_back_as_it_was_written() -> None:
    found = ImageIndex.from_bytes(index().to_bytes())
    assert (found.classes, found.channels, found.names) == (("cat", "dög"), 3, index().names)
    for name in ("splits", "labels", "packs", "offsets", "lengths", "digests"):
        np.testing.assert_array_equal(getattr(found, name), getattr(index(), name))
    assert found.to_bytes() == index().to_bytes()


@pytest.mark.parametrize("damage", [b"", b"PK", b"hello", index().to_bytes()[:-40], index().to_bytes()[:200]])
def test_what_is_no_index_is_refused(damage: bytes) -> None:
    with pytest.raises(IndexInvalid):
        ImageIndex.from_bytes(damage)


def test_neither_order_nor_names_change_identity_and_ids() -> None:
    first = index().take(index().canonical_order())
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 97):
        shuffled = index().take(np.array(order))
        again = shuffled.take(shuffled.canonical_order())
        assert (again.identity, again.ids, again.names) == (first.identity, first.ids, first.names)


def test_a_label_and_a_split_change_the_identity() -> None:
    identities = {index().identity}
    for row in range(2):
        for column in ("labels", "splits"):
            changed = index()
            getattr(changed, column)[row] ^= 1
            identities.add(changed.identity)
    assert len(identities) == 5


def test_images_that_are_alike_have_ids_of_their_own() -> None:
    alike = index()
    alike.digests[:] = alike.digests[0]
    first, *others = alike.ids
    assert others == [f"{first}-{number}" for number in range(2, 7)]
    assert alike.rows_by_id[others[0]] == 1


def test_packs_are_full_and_no_image_is_divided() -> None:
    third = PACK_BYTES // 3 + 1
    assert list(packed([third, third, third, 2 * PACK_BYTES, 1])) == [(0, 0), (0, third), (1, 0), (2, 0), (3, 0)]
    assert list(packed([])) == []
