"""Pairs of hashes among many: those that comparing each with each finds, and bounded where all are alike."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from training.image_checks import joining
from training.image_checks.joining import AT_ONCE, MOST_FOUND, Matches, matches


def random_hashes(count: int, seed: int = 0) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def flipped(hashes: NDArray[np.uint64], bits: int, seed: int = 1) -> NDArray[np.uint64]:
    """Each with `bits` bits that are others."""
    chosen = np.random.default_rng(seed).permuted(np.tile(np.arange(64, dtype=np.uint64), (len(hashes), 1)), axis=1)
    return np.asarray(hashes ^ np.bitwise_or.reduce(np.uint64(1) << chosen[:, :bits], axis=1))


def pairs(found: Matches) -> list[tuple[int, int]]:
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


@pytest.mark.parametrize("bits", [0, 1, 2, 3])
def test_all_pairs_that_differ_in_up_to_three_bits_are_found(bits: int) -> None:
    hashes = random_hashes(2000)
    both = np.concatenate([hashes, flipped(hashes, bits)])
    found = matches(both[:, None], both, 8)
    assert set(pairs(found)) == {(place, (place + 2000) % 4000) for place in range(4000)}
    assert (found.distance == bits).all()


def test_no_pair_is_found_that_differs_in_more_bits() -> None:
    hashes = random_hashes(500)
    assert not pairs(matches(hashes[:, None], flipped(hashes, 9), 8))


def test_it_finds_what_comparing_each_with_each_finds() -> None:
    random = np.random.default_rng(3)
    hashes = random_hashes(40)[random.integers(0, 40, 120)]
    hashes = np.where(random.random(120) < 0.7, flipped(hashes, 1), hashes)
    apart = np.bitwise_count(hashes[:, None] ^ hashes)
    found = matches(hashes[:, None], hashes, 3)
    for place in range(120):
        near = [
            other for other in np.argsort(apart[place], kind="stable") if other != place and apart[place, other] <= 3
        ]
        own = found.second[found.first == place]
        assert apart[place, own].tolist() == apart[place, near[:MOST_FOUND]].tolist()


def test_each_pair_is_found_once_by_its_nearest_column() -> None:
    hashes = random_hashes(300)
    queries = np.stack([flipped(hashes, 3), flipped(hashes, 1, 2), flipped(hashes, 2, 3)], axis=1)
    found = matches(queries, np.roll(hashes, 1), 8)
    assert pairs(found) == [(place, (place + 1) % 300) for place in range(300)]
    assert set(found.column.tolist()) == {1}
    assert set(found.distance.tolist()) == {1}


@pytest.mark.parametrize("kind", ["equal", "near", "two bytes in common"])
def test_images_that_are_all_alike_take_neither_time_nor_memory_that_grows_with_their_square(kind: str) -> None:
    count = 10_000
    hashes = {
        "equal": np.zeros(count, np.uint64),
        "near": flipped(np.zeros(count, np.uint64), 2),
        "two bytes in common": random_hashes(count) & ~np.uint64(0xFFFF),
    }[kind]
    began = time.process_time()
    found = matches(hashes[:, None], hashes, 8)
    assert time.process_time() - began < 5
    assert np.bincount(found.first).max() <= MOST_FOUND
    assert len(found.first) < AT_ONCE


def test_where_all_are_alike_few_pairs_are_sorted_and_the_nearest_are_found_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes = flipped(np.zeros(2000, np.uint64), 4)
    queries = np.stack([hashes, hashes ^ np.uint64(1)], axis=1)
    expected = matches(queries, hashes, 8)
    sorted_pairs = 0
    nearest = joining._nearest

    def counted(parts: Sequence[joining.Packed]) -> Matches:
        nonlocal sorted_pairs
        sorted_pairs += sum(map(len, parts))
        return nearest(parts)

    monkeypatch.setattr(joining, "AT_ONCE", 2**12)
    monkeypatch.setattr(joining, "_nearest", counted)
    found = matches(queries, hashes, 8)
    assert pairs(found) == pairs(expected)
    assert found.distance.tolist() == expected.distance.tolist()
    assert sorted_pairs < 300_000  # and 970,000 where none is left out


def test_sixty_thousand_hashes_take_about_a_second() -> None:
    hashes = random_hashes(60_000)
    began = time.process_time()
    found = matches(np.stack([hashes, flipped(hashes, 2)], axis=1), hashes, 8)
    assert time.process_time() - began < 2
    assert len(found.first) < 10


def test_none_of_none() -> None:
    none = np.zeros(0, np.uint64)
    assert not pairs(matches(none[:, None], none, 8))
