"""Where a job's weights are, by what is stored of it."""

from typing import Any, cast

import pytest

from tests.chaos.evidence import _reached


@pytest.mark.parametrize(
    ("last", "epochs", "reached"),
    [
        (None, (), None),
        ((0, 3), (), (0, 4)),
        ((1, 0), (0,), (1, 1)),
        ((1, 5), (0, 1), (2, 0)),  # its epoch is whole: the next would be the first of another
    ],
)
def test_the_place_is_behind_the_last_step(last: Any, epochs: tuple[int, ...], reached: tuple[int, int] | None) -> None:
    assert _reached(cast(Any, last), epochs) == reached
