"""Which points of a long curve are enough to draw it.

MinMaxLTTB (Van Der Donckt et al. 2023, arXiv:2305.00332): of each short stretch the lowest and the highest point of
every curve, and of these, bucket by bucket, the one that makes the largest triangle with its neighbours (Steinarsson
2013, "Downsampling Time Series for Visual Representation"), since that is how much the line would change without it.
Lowest and highest points alone would draw noise as a band of two straight edges; means would draw what nobody measured.

Points that belong together, such as one epoch's losses and accuracies, are chosen together: by the sum of their
triangles, each curve scaled to its own range.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from math import fsum, isfinite
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Values = Sequence[float | None]  # one a curve; None is a gap

# Stretches for each point that is chosen: with 4, the paper finds no difference to looking at every point.
STRETCHES = 4


class _Point(NamedTuple, Generic[Key]):
    """One of all that there are."""

    place: int  # from 0
    key: Key
    values: Values
    broken: bool  # something in it is not a number, or infinite


class _Corner(NamedTuple):
    """Of a triangle."""

    place: float
    height: float  # 0 to 1 from a curve's lowest to its highest point


def least_points(curves: int) -> int:
    """How many points are kept in any case, where one is named: the first, the last, that one, the first that is
    broken, and two of each curve."""
    return 4 + 2 * curves


def downsample(points: Iterable[tuple[Key, Values]], count: int, most: int, named: Collection[Key] = ()) -> list[Key]:
    """At most `most` of `points`, of which there are `count`, by their keys and in their order.

    The first and the last, the lowest and the highest of each curve, and those that are `named` are always among them.
    Where a stretch holds something that is not finite, so does what is chosen of it. `points` are gone through once,
    and are never all in memory.
    """
    found = list(_preselected(points, max(1, count // (STRETCHES * most)), named))
    if len(found) <= most:
        return [point.key for point in found]
    marked = {0, len(found) - 1, *_marked([point.key for point in found], [point.values for point in found], named)}
    fixed = [found[place] for place in sorted(marked)]
    assert len(fixed) <= most, "there is room for what is kept in any case"
    rest = [point for place, point in enumerate(found) if place not in marked]
    chosen = [*fixed, *_largest_triangles(fixed, rest, most - len(fixed))]
    return [point.key for point in sorted(chosen, key=lambda point: point.place)]


def _preselected(points: Iterable[tuple[Key, Values]], stretch: int, named: Collection[Key]) -> Iterator[_Point[Key]]:
    """Of each `stretch` points the first, the last, and what is marked."""
    stream, began = iter(points), 0
    while together := list(islice(stream, stretch)):
        keys, values = zip(*together, strict=True)
        for place in sorted({0, len(together) - 1, *_marked(keys, values, named)}):
            broken = any(value is not None and not isfinite(value) for value in values[place])
            yield _Point(began + place, keys[place], values[place], broken)
        began += len(together)


def _marked(keys: Sequence[Key], values: Sequence[Values], named: Collection[Key]) -> Iterator[int]:
    """Places of the lowest and the highest of each curve, of the first that is broken, and of those that are named."""
    first_broken = len(values)
    for curve in zip(*values, strict=True):
        there = curve if None not in curve else [value for value in curve if value is not None]
        finite = there if isfinite(sum(there)) else [value for value in there if isfinite(value)]
        if finite:
            yield curve.index(min(finite))
            yield curve.index(max(finite))
        if len(finite) < len(there):
            broken = (place for place, value in enumerate(curve) if value is not None and not isfinite(value))
            first_broken = min(first_broken, next(broken))
    if first_broken < len(values):
        yield first_broken
    yield from (place for place, key in enumerate(keys) if named and key in named)


def _largest_triangles(fixed: Sequence[_Point[Key]], rest: Sequence[_Point[Key]], most: int) -> list[_Point[Key]]:
    """One of each of `most` buckets of `rest`. A triangle's other corners are the chosen point before it, and the
    middle of the next bucket."""
    if not most:
        return []
    curves = [_Curve([*fixed, *rest], number) for number in range(len(fixed[0].values))]
    ends = [len(rest) * number // most for number in range(most + 1)]
    buckets = [rest[first:end] for first, end in pairwise(ends)]
    passing = iter([*fixed, None])
    ahead = next(passing)
    chosen: list[_Point[Key]] = []
    for bucket, following in zip(buckets, [*buckets[1:], fixed[-1:]], strict=True):
        while ahead and ahead.place < bucket[0].place:
            for curve in curves:
                curve.pass_by(ahead)
            ahead = next(passing)
        areas = [sum(each) for each in zip(*(curve.areas(bucket, following) for curve in curves), strict=True)]
        best = max(range(len(bucket)), key=lambda place: (bucket[place].broken, areas[place]))
        chosen.append(bucket[best])
        for curve in curves:
            curve.pass_by(bucket[best])
    return chosen


class _Curve:
    """One of the values of each point."""

    def __init__(self, points: Sequence[_Point[Key]], number: int) -> None:
        curve = ((point.place, point.values[number]) for point in points)
        finite = [(place, value / 2) for place, value in curve if value is not None and isfinite(value)]
        # Halved, since the difference of two floats may be more than there are floats for.
        low, high = min((half for _, half in finite), default=0.0), max((half for _, half in finite), default=0.0)
        span = high - low
        # By place. Nothing in gaps, of what is not finite, and where the curve is flat.
        self._corners = {place: _Corner(place, (half - low) / span) for place, half in finite} if span else {}
        self._last: _Corner | None = None

    def pass_by(self, point: _Point[Key]) -> None:
        """It is chosen: the next triangles begin at it, unless the curve has a gap there."""
        self._last = self._corners.get(point.place, self._last)

    def areas(self, bucket: Sequence[_Point[Key]], following: Sequence[_Point[Key]]) -> list[float]:
        """Of the triangle that each of `bucket` makes, twice; 0 where a corner is missing."""
        after = [corner for point in following if (corner := self._corners.get(point.place))]
        if self._last is None or not after:
            return [0.0] * len(bucket)
        x, y = self._last
        right, height = fsum(place for place, _ in after) / len(after), fsum(each for _, each in after) / len(after)
        corners = [self._corners.get(point.place) for point in bucket]
        return [
            abs((x - right) * (corner.height - y) - (x - corner.place) * (height - y)) if corner else 0.0
            for corner in corners
        ]
