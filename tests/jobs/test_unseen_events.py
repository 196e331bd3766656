"""The algebra of what somebody has not been told, against sets of numbers."""

from collections.abc import Iterator
from random import Random

import pytest

from jobs.unseen_events import MAX_GAPS, Range, Unseen

MOST = 40  # ids that are looked at


def ids(unseen: Unseen) -> set[int]:
    return {number for number in range(1, MOST) if number in unseen}


def made(numbers: set[int], high: int) -> Unseen:
    """Of these numbers below `high`, and of all above."""
    gaps: list[Range] = []
    for number in sorted(number for number in numbers if number < high):
        if gaps and gaps[-1].last == number - 1:
            gaps[-1] = Range(gaps[-1].first, number)
        else:
            gaps.append(Range(number, number))
    return Unseen(high, tuple(gaps))


def samples(seed: int) -> Iterator[tuple[Random, Unseen]]:
    random = Random(seed)
    for _ in range(400):
        high = random.randrange(1, MOST - 5)
        yield random, made({random.randrange(1, MOST) for _ in range(random.randrange(8))} - {high}, high)


def test_who_has_been_told_an_event_has_not_been_told_the_others() -> None:
    for random, unseen in samples(1):
        told = random.randrange(1, MOST)
        assert ids(unseen.without(told, leaving_gap=True)) == ids(unseen) - {told}
        assert ids(unseen.without(told, leaving_gap=False)) == {
            number for number in ids(unseen) - {told} if number > told or number < unseen.high
        }
        assert unseen.lowest == min([*ids(unseen), MOST])


def test_two_together_have_been_told_what_either_was() -> None:
    others = [other for _, other in samples(2)]
    for (_, one), other in zip(samples(3), others, strict=True):
        assert ids(one.both(other)) == ids(one) & ids(other)
        assert one.both(other) == other.both(one)
        assert one.both(one) == one


def test_what_lies_above_an_id() -> None:
    for random, unseen in samples(4):
        place = random.randrange(MOST)
        above = unseen.and_above(place)
        assert ids(above) == ids(unseen) | set(range(place + 1, MOST))
        assert above.both(unseen) == unseen


def test_bytes_say_the_same() -> None:
    for _, unseen in samples(5):
        assert Unseen.from_bytes(unseen.to_bytes()) == unseen
    most = Unseen(2**62, tuple(Range(number * 3, number * 3 + 1) for number in range(1, MAX_GAPS + 1)))
    assert Unseen.from_bytes(most.to_bytes()) == most


@pytest.mark.parametrize("gaps", [b"\1", b"\x80", b"\1\x09", b"\1" * 14, b"\1\0" * (MAX_GAPS + 1)])
def test_other_bytes_are_refused(gaps: bytes) -> None:
    with pytest.raises(ValueError, match=r"no gaps|no ids|cut off"):
        Unseen.from_bytes((5).to_bytes(8, "big") + gaps)


def test_what_a_client_keeps_stays_short() -> None:
    """However many ids are missing among those of one read: a position that nobody can read any more would end what
    its client is told."""
    unseen = Unseen(10)
    for number in range(12, 12 + 8 * MAX_GAPS, 2):
        unseen = unseen.without(number, leaving_gap=True)
    assert unseen.gaps == tuple(Range(first, first) for first in range(unseen.high - 1, 0, -2))[:MAX_GAPS][::-1]
    other = Unseen(unseen.high, tuple(Range(each.first - 1, each.first) for each in unseen.gaps[1::2]))
    wide = Unseen(10).without(unseen.high - MAX_GAPS, leaving_gap=True).without(unseen.high + 9, leaving_gap=True)
    split = Unseen(unseen.high, (Range(1, unseen.high - 1),))
    for number in range(3, unseen.high, 3):
        split = split.without(number, leaving_gap=True)
    for each in (unseen, split, unseen.both(other), unseen.both(wide), split.both(unseen), split.both(wide)):
        assert len(each.gaps) <= MAX_GAPS
        assert Unseen.from_bytes(each.to_bytes()) == each
