"""Pairs of hashes that differ in few bits, among many, without comparing each with each.

Two hashes that differ in few bits have two neighbouring bytes that are equal: always, where they differ in 3 bits, by
the pigeonhole principle. So the hashes are put in buckets by each of the eight pairs of neighbours (the last byte's is
the first), and compared within a bucket. Of crops by 3 % to 10 % that are within 8 bits in one of 14 windows, this
finds 99 %. All 28 pairs of bytes would find 100 %, in 3.5 times the time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BYTES = 8
KEYS = 2**16  # of two bytes
AT_ONCE = 2**20  # hashes, or pairs, that are compared at once: 8 MiB an array
# With how many each hash is compared in one bucket, on average. 60,000 photographs need 1, and 2 million 32. Images
# that share bytes by their nature, such as plain ones, must not take time that grows with their square: of a bucket
# that is too full, only the first are compared.
MOST_COMPARED = 32
MOST_FOUND = 4  # of one image, the nearest: frames of a film have hundreds

# A pair is kept as one number, so that many are sorted fast: from the highest bit on its first place, second place,
# distance and column.
PLACE_BITS, DISTANCE_BITS, COLUMN_BITS = 26, 4, 5
Packed = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matches:
    """Of pairs: the places of the first and the second, int64 [pairs], in how many bits they differ, and by which of
    the first's hashes. Sorted by first, distance and second."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    column: NDArray[np.int64]


def matches(
    queries: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    most: int,
    tell: Callable[[float], None] = lambda _share: None,
) -> Matches:
    """Pairs of images, where one of the first's `queries`, uint64 [images, columns], and the second's hash, uint64
    [images], differ in at most `most` bits: each pair once, with its least distance, and of each first the MOST_FOUND
    nearest. `tell` hears which share of the work is done."""
    assert len(hashes) < 2**PLACE_BITS
    assert most < 2**DISTANCE_BITS
    assert queries.shape[1] <= 2**COLUMN_BITS
    found: list[Packed] = []
    count, enough = 0, AT_ONCE + 4 * MOST_FOUND * len(hashes)
    wanted = np.full(len(hashes), most, np.uint8)
    for byte in range(BYTES):
        for share, part in _by_two_bytes(queries, hashes, byte, wanted):
            found.append(part)
            count += len(part)
            if count > enough:
                nearest = _nearest(found)
                found, count = [_packed(nearest)], len(nearest.first)
                _lower(wanted, nearest)
            tell((byte + share) / BYTES)
    return _nearest(found)


def _lower(wanted: NDArray[np.uint8], found: Matches) -> None:
    """Of an image that has MOST_FOUND pairs, others are wanted that are as near as the last of these. Where all images
    are alike, most pairs need not be sorted then."""
    counts = np.bincount(found.first, minlength=len(wanted))
    full = counts == MOST_FOUND
    wanted[full] = found.distance[np.cumsum(counts)[full] - 1]


def _by_two_bytes(
    queries: NDArray[np.uint64], hashes: NDArray[np.uint64], byte: int, wanted: NDArray[np.uint8]
) -> Iterator[tuple[float, Packed]]:
    """Pairs that have this byte and the next one in common, and differ in at most as many bits as are `wanted` of the
    first, uint8 [images], which may be lowered meanwhile; with the share of the queries that are done."""
    keys = _keys(hashes, byte)
    order = np.argsort(keys, kind="stable")
    ordered = hashes[order]
    sizes = np.bincount(keys, minlength=KEYS).astype(np.int32)
    begins = np.cumsum(sizes, dtype=np.int32) - sizes
    asked, most = queries.T.ravel(), wanted.max(initial=0)  # column by column
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        own = _keys(some, byte)
        begin, counts = begins[own], _bounded(sizes[own])
        for part in _slices(counts):
            lengths = counts[part]
            query = np.repeat(np.arange(part.start, part.stop, dtype=np.int32), lengths)
            ends = np.cumsum(lengths, dtype=np.int32)
            place = np.arange(len(query), dtype=np.int32) + np.repeat(begin[part] - ends + lengths, lengths)
            distance = np.bitwise_count(some[query] ^ ordered[place])
            near = np.flatnonzero(distance <= most)
            column, first = np.divmod(start + query[near].astype(np.int64), len(hashes))
            found = Matches(first, order[place[near]], distance[near].astype(np.int64), column)
            is_wanted = (found.first != found.second) & (found.distance <= wanted[found.first])
            yield (start + part.stop) / len(asked), _packed(found)[is_wanted]


def _packed(found: Matches) -> Packed:
    places = (found.first << PLACE_BITS) | found.second
    return np.asarray((((places << DISTANCE_BITS) | found.distance) << COLUMN_BITS) | found.column)


def _nearest(parts: Sequence[Packed]) -> Matches:
    """As `matches` returns them."""
    packed = np.sort(np.concatenate([np.zeros(0, np.int64), *parts]))
    pair = packed >> (DISTANCE_BITS + COLUMN_BITS)
    packed = packed[np.append(True, pair[1:] != pair[:-1])[: len(pair)]]  # the nearest of each pair
    column, packed = packed & (2**COLUMN_BITS - 1), packed >> COLUMN_BITS
    distance, packed = packed & (2**DISTANCE_BITS - 1), packed >> DISTANCE_BITS
    second, first = packed & (2**PLACE_BITS - 1), packed >> PLACE_BITS
    order = np.argsort((first << (DISTANCE_BITS + PLACE_BITS)) | (distance << PLACE_BITS) | second)
    first = first[order]
    order = order[np.arange(len(order)) - np.searchsorted(first, first) < MOST_FOUND]
    found = (packed >> PLACE_BITS, second, distance, column)
    return Matches(*(part[order] for part in found))


def _bounded(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """With at most MOST_COMPARED on average; the largest are cut."""
    largest = int(counts.max(initial=0))
    while largest > MOST_COMPARED and np.minimum(counts, largest).mean() > MOST_COMPARED:
        largest //= 2
    return np.minimum(counts, largest)


def _keys(hashes: NDArray[np.uint64], byte: int) -> NDArray[np.uint16]:
    shift = np.uint64(8 * byte)
    turned = hashes >> shift | hashes << (np.uint64(64) - shift) if byte else hashes
    return np.asarray(turned.astype(np.uint16))  # the lowest 16 bits


def _slices(counts: NDArray[np.int32]) -> Iterator[slice]:
    """Of as many as have at most AT_ONCE together, or of one."""
    total, begin = np.cumsum(counts, dtype=np.int64), 0
    while begin < len(counts):
        before = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, before + AT_ONCE, side="right")))
        yield slice(begin, end)
        begin = end
