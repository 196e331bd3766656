"""The data of a picture of a job's curves. It is sent as JSON to the process that draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

ImageFormat = Literal["svg", "png"]


class Point(NamedTuple):
    """The values of one epoch; None where one was not measured."""

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None


@dataclass(frozen=True, slots=True)
class CurveData:
    """Everything that the picture shows."""

    title: str  # empty: the picture has no head, for a page that says it
    subtitle: str
    planned: int  # epochs that the spec asks for
    epochs: Sequence[Point]
    best: Point | None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "CurveData":
        """The inverse of `dataclasses.asdict`, after JSON."""
        epochs, best = [Point(*point) for point in fields["epochs"]], fields["best"]
        return cls(**{**fields, "epochs": epochs, "best": Point(*best) if best else None})
