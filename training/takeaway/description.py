"""What a manifest says of a trained model, in the words that its page, its program and its card share. A manifest may
lack any of its parts, and its names are whatever its owner chose: whoever writes them somewhere escapes them there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Resize = Literal["crop", "pad", "stretch"]

IN_WORDS: Mapping[Resize, str] = {
    "crop": "the shorter side is brought to it, and the centre cut out",
    "pad": "the longer side is brought to it, and the rest filled up with black",
    "stretch": "both sides are brought to it, whatever the picture's proportions",
}


@dataclass(frozen=True, slots=True)
class Description:
    """A trained model. Accuracies are fractions in [0, 1]; `size` is in pixels a side, `channels` 1 (grey) or 3 (RGB),
    `temperature` what logits are divided by before the softmax."""

    title: str
    architecture: str
    classes: Sequence[str]
    size: int
    channels: int
    resize: Resize
    temperature: float
    data: str | None
    model_id: str | None
    metrics: Mapping[str, Any]
    calibration: Mapping[str, Any] | None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """Raises KeyError where the manifest has no classes or no size and channels of the input: nothing can be said
        of pictures without them."""
        taken, calibration = manifest["input"], manifest.get("calibration")
        architecture = architecture_of(manifest)
        data = data_of(manifest)
        return cls(
            title=f"{architecture} on {data}" if data else architecture,
            architecture=architecture,
            classes=list(manifest["classes"]),
            size=taken["size"],
            channels=taken["channels"],
            resize=taken.get("resize") or "crop",
            temperature=temperature_of(calibration),
            data=data,
            model_id=(manifest.get("model") or {}).get("id"),
            metrics=manifest.get("metrics") or {},
            calibration=calibration,
        )


def architecture_of(manifest: Mapping[str, Any]) -> str:
    """Its name."""
    architecture = manifest.get("architecture")
    name = architecture.get("name") if isinstance(architecture, Mapping) else architecture
    return str(name) if name else "Trained model"


def data_of(manifest: Mapping[str, Any]) -> str | None:
    """Name of the data set, with its version where it has one."""
    data = manifest.get("data") or {}
    version = data.get("version")
    if not data.get("name"):
        return None
    return str(data["name"]) if version is None else f"{data['name']}@{version}"


def temperature_of(calibration: Mapping[str, Any] | None) -> float:
    """1 where none was fitted. Raises ValueError where it is no temperature."""
    temperature = 1.0 if calibration is None or calibration.get("temperature") is None else calibration["temperature"]
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"{temperature} is no temperature: a finite number above 0 is")
    return float(temperature)


def facts_of(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is known of one of its files, beside its size and hash; empty where it has none of that name."""
    return next((file for file in manifest.get("files") or () if file.get("name") == name), {})


def percent(fraction: float | None, digits: int = 1) -> str | None:
    """91.2 % of 0.9123; None of None and of what is no number."""
    return None if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.{digits}f} %"


def pixels(described: Description) -> str:
    """32 x 32 pixels, RGB: size and channels of what it sees."""
    return f"{described.size} x {described.size} pixels, {'grey' if described.channels == 1 else 'RGB'}"
