"""Chooses the points of a long curve that are enough to draw it.

The algorithm is MinMaxLTTB (Van Der Donckt et al. 2023, arXiv:2305.00332). It first takes the lowest and the highest
point of each short stretch. It divides these into buckets, and takes from each bucket the point that makes the largest
triangle with its neighbours (Steinarsson 2013, "Downsampling Time Series for Visual Representation"): the area is how
much the line would change without the point. Lowest and highest points alone would draw noise as a band with two
straight edges. Means would draw values that nobody measured.

One point has a value of each curve, such as an epoch's losses and accuracies. The areas of its triangles are added up,
each curve scaled to its own range.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from math import fsum, isfinite
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Values = Sequence[float | None]  # one a curve; None is a gap

# Stretches for each point that is chosen. With 4, the paper finds no difference from considering every point.
STRETCHES = 4


class _Point(NamedTuple, Generic[Key]):
    """A point of all curves."""

    place: int  # from 0
    key: Key
    values: Values
    broken: bool  # one of its values is NaN or infinite


class _Corner(NamedTuple):
    """A corner of a triangle."""

    place: float
    height: float  # from 0 at the curve's lowest point to 1 at its highest


def least_points(curves: int) -> int:
    """How many points are always kept if one is named: the first, the last, the named one, the first broken one, and
    two of each curve."""
    return 4 + 2 * curves


def downsample(points: Iterable[tuple[Key, Values]], count: int, most: int, named: Collection[Key] = ()) -> list[Key]:
    """The keys of at most `most` of `points`, in their order. `count` is the number of `points`.

    The first and the last point, the lowest and the highest of each curve, and those whose keys are in `named` are
    always among them. If a stretch has a broken point, one of its broken points is chosen. `points` are read once, and
    are never all in memory.
    """
    found = list(_preselected(points, max(1, count // (STRETCHES * most)), named))
    if len(found) <= most:
        return [point.key for point in found]
    marked = {0, len(found) - 1, *_marked([point.key for point in found], [point.values for point in found], named)}
    fixed = [found[place] for place in sorted(marked)]
    assert len(fixed) <= most, "`most` has room for the points that are always kept"
    rest = [point for place, point in enumerate(found) if place not in marked]
    chosen = [*fixed, *_largest_triangles(fixed, rest, most - len(fixed))]
    return [point.key for point in sorted(chosen, key=lambda point: point.place)]


def _preselected(points: Iterable[tuple[Key, Values]], stretch: int, named: Collection[Key]) -> Iterator[_Point[Key]]:
    """The first, the last and the marked points of each stretch. `stretch` is the number of points in one."""
    stream, began = iter(points), 0
    while together := list(islice(stream, stretch)):
        keys, values = zip(*together, strict=True)
        for place in sorted({0, len(together) - 1, *_marked(keys, values, named)}):
            broken = any(value is not None and not isfinite(value) for value in values[place])
            yield _Point(began + place, keys[place], values[place], broken)
        began += len(together)


def _marked(keys: Sequence[Key], values: Sequence[Values], named: Collection[Key]) -> Iterator[int]:
    """Places of each curve's lowest and highest point, of the first broken one, and of those that are named."""
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
    """One point of each of `most` buckets of `rest`. The other corners of its triangle are the point chosen before, and
    the mean of the next bucket."""
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
    """One curve: the same value of each point."""

    def __init__(self, points: Sequence[_Point[Key]], number: int) -> None:
        curve = ((point.place, point.values[number]) for point in points)
        finite = [(place, value / 2) for place, value in curve if value is not None and isfinite(value)]
        # Halved: the difference between two floats may exceed the largest float.
        low, high = min((half for _, half in finite), default=0.0), max((half for _, half in finite), default=0.0)
        span = high - low
        # By place. Gaps and values that are not finite have none, and a flat curve has none at all.
        self._corners = {place: _Corner(place, (half - low) / span) for place, half in finite} if span else {}
        self._last: _Corner | None = None

    def pass_by(self, point: _Point[Key]) -> None:
        """Begin the next triangles at `point`, which is chosen, unless the curve has a gap there."""
        self._last = self._corners.get(point.place, self._last)

    def areas(self, bucket: Sequence[_Point[Key]], following: Sequence[_Point[Key]]) -> list[float]:
        """Twice the area of each point's triangle; 0 if a corner is missing."""
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
