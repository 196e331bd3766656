"""Images that look the same and have the same split and label are of one kind: a check of twins looks at kinds, of
which there are few, even where all images are alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.image_checks.duplicates import Duplicates, NearPairs

MOST_KINDS = 64  # of one look that others are compared with: one picture under 64 labels says enough

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Kinds:
    """`of_image`, intp [images]: the number of its kind. All others are of kinds: `split` and `label`, and of images of
    least and greatest content, `first` and `last`, their places. `begin` and `count`, intp [images]: which kinds have
    the look of that number; 0 of them where no image does."""

    of_image: Places
    split: NDArray[np.uint8]
    label: Places
    first: Places
    last: Places
    begin: Places
    count: Places

    @classmethod
    def of(cls, duplicates: Duplicates, splits: NDArray[np.uint8], labels: Places) -> "Kinds":
        """Numbered by look, split and label."""
        order = np.lexsort((duplicates.content, labels, splits, duplicates.look))
        keys = np.stack([duplicates.look[order], splits[order], labels[order]])
        new = np.ones(len(order), np.bool_)
        new[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
        begins = np.flatnonzero(new)
        of_image = np.empty(len(order), np.intp)
        of_image[order] = np.cumsum(new) - 1
        first, last = order[begins], order[np.append(begins[1:], len(order))[: len(begins)] - 1]
        count = np.bincount(duplicates.look[first], minlength=len(order))
        return cls(of_image, splits[first], labels[first], first, last, np.cumsum(count) - count, count)


@dataclass(frozen=True, slots=True)
class Alike:
    """Pairs of kinds that look the same, in both orders, the nearest first: their numbers, in how many bits of the hash
    they differ, and whether one is like the other's mirror image. A kind is paired with itself, first of all, where its
    images differ in content; kinds of one content are not paired."""

    first: Places
    second: Places
    distance: NDArray[np.uint8]
    mirrored: NDArray[np.bool_]


def alike_kinds(kinds: Kinds, pairs: NearPairs, content: Places) -> Alike:
    """All of them, but of a look with more than MOST_KINDS only those with that many."""
    looks = np.flatnonzero(kinds.count)
    ends = np.concatenate([pairs.first, pairs.second, looks]), np.concatenate([pairs.second, pairs.first, looks])
    distance = np.concatenate([pairs.distance, pairs.distance, np.zeros(len(looks), np.uint8)])
    turned = np.concatenate([pairs.mirrored, pairs.mirrored, np.zeros(len(looks), np.bool_)])
    one, other = (np.minimum(kinds.count[end], MOST_KINDS) for end in ends)
    one[-len(looks) :] = kinds.count[looks]  # within a look, each kind is compared with the first ones
    pair = np.repeat(np.arange(len(one)), one * other)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(one * other) - one * other, one * other)
    first = kinds.begin[ends[0]][pair] + within // other[pair]
    second = kinds.begin[ends[1]][pair] + within % other[pair]
    contents = content[np.stack([kinds.first[first], kinds.last[first], kinds.first[second], kinds.last[second]])]
    differ = np.flatnonzero((contents != contents[0]).any(axis=0))
    order = differ[
        np.lexsort(tuple(key[differ] for key in (kinds.first[second], first != second, distance[pair], first)))
    ]
    return Alike(first[order], second[order], distance[pair][order], turned[pair][order])


def twins(kinds: Kinds, alike: Alike, meant: NDArray[np.bool_], content: Places) -> tuple[Places, Places]:
    """Of each image, the nearest image of the pairs that are `meant` that is not the same, intp [images], and the
    number of the pair; -1 where there is none."""
    pairs = np.flatnonzero(meant)[::-1]
    nearest = np.full(len(kinds.first), -1)
    nearest[alike.first[pairs]] = pairs  # the last one that is written is the nearest
    found = np.flatnonzero(nearest[kinds.of_image] >= 0)
    chosen = nearest[kinds.of_image[found]]
    second = alike.second[chosen]
    other = kinds.first[second]
    other = np.where(content[other] != content[found], other, kinds.last[second])
    differ = content[other] != content[found]
    twin, by = np.full(len(content), -1), np.full(len(content), -1)
    twin[found[differ]], by[found[differ]] = other[differ], chosen[differ]
    return twin, by


def copies_of_kept(kinds: Kinds, alike: Alike, meant: NDArray[np.bool_], content: Places) -> NDArray[np.bool_]:
    """Which images to exclude so that of the pairs that are `meant` none is left: each that looks like one that is
    kept, bool [images]. Kinds are taken in the order of their first images. Images that are the same as a kept one
    stay."""
    neighbours: dict[int, list[int]] = {}
    for one, other in zip(alike.first[meant].tolist(), alike.second[meant].tolist(), strict=True):
        neighbours.setdefault(one, []).append(other)
    kept = set[int]()
    excluded = np.zeros(len(kinds.first), np.bool_)
    for kind in sorted(neighbours, key=kinds.first.__getitem__):
        if kept.isdisjoint(neighbours[kind]):
            kept.add(kind)
        else:
            excluded[kind] = True
    is_mixed = np.zeros(len(kinds.first), np.bool_)  # its images look the same, and are not all the same
    is_mixed[[kind for kind in kept if kind in neighbours[kind]]] = True
    of_image = kinds.of_image
    found: NDArray[np.bool_] = excluded[of_image] | (is_mixed[of_image] & (content != content[kinds.first[of_image]]))
    return found
