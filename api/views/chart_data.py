"""The data of an experiment's picture. It is sent as JSON to the process that draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Curve(NamedTuple):
    """What one trial has measured. Curves of one `place` look alike in every chart."""

    label: str
    place: int
    points: Sequence[tuple[float, float]]  # in the order in which they are joined; none: only the legend has it


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve for each trial. `is_share`: its values are fractions of 1, shown as percentages on a linear axis; other
    values are positive, on a logarithmic axis."""

    title: str
    across: str  # what the horizontal axis shows
    is_log: bool  # whether the horizontal axis is logarithmic
    is_share: bool
    curves: Sequence[Curve]


@dataclass(frozen=True, slots=True)
class ChartData:
    """Everything that the picture shows: at least one chart."""

    title: str
    subtitle: str
    charts: Sequence[Chart]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "ChartData":
        """The inverse of `dataclasses.asdict`, after JSON."""
        charts = [
            Chart(**{**each, "curves": [_curve(*curve) for curve in each["curves"]]}) for each in fields["charts"]
        ]
        return cls(fields["title"], fields["subtitle"], charts)


def _curve(label: str, place: int, points: Sequence[Sequence[float]]) -> Curve:
    return Curve(label, place, [(x, y) for x, y in points])
