"""What using a trained network takes. Light enough for the trainer process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """What a network takes in, and what its outputs stand for: `classes`, by output; `image_size`, pixels a side;
    `channels`, 1 or 3; `mean` and `deviation` of each channel, in pixel values of 0 to 255."""

    classes: tuple[str, ...]
    image_size: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
