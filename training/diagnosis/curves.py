"""What a noisy curve with gaps says: its level, its noise, its trend, and where it turned."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from training.diagnosis.run import Curve, Floats

WIDEST = 7  # rows of the running median
LAST_SHARE = 0.1  # of the rows are the end of a curve, …
LAST_ROWS = (1, 10)  # … at least, and at most


class Turn(NamedTuple):
    """From a curve's lowest point to its end."""

    epoch: int  # of the lowest point
    lowest: float  # as measured there
    floor: float  # the lowest point of the smoothed curve
    last: float  # the median of the last rows, as measured
    rows: int  # behind the lowest point

    @property
    def rise(self) -> float:
        """How far the end lies above the lowest point, without noise."""
        return self.last - self.floor


class Trend(NamedTuple):
    """A straight line through a part of a curve."""

    slope: float  # an epoch
    error: float  # standard error of the slope
    change: float  # along the line from the first row to the last

    @property
    def certainty(self) -> float:
        """The slope in standard errors, with its sign."""
        return self.slope / self.error if self.error > 0 else float(np.sign(self.slope)) * 1e9


def smoothed(values: Floats) -> Floats:
    """The running median. It is as wide as a fifth of the rows, at most WIDEST, and narrower towards both ends, so that
    it does not lag behind a steep start; a single outlier does not move it."""
    half = _half_width(len(values))
    smooth = values.copy()
    for near in range(1, half + 1):  # the ends get narrower windows, and the widest one the whole of the middle
        smooth[near : len(values) - near] = np.median(sliding_window_view(values, 2 * near + 1), axis=1)
    return smooth


def _half_width(rows: int) -> int:
    """Rows on either side that the running median takes."""
    return min(WIDEST, rows // 5) // 2


def last_rows(rows: int) -> int:
    """How many rows are the end of a curve that has `rows`."""
    return max(LAST_ROWS[0], min(LAST_ROWS[1], round(rows * LAST_SHARE)))


def last_level(curve: Curve) -> float:
    """The median at the end of a curve that is not empty."""
    return float(np.median(curve.values[-last_rows(len(curve)) :]))


def noise(curve: Curve) -> float:
    """Standard deviation of a row about the line between its neighbours, by the median, so that a few jumps (of the
    learning rate, say) do not count. 0 for fewer than 4 rows."""
    if len(curve) < 4:
        return 0.0
    epochs, values = curve.epochs.astype(np.float64), curve.values
    left = (epochs[2:] - epochs[1:-1]) / (epochs[2:] - epochs[:-2])
    apart = values[1:-1] - left * values[:-2] - (1 - left) * values[2:]
    scale = np.sqrt(1 + left**2 + (1 - left) ** 2)
    return float(1.4826 * np.median(np.abs(apart / scale)))


def turn(curve: Curve) -> Turn | None:
    """Where a curve was lowest, and where it is now; None where it is empty. The lowest row is looked for around the
    lowest point of the smoothed curve, so that a single outlier elsewhere is none."""
    if not len(curve):
        return None
    smooth, half = smoothed(curve.values), _half_width(len(curve))
    middle = int(np.argmin(smooth))
    first = max(0, middle - half)
    place = first + int(np.argmin(curve.values[first : middle + half + 1]))
    lowest, floor = float(curve.values[place]), float(smooth[middle])
    return Turn(int(curve.epochs[place]), lowest, floor, last_level(curve), len(curve) - 1 - place)


def peak(curve: Curve) -> tuple[int, float]:
    """Epoch and value, as measured, of the highest row of a curve that is not empty; of no outlier, as in `turn`."""
    turned = turn(Curve(curve.epochs, -curve.values))
    assert turned is not None
    return turned.epoch, -turned.lowest


def trend(curve: Curve) -> Trend | None:
    """The straight line through a curve by least squares; None for fewer than 3 rows."""
    if len(curve) < 3:
        return None
    epochs, values = curve.epochs.astype(np.float64), curve.values
    x = epochs - epochs.mean()
    spread = float((x**2).sum())
    slope = float((x * values).sum() / spread)
    apart = values - values.mean() - slope * x
    error = float(np.sqrt((apart**2).sum() / max(1, len(curve) - 2) / spread))
    return Trend(slope, error, slope * float(epochs[-1] - epochs[0]))


def value_at(curve: Curve, epoch: float) -> float:
    """On the line between the rows on both sides; of the nearest row, outside the curve."""
    return float(np.interp(epoch, curve.epochs, curve.values))


def flat_since(curve: Curve, within: float) -> int | None:
    """The first epoch from which on the smoothed curve stays within ± `within` of its end; None where it is empty."""
    if not len(curve):
        return None
    smooth = smoothed(curve.values)
    apart = np.abs(smooth - last_level(curve)) > within
    first = int(np.flatnonzero(apart)[-1]) + 1 if apart.any() else 0
    return int(curve.epochs[min(first, len(curve) - 1)])
