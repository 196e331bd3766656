"""The data of a picture of a job's curves. It is sent as JSON to the process that draws."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

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


def pack(curve_data: CurveData, form: ImageFormat) -> bytes:
    """The message that requests a picture."""
    return json.dumps([asdict(curve_data), form]).encode()


def unpack(message: bytes) -> tuple[CurveData, ImageFormat]:
    """The inverse of `pack`."""
    fields, form = json.loads(message)
    epochs, best = [Point(*point) for point in fields.pop("epochs")], fields.pop("best")
    return CurveData(**fields, epochs=epochs, best=Point(*best) if best else None), form
