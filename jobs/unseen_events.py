"""Which events of all jobs somebody has not been told yet.

Events have ids from one sequence. On PostgreSQL a transaction may commit later than one that took a higher id, so that
"every id up to this one" does not say what was there to be told. What is unseen is therefore every id above `high`,
and the `gaps` below it: ids that were taken, and were not visible yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

MAX_GAPS = 100  # in what a client keeps. Of more, the oldest count as told: most of them are ids of no event
_BYTES_OF_HIGH = 8


class Range(NamedTuple):
    """Ids from `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """Ids of events that were not told. `gaps` ascend, do not touch each other, and lie below `high`."""

    high: int
    gaps: tuple[Range, ...] = ()

    def __contains__(self, event_id: int) -> bool:
        return event_id > self.high or any(first <= event_id <= last for first, last in self.gaps)

    @property
    def lowest(self) -> int:
        """The lowest id that is unseen."""
        return self.gaps[0].first if self.gaps else self.high + 1

    def without(self, event_id: int, *, leaving_gap: bool) -> "Unseen":
        """After this event. Those between `high` and it stay unseen with `leaving_gap`."""
        if event_id > self.high:
            between = (Range(self.high + 1, event_id - 1),) if leaving_gap and event_id > self.high + 1 else ()
            return Unseen(event_id, (self.gaps + between)[-MAX_GAPS:])
        return Unseen(self.high, tuple(_split(self.gaps, event_id))[-MAX_GAPS:])

    def both(self, other: "Unseen") -> "Unseen":
        """What neither of two has been told."""
        low, high = sorted((self, other), key=lambda each: each.high)
        below = [
            Range(max(first, others_first), min(last, others_last))
            for first, last in low.gaps
            for others_first, others_last in high.gaps
            if max(first, others_first) <= min(last, others_last)
        ]
        # All that lies above the lower of the two is unseen by it.
        above = [Range(max(first, low.high + 1), last) for first, last in high.gaps if last > low.high]
        return _made(high.high, below + above)

    def and_above(self, event_id: int) -> "Unseen":
        """The same, and every id above `event_id`."""
        if event_id >= self.high:
            return self
        return Unseen(
            event_id, tuple(Range(first, min(last, event_id)) for first, last in self.gaps if first <= event_id)
        )

    def to_bytes(self) -> bytes:
        """In few bytes, for `from_bytes`."""
        numbers, above = list[int](), self.high
        for first, last in reversed(self.gaps):
            numbers += [above - last, last - first]
            above = first
        return self.high.to_bytes(_BYTES_OF_HIGH, "big") + b"".join(map(_varint, numbers))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Unseen":
        """What `to_bytes` has written. Raises ValueError."""
        above = high = int.from_bytes(content[:_BYTES_OF_HIGH], "big")
        numbers, gaps = list(_varints(content[_BYTES_OF_HIGH:])), list[Range]()
        if len(numbers) % 2 or len(numbers) > 2 * MAX_GAPS:
            raise ValueError("no gaps")
        for below, length in zip(numbers[::2], numbers[1::2], strict=True):
            last = above - below
            gaps.append(Range(last - length, last))
            above = last - length
        gaps.reverse()
        if any(gap.first < 1 for gap in gaps) or any(one.last >= other.first for one, other in pairwise(gaps)):
            raise ValueError("no ids")
        return cls(high, tuple(gaps))


def _made(high: int, gaps: Iterable[Range]) -> Unseen:
    """Of gaps that ascend, and may touch each other or what lies above `high`: one position has one form."""
    apart: list[Range] = []
    for gap in gaps:
        if apart and apart[-1].last + 1 == gap.first:
            apart[-1] = Range(apart[-1].first, gap.last)
        else:
            apart.append(gap)
    if apart and apart[-1].last == high:
        high = apart.pop().first - 1
    return Unseen(high, tuple(apart[-MAX_GAPS:]))


def _split(gaps: Sequence[Range], event_id: int) -> Iterator[Range]:
    for first, last in gaps:
        if not first <= event_id <= last:
            yield Range(first, last)
            continue
        if first < event_id:
            yield Range(first, event_id - 1)
        if event_id < last:
            yield Range(event_id + 1, last)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; every byte but the last has its highest bit set."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _varints(content: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in content:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("cut off")
