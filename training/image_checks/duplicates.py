"""Images that are the same, and images that look the same: recompressed, resized, brighter, cropped or mirrored."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.image_checks.features import Features
from training.image_checks.hashing import WINDOWS, mirrored
from training.image_checks.joining import matches
from training.image_checks.similarity import (
    colour_difference,
    levels_apart,
    likeness,
    likeness_of_all,
    pixels_that_count,
)

# benchmarks/data_checks.py measured what decides the next numbers. Of crops by 10 %, 98 % have a window within 8 bits.
MOST_BITS = 8
# `likeness - COLOUR_WEIGHT * colour_difference` of a pair must be above LEAST_ALIKE: cropped and relit twins have 0.6
# to 1. Colour tells apart what is arranged alike: cans, apples and oranges on a white ground.
COLOUR_WEIGHT, LEAST_ALIKE = 0.5, 0.62
# Handwritten digits, icons and frames of one film are all alike, so the bound rises with what images of the data set
# have in common by chance: 1 of 20 pairs has a likeness of 0.13 in CIFAR-100 and 0.12 in photographs, but 0.3 in
# printed and 0.56 in handwritten digits. It never rises above MOST_ALIKE, which recompressed twins have.
USUAL_CHANCE, RISE, MOST_ALIKE = 0.13, 1.25, 0.94
CHANCE = 0.95
LEAST_KNOWN, MOST_KNOWN = 40, 250  # images whose pairs are looked at: of fewer than 40, twins could be many of them
# Of luma, on average, and of how much luma deviates: a pair that is nearer than both is alike, even where there is
# nothing but noise to compare, as in clear skies.
SAME_LEVELS, SAME_SHARE = 2.0, 0.1
# Of a plain ground with a thing in one corner, any two are alike but for the colour.
LEAST_PIXELS = 16.0  # that count, see `pixels_that_count`: 1 % of photographs have fewer
LEAST_CONTRAST = 4.0  # levels that luma's signature deviates from its mean: below, an image is plain, its hash chance
AT_ONCE = 2**16  # images that are looked at together
ROUNDS = 3  # in which images of the same hash are sorted into groups; what is left then is not looked at


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Pairs of images that look the same and are not: places intp [pairs], in bits of the hash uint8 [pairs] (0 to
    MOST_BITS), whether one is like the other's mirror image bool [pairs]. Sorted by place; first < second.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    distance: NDArray[np.uint8]
    mirrored: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What is alike among images, told by places in their order.

    `content`, intp [images]: the first image with the same content. `look`, intp [images]: the first image of those
    that have the same content or the same hash and look the same. `pairs`: of such first images. Neither knows labels
    or splits, so that both stay valid when these are edited.
    """

    content: NDArray[np.intp]
    look: NDArray[np.intp]
    pairs: NearPairs


def find_duplicates(features: Features, digests: NDArray[np.uint8]) -> Duplicates:
    """`digests`: of each image's content, uint8 [images, 32]; images with the same one are the same."""
    content = first_copies(digests)
    shown = np.flatnonzero((content == np.arange(len(content))) & _is_patterned(features))
    least = _least_alike(features, shown)
    groups, sorted_out = _same_hash(features, shown, least)
    look = content.copy()
    look[shown] = groups
    return Duplicates(content, look[content], _near_pairs(features, shown[sorted_out & (groups == shown)], least))


def first_copies(digests: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The place of the first image with the same digest, intp [images]."""
    whole = np.ascontiguousarray(digests).view(f"V{digests.shape[1]}").ravel()
    return _first_of_each(whole)


def _first_of_each(keys: NDArray[np.generic]) -> NDArray[np.intp]:
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    places: NDArray[np.intp] = first[which]
    return places


def _is_patterned(features: Features) -> NDArray[np.bool_]:
    found = np.empty(len(features), np.bool_)
    for begin in range(0, len(features), AT_ONCE):
        luma = features["luma"][begin : begin + AT_ONCE]
        found[begin : begin + AT_ONCE] = luma.std(axis=(1, 2), dtype=np.float32) >= LEAST_CONTRAST
    return found


def _least_alike(features: Features, places: NDArray[np.intp]) -> float:
    """What the likeness of twins must be among the images of these places."""
    if len(places) < LEAST_KNOWN:
        return LEAST_ALIKE
    some = places[np.sort(np.random.default_rng(0).permutation(len(places))[:MOST_KNOWN])]
    chance = float(np.quantile(likeness_of_all(features["luma"][some]), CHANCE))
    return min(LEAST_ALIKE + RISE * max(0.0, chance - USUAL_CHANCE), MOST_ALIKE)


def _same_hash(
    features: Features, places: NDArray[np.intp], least: float
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """For each of `places`, the first of them with the same hash that looks the same, or itself; and whether this is
    known, which it is not where very many images of one hash look unlike each other."""
    found, left, not_turned = places.copy(), np.arange(len(places)), np.zeros(1, np.bool_)
    for _ in range(ROUNDS):
        some = places[left]
        first = some[_first_of_each(features["hashes"][some, 0])]
        alike = first == some
        alike[~alike] = _look_alike(features, first[~alike], some[~alike], not_turned, least)
        found[left[alike]] = first[alike]
        left = left[~alike]
    known = np.ones(len(places), np.bool_)
    known[left] = False
    return found, known


def _look_alike(
    features: Features, first: NDArray[np.intp], second: NDArray[np.intp], turned: NDArray[np.bool_], least: float
) -> NDArray[np.bool_]:
    """Whether the small pixels of pairs are alike; where `turned`, of the first one and the second's mirror image."""
    found, turned = np.empty(len(first), np.bool_), np.broadcast_to(turned, len(first))
    for begin in range(0, len(first), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        one, other = features[first[some]], features[second[some]]
        for name in ("luma", "chroma"):
            other[name][turned[some]] = other[name][turned[some], :, ::-1]
        found[some] = _rows_alike(one, other, least)
    return found


def _rows_alike(one: Features, other: Features, least: float) -> NDArray[np.bool_]:
    nearest = np.minimum(SAME_LEVELS, SAME_SHARE * other["luma"].std(axis=(1, 2), dtype=np.float32))
    alike = np.asarray(levels_apart(one["luma"], other["luma"]) <= nearest)
    unsure = np.flatnonzero(~alike)
    count = np.minimum(*(pixels_that_count(rows["luma"][unsure]) for rows in (one, other)))
    unsure = unsure[count >= LEAST_PIXELS]
    apart = colour_difference(one["chroma"][unsure], other["chroma"][unsure])
    alike[unsure] = likeness(one["luma"][unsure], other["luma"][unsure]) - COLOUR_WEIGHT * apart >= least
    return alike


def _near_pairs(features: Features, places: NDArray[np.intp], least: float) -> NearPairs:
    """Of images with different hashes."""
    hashes = features["hashes"][places]
    found = matches(np.concatenate([hashes, mirrored(hashes)], axis=1), hashes[:, 0], MOST_BITS)
    first, second = places[found.first], places[found.second]
    turned = found.column >= len(WINDOWS)
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((turned, found.distance, upper, lower))
    lower, upper, distance, turned = lower[order], upper[order], found.distance[order], turned[order]
    new = np.append(True, (lower[1:] != lower[:-1]) | (upper[1:] != upper[:-1]))[: len(lower)]  # of both orders, one
    new[new] = _look_alike(features, lower[new], upper[new], turned[new], least)
    return NearPairs(lower[new], upper[new], distance[new].astype(np.uint8), turned[new])
