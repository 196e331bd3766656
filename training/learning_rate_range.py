"""What a learning-rate range test says (Smith 2015, arXiv:1506.01186): where the network learns, and from where on the
loss grows. Torch-free.

    rows = [each for each in trainer.epochs() if isinstance(each, StepMetrics)]  # of a run with the schedule range_test
    print(suggest([row.learning_rate for row in rows], [row.loss for row in rows]))
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SMOOTHING = 0.98  # of the losses: what their running mean keeps each step; fastai's
EXPLODED = 4.0  # times the lowest smoothed loss: there the test is over; fastai's
START_LEFT_OUT = 0.1  # of the points: too few have been averaged; fastai's
END_LEFT_OUT = 5  # points, which have exploded or are about to; fastai's
FEWEST_POINTS = 30  # that are left, of which something can be said


@dataclass(frozen=True, slots=True)
class RangeTest:
    """Learning rates, and the curve that they are read from: `rates`, ascending, with the smoothed `losses` in nats, up
    to where they explode."""

    valley: float  # in the middle of the longest fall of the loss: what to train with
    steepest: float  # where the loss falls fastest with the logarithm of the rate
    minimum: float  # of the lowest loss: too high to train with; a tenth of it is a common choice
    rates: tuple[float, ...]
    losses: tuple[float, ...]


def suggest(rates: Sequence[float], losses: Sequence[float]) -> RangeTest | None:
    """What the test says that had the loss `losses[i]` at the step with the learning rate `rates[i]`, which rises. None
    where fewer than FEWEST_POINTS points are left, or their losses never fall.

    The valley is fastai's (`lr_find`, `suggest_funcs=valley`): of the smoothed losses, the longest subsequence that
    falls; and of the points from its length before its end up to its end, the one in the middle of the middle third.
    Raises ValueError where there are not as many losses as rates, or the rates do not rise.
    """
    if len(rates) != len(losses):
        raise ValueError(f"there are {len(rates)} rates and {len(losses)} losses")
    if any(later <= earlier or earlier <= 0 for earlier, later in pairwise(rates)):
        raise ValueError("the rates do not rise from above 0")
    smoothed = _until_it_explodes(losses)
    first, end = round(START_LEFT_OUT * len(smoothed)), len(smoothed) - END_LEFT_OUT
    kept, curve = rates[first:end], smoothed[first:end]
    if len(curve) < FEWEST_POINTS:
        return None
    end_of_fall, length = _longest_fall(curve)
    if length < 2:
        return None
    third = length / 3
    return RangeTest(
        valley=kept[end_of_fall - length + int(third) + int(third / 2)],
        steepest=kept[_steepest(kept, curve)],
        minimum=kept[min(range(len(curve)), key=curve.__getitem__)],
        rates=tuple(rates[: len(smoothed)]),
        losses=tuple(smoothed),
    )


def _until_it_explodes(losses: Sequence[float]) -> list[float]:
    """The running mean of the losses, without the bias of its start, up to EXPLODED times its lowest."""
    found: list[float] = []
    mean, lowest = 0.0, math.inf
    for number, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed = mean / (1 - SMOOTHING**number)
        if not math.isfinite(smoothed) or smoothed > EXPLODED * lowest:
            break
        lowest = min(lowest, smoothed)
        found.append(smoothed)
    return found


def _longest_fall(losses: Sequence[float]) -> tuple[int, int]:
    """Where the longest falling subsequence ends, the first of several, and how many falls it has."""
    lowest_first: list[float] = []  # the highest last loss, negative, of falling subsequences of each length
    best, length = 0, 0
    for place, loss in enumerate(losses):
        falls = bisect_left(lowest_first, -loss)
        lowest_first[falls : falls + 1] = [-loss]
        if falls > length:
            best, length = place, falls
    return best, length


def _steepest(rates: Sequence[float], losses: Sequence[float]) -> int:
    """Where the loss falls fastest from the point before to the point behind."""
    slopes = [
        (losses[place + 1] - losses[place - 1]) / math.log(rates[place + 1] / rates[place - 1])
        for place in range(1, len(losses) - 1)
    ]
    return 1 + min(range(len(slopes)), key=slopes.__getitem__)
