"""What is known of weights that were brought: by the file, by who brings it, and by custom."""

import json
from collections.abc import Sequence

from pydantic import ValidationError

from api import schemas
from api.http.errors import InvalidRequest
from training.brought import Match, WeightsDescription

# Of ImageNet's training images, as torchvision and timm normalise by default, in pixel values.
IMAGENET_MEAN, IMAGENET_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SAID_BY_THE_FILE = ("classes", "image_size", "mean", "deviation")


def describe(found: Match, asked: schemas.ModelToBring) -> WeightsDescription:
    """The description of what `match` has found. Raises InvalidRequest where what was asked does not fit it."""
    if found.ours:
        _refuse(
            asked.model_fields_set & {*SAID_BY_THE_FILE}, "should be left out: the file, which is of a job, says it"
        )
        return found.ours.about
    mean = _of_each_channel("mean", asked.mean, found.channels, IMAGENET_MEAN)
    deviation = _of_each_channel("deviation", asked.deviation, found.channels, IMAGENET_DEVIATION)
    try:
        return WeightsDescription(
            architecture=found.architecture,
            classes=_classes(asked.classes, found.classes),
            image_size=asked.image_size or found.image_size,
            channels=found.channels,
            mean=list(mean),
            deviation=list(deviation),
        )
    except ValidationError as error:  # of names alone: the rest is checked already
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise _invalid("classes", f"cannot be used: {said}") from error


def _of_each_channel(name: str, said: Sequence[float] | None, channels: int, usual: Sequence[float]) -> Sequence[float]:
    if said is None:
        if channels != len(usual):
            raise _invalid(name, "should be said of a grey network: one number, in pixel values of 0 to 255")
        return usual
    if len(said) != channels:
        raise _invalid(name, f"should be {channels} numbers, one of each channel, not {len(said)}")
    return said


def _classes(text: str | None, count: int) -> list[str]:
    if text is None:
        return [f"class {number}" for number in range(count)]
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid("classes", 'should be a JSON array of texts, as ["cat", "dog"]') from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _invalid("classes", 'should be a JSON array of texts, as ["cat", "dog"]')
    if len(names) != count:
        raise _invalid("classes", f"should be {count:,} names, as many as the network has outputs, not {len(names):,}")
    return names


def _refuse(names: set[str], detail: str) -> None:
    if names:
        raise InvalidRequest([{"parameter": name, "detail": detail} for name in sorted(names)], len(names))


def _invalid(name: str, detail: str) -> InvalidRequest:
    return InvalidRequest([{"parameter": name, "detail": detail}], 1)
