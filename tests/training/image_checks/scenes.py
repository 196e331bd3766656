"""Images with the statistics of photographs, and data sets of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.image_checks import TEST, TRAIN, Features, Finding, Measurer, Report, make_report


@cache
def scene(seed: int, width: int = 64, height: int = 64) -> Image.Image:
    """Colours and shades whose contrast is the same at each size of detail, as in photographs."""
    random = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    noise = random.normal(size=(3, height, width)) + 1j * random.normal(size=(3, height, width))
    shades = np.fft.ifft2(noise / frequency).real
    shades /= shades.std(axis=(1, 2), keepdims=True)
    luma, *tints = shades
    pixels = 120 + 50 * luma[:, :, None] + 10 * np.stack([tints[0], -tints[0] + tints[1], -tints[1]], axis=2)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class Pictures:
    """A data set that grows by `add`; half of its classes are a, half are b."""

    images: Sequence[Image.Image] = ()
    labels: Sequence[int] = ()
    splits: Sequence[int] = ()
    ids: Sequence[str] = ()
    modes: Sequence[str] = ()
    classes: Sequence[str] = ("a", "b")
    files: dict[str, Any] = field(default_factory=dict)  # unreadable and skipped

    @classmethod
    def clean(cls, count: int = 60, first: int = 0) -> Self:
        """`count` scenes in train, as many classes in turn, and 200 in test: enough for there to be nothing to say."""
        pictures = cls()
        for number in range(count):
            pictures = pictures.add(scene(first + number), label=number % 2, name=f"train {number:03}")
        for number in range(200):
            pictures = pictures.add(scene(10_000 + number), label=number % 2, split=TEST, name=f"test {number:03}")
        return pictures

    def add(
        self,
        image: Image.Image,
        *,
        label: int = 0,
        split: int = TRAIN,
        name: str | None = None,
        mode: str | None = None,
    ) -> Self:
        """One image more."""
        return replace(
            self,
            images=[*self.images, image],
            labels=[*self.labels, label],
            splits=[*self.splits, split],
            ids=[*self.ids, name or f"added {len(self.images):03}"],
            modes=[*self.modes, mode or image.mode],
        )

    def take(self, places: Sequence[int]) -> Self:
        """Some of its images, in this order."""
        return replace(
            self,
            images=[self.images[place] for place in places],
            labels=[self.labels[place] for place in places],
            splits=[self.splits[place] for place in places],
            ids=[self.ids[place] for place in places],
            modes=[self.modes[place] for place in places],
        )

    def measured(self) -> tuple[Features, NDArray[np.uint8]]:
        """Features and digests."""
        return measured(self.images, self.modes), digests_of(self.images)

    def report(self, **options: Any) -> Report:
        """Of its images, measured anew."""
        return self.report_of(*self.measured(), **options)

    def report_of(self, features: Features, digests: NDArray[np.uint8], **options: Any) -> Report:
        """Of images that were measured before."""
        return make_report(
            features,
            digests,
            labels=np.array(self.labels, np.int64),
            splits=np.array(self.splits, np.uint8),
            classes=self.classes,
            ids=self.ids,
            **self.files,
            **options,
        )

    def findings(self, **options: Any) -> dict[str, Finding]:
        """By code."""
        return {finding.code: finding for finding in self.report(**options).findings}


def measured(images: Sequence[Image.Image], modes: Sequence[str] | None = None) -> Features:
    """Their features."""
    measurer = Measurer()
    for image, mode in zip(images, modes or [image.mode for image in images], strict=True):
        measurer.add(image, mode=mode, encoded_bytes=1000)
    return measurer.finish()


def digests_of(images: Sequence[Image.Image]) -> NDArray[np.uint8]:
    """Of size, mode and pixels, uint8 [images, 32]."""
    contents = (f"{image.size}{image.mode}".encode() + image.tobytes() for image in images)
    found = [np.frombuffer(hashlib.sha256(content).digest(), np.uint8) for content in contents]
    return np.stack(found) if found else np.zeros((0, 32), np.uint8)
