"""Why a file of weights is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

MOST_TOLD = 10  # differences of each kind
LONGEST_NAME = 100  # characters of somebody's name for a tensor, in a message


@dataclass(frozen=True, slots=True)
class Difference:
    """A tensor that is missing (`found` is None), not expected (`expected` is None), or another than it should be."""

    tensor: str  # as the file calls it, or should
    found: str | None
    expected: str | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.tensor} is missing"
        if self.expected is None:
            return f"{self.tensor} is not expected"
        return f"{self.tensor} is {self.found} and should be {self.expected}"


class WeightsRefused(ValueError):
    """The file cannot be used. The message says why, and what would be right. `differences`: some of them."""

    def __init__(self, message: str, differences: Sequence[Difference] = ()) -> None:
        # A database and JSON take UTF-8 alone, and names in the file may have what is none.
        super().__init__(message.encode(errors="backslashreplace").decode())
        self.differences = tuple(differences)


def shortened(name: str) -> str:
    """A name of somebody's for a message."""
    told = name if name.isprintable() else repr(name)[1:-1]
    return told if len(told) <= LONGEST_NAME else f"{told[:LONGEST_NAME]}…"


def first_of_each(*kinds: Iterable[Difference]) -> tuple[list[Difference], int]:
    """Up to MOST_TOLD of each kind, and how many there are beside these."""
    told: list[Difference] = []
    rest = 0
    for kind in kinds:
        each = iter(kind)
        told += islice(each, MOST_TOLD)
        rest += sum(1 for _ in each)
    return told, rest
