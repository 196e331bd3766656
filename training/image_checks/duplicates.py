"""Images that are the same, and images that look the same: recompressed, resized, brighter, cropped or mirrored."""

from collections.abc import Callable
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
AT_ONCE = 2**13  # images that are looked at together, in a second
# Pairs that are nearly the same by their hashes, and are looked at: the nearest. No more are found in 130,000 images.
MOST_LOOKED_AT = 2**19
ROUNDS = 3  # in which images of the same hash are sorted into groups; what is left then is not looked at


Tell = Callable[[float], None]  # hears which share of the work is done


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
    or splits, so that both stay valid when these are edited. `is_whole`: whether all pairs were looked at that might be
    alike.
    """

    content: NDArray[np.intp]
    look: NDArray[np.intp]
    pairs: NearPairs
    is_whole: bool = True


def find_duplicates(features: Features, digests: NDArray[np.uint8], tell: Tell = lambda _share: None) -> Duplicates:
    """`digests`: of each image's content, uint8 [images, 32]; images with the same one are the same."""
    content = first_copies(digests)
    shown = np.flatnonzero((content == np.arange(len(content))) & _is_patterned(features))
    least = _least_alike(features, shown)
    groups, sorted_out = _same_hash(features, shown, least, _part(tell, 0.0, 0.3))
    look = content.copy()
    look[shown] = groups
    pairs, is_whole = _near_pairs(features, shown[sorted_out & (groups == shown)], least, _part(tell, 0.3, 1.0))
    return Duplicates(content, look[content], pairs, is_whole)


def _part(tell: Tell, begin: float, end: float) -> Tell:
    """Tells of a part of the work."""
    return lambda share: tell(begin + share * (end - begin))


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
    features: Features, places: NDArray[np.intp], least: float, tell: Tell
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """For each of `places`, the first of them with the same hash that looks the same, or itself; and whether this is
    known, which it is not where very many images of one hash look unlike each other."""
    found, left, not_turned = places.copy(), np.arange(len(places)), np.zeros(1, np.bool_)
    for turn in range(ROUNDS):
        some = places[left]
        first = some[_first_of_each(features["hashes"][some, 0])]
        alike = first == some
        alike[~alike] = _look_alike(
            features, first[~alike], some[~alike], not_turned, least, _part(tell, turn / ROUNDS, (turn + 1) / ROUNDS)
        )
        found[left[alike]] = first[alike]
        left = left[~alike]
    known = np.ones(len(places), np.bool_)
    known[left] = False
    return found, known


def _look_alike(
    features: Features,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    turned: NDArray[np.bool_],
    least: float,
    tell: Tell,
) -> NDArray[np.bool_]:
    """Whether the small pixels of pairs are alike; where `turned`, of the first one and the second's mirror image."""
    found, turned = np.empty(len(first), np.bool_), np.broadcast_to(turned, len(first))
    for begin in range(0, len(first), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        one, other = features[first[some]], features[second[some]]
        for name in ("luma", "chroma"):
            other[name][turned[some]] = other[name][turned[some], :, ::-1]
        found[some] = _rows_alike(one, other, least)
        tell(begin / len(first))
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


def _near_pairs(features: Features, places: NDArray[np.intp], least: float, tell: Tell) -> tuple[NearPairs, bool]:
    """Of images with different hashes; and whether there are not too many to look at all."""
    hashes = features["hashes"][places]
    queries = np.concatenate([hashes, mirrored(hashes)], axis=1)
    found = matches(queries, hashes[:, 0], MOST_BITS, _part(tell, 0.0, 0.6))
    first, second = places[found.first], places[found.second]
    turned = found.column >= len(WINDOWS)
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((turned, found.distance, upper, lower))
    order = order[np.append(True, _differ(lower[order]) | _differ(upper[order]))[: len(order)]]  # of both orders, one
    is_whole = len(order) <= MOST_LOOKED_AT
    if not is_whole:
        order = order[np.sort(np.argsort(found.distance[order], kind="stable")[:MOST_LOOKED_AT])]
    lower, upper, distance, turned = lower[order], upper[order], found.distance[order], turned[order]
    alike = _look_alike(features, lower, upper, turned, least, _part(tell, 0.6, 1.0))
    return NearPairs(lower[alike], upper[alike], distance[alike].astype(np.uint8), turned[alike]), is_whole


def _differ(values: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Each from the one before it, but for the first."""
    return np.asarray(values[1:] != values[:-1])
