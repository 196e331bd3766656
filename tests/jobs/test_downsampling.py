"""Which points of a curve are kept: the ones that must be, no more than asked for, and enough to look the same."""

import math
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import count as numbers
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.downsampling import downsample, least_points

NAN, INFINITY = math.nan, math.inf

values = st.one_of(st.none(), st.floats())  # NaN, infinities and the largest ones, too


def keys(points: Sequence[Sequence[float | None]], most: int, named: Sequence[int] = ()) -> list[int]:
    return downsample(zip(numbers(), points, strict=False), len(points), most, named)


def finite(points: Sequence[Sequence[float | None]], curve: int) -> list[float]:
    return [value for point in points if (value := point[curve]) is not None and math.isfinite(value)]


def broken(point: Sequence[float | None]) -> bool:
    return any(value is not None and not math.isfinite(value) for value in point)


@given(st.lists(st.tuples(values, values), max_size=400), st.integers(least_points(2), 40), st.data())
def test_what_must_be_kept_is_and_nothing_comes_twice(
    points: list[tuple[float | None, float | None]], most: int, data: st.DataObject
) -> None:
    named = data.draw(st.integers(0, max(0, len(points) - 1)))
    chosen = keys(points, most, [named])
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= most
    if len(points) <= most:
        assert chosen == list(range(len(points)))
    if points:
        assert {0, len(points) - 1, named} <= set(chosen)
    kept = [points[key] for key in chosen]
    for curve in (0, 1):
        if there := finite(points, curve):
            assert (min(there), max(there)) == (min(finite(kept, curve)), max(finite(kept, curve)))
    first_broken = next((key for key, point in enumerate(points) if broken(point)), None)
    assert first_broken is None or first_broken in chosen


def test_what_is_named_is_kept_however_dull() -> None:
    points = [(math.sin(number / 300),) for number in range(10_000)]
    assert not {4321, 8765} & set(keys(points, 100))
    assert {4321, 8765} <= set(keys(points, 100, [4321, 8765]))


def test_a_long_curve_takes_as_many_points_as_it_may() -> None:
    noise = random.Random(0)
    assert len(keys([(noise.random(),) for _ in range(20_000)], 300)) == 300


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_a_stretch_that_is_not_finite_does_not_look_finite(value: float) -> None:
    points = [(value if 4000 <= number < 6000 else 1.0 + number,) for number in range(10_000)]
    chosen = keys(points, 100)
    inside = [key for key in chosen if 4000 <= key < 6000]
    assert len(inside) >= 15, "a fifth of the curve is a fifth of what is chosen"
    assert max(b - a for a, b in pairwise([4000, *inside, 6000])) <= 250


def test_what_is_broken_goes_before_the_largest_triangle() -> None:
    """Every tenth point of the middle, among others that are wilder than the rest of the curve."""
    noise = random.Random(3)
    points = [(NAN if 400 <= number < 600 and number % 10 == 0 else noise.random(),) for number in range(1000)]
    assert sum(broken(points[key]) for key in keys(points, 100)) >= 15


def test_one_broken_point_among_many_is_kept() -> None:
    points = [(1.0 + number % 7,) for number in range(50_000)]
    points[31_337] = (NAN,)
    assert 31_337 in keys(points, 50)


def test_a_spike_is_kept_and_the_curve_looks_the_same() -> None:
    noise = random.Random(1)
    curve = [2.5 * math.exp(-number / 1500) + 0.02 * noise.gauss(0, 1) for number in range(10_000)]
    for place in (1234, 5678):
        curve[place] += 0.8
    chosen = keys([(value,) for value in curve], 200)
    assert {1234, 5678} <= set(chosen)
    assert _distance(curve, chosen) < 0.1, "the curve falls by 2.5, and its noise is 0.02"


def test_every_curve_counts() -> None:
    """The second one is flat but for a step and a dent, which no extreme of the first shows."""
    first = [math.sin(number / 100) for number in range(4000)]
    second = [0.0 if number < 2000 else 100.0 for number in range(4000)]
    second[3001] = 40.0
    chosen = keys(list(zip(first, second, strict=True)), 120)
    assert 3001 in chosen
    assert any(1980 <= key < 2000 for key in chosen)


def test_gaps_do_not_hide_what_lies_between_them() -> None:
    """A test accuracy every tenth epoch."""
    noise = random.Random(2)
    points = [(1 / (1 + number), noise.random() if number % 10 == 9 else None) for number in range(5000)]
    there = sum(points[key][1] is not None for key in keys(points, 200))
    assert there > 150, "one in ten of the points, but of use for both curves"


def test_points_are_gone_through_once_and_never_held_together() -> None:
    alive, most_alive = set[int](), 0

    class Watched(tuple[float]):
        __slots__ = ()

        def __del__(self) -> None:
            alive.discard(id(self))

    def stream() -> Iterator[tuple[int, tuple[float]]]:
        nonlocal most_alive
        for number in range(30_000):
            point = Watched((float(number % 97),))
            alive.add(id(point))
            most_alive = max(most_alive, len(alive))
            yield number, point

    assert len(downsample(stream(), 30_000, 50)) == 50
    assert most_alive < 3000


def _distance(curve: Sequence[float], chosen: Sequence[int]) -> float:
    """From a line through the chosen points, which nine of ten points keep."""
    distances = []
    for place, value in enumerate(curve):
        right = min(bisect_left(chosen, place), len(chosen) - 1)
        left = max(right - 1, 0)
        (x, y), (u, v) = ((chosen[each], curve[chosen[each]]) for each in (left, right))
        line = y if u == x else y + (v - y) * (place - x) / (u - x)
        distances.append(abs(line - value))
    return sorted(distances)[len(distances) * 9 // 10]
