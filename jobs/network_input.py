"""What using a trained network takes. Light enough for the trainer process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """What a network takes in, and what its outputs stand for: `classes`, by output; `image_size`, pixels a side;
    `channels`, 1 or 3; `mean` and `deviation` of each channel, in pixel values of 0 to 255."""

    classes: tuple[str, ...]
    image_size: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """From the fields as weights carry them: in JSON, whose lists are tuples here."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
        }
        return cls(**values)
