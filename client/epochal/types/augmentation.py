"""Types of the API: augmentation.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict


class Crop(TypedDict, total=False):
    """Pad every side, then cut a window of the image's own size at random."""

    padding: int
    """Width of the border on each side, and so how far an image may move; 4 is He et al.'s for CIFAR. From 1 to 512.
    Unit: pixels. Default: 4."""
    padding_mode: Literal["zeros", "reflect"]
    """What the border holds: `zeros` pads with black, as He et al. do; `reflect` mirrors the image. Default:
    'zeros'."""


class ResizedCrop(TypedDict, total=False):
    """Cut a window of random area and shape and bring it to the image's own size (Szegedy et al. 2014,
    arXiv:1409.4842), as is usual on photographs."""

    smallest_area: float
    """Area of the smallest window; the largest is the image. torchvision's. At most 1. Greater than 0. Unit: share
    of the image. Default: 0.08."""
    largest_ratio: float
    """Of the window's sides, either way round; torchvision's. From 1 to 10. Default: 1.3333333333333333."""


class _AutoAugmentRequired(TypedDict):
    name: Literal["autoaugment"]
    """Which kind this is; the other fields depend on it. Default: 'autoaugment'."""


class AutoAugment(_AutoAugmentRequired, total=False):
    """Cubuk et al. 2018 (arXiv:1805.09501): one of 25 learned pairs of operations."""

    learned_on: Literal["cifar10", "imagenet", "svhn"]
    """The data set whose pairs of operations to take; CIFAR-10's are usual on CIFAR-100. Default: 'cifar10'."""


class _RandAugmentRequired(TypedDict):
    name: Literal["randaugment"]
    """Which kind this is; the other fields depend on it. Default: 'randaugment'."""


class RandAugment(_RandAugmentRequired, total=False):
    """Cubuk et al. 2019 (arXiv:1909.13719): `operations` of 14 in a row, all of one magnitude."""

    operations: int
    """How many operations in a row; torchvision's. From 1 to 10. Default: 2."""
    magnitude: int
    """How strong each operation is; torchvision's. From 0 to 30. Unit: of 30. Default: 9."""


class TrivialAugment(TypedDict):
    """Müller and Hutter 2021 (arXiv:2103.10158), wide: one operation of 14, of a random magnitude."""

    name: Literal["trivialaugment"]
    """Which kind this is; the other fields depend on it. Default: 'trivialaugment'."""


class Rotation(TypedDict, total=False):
    """About the centre, by an angle uniform over -degrees to degrees; black comes in from outside."""

    degrees: float
    """Largest angle, either way; 15 is usual on CIFAR. At most 180. Greater than 0. Unit: degrees. Default: 15."""


class Colour(TypedDict, total=False):
    """Each property is multiplied by a factor uniform over 1 - value to 1 + value, in this order; hue is shifted."""

    brightness: float
    """Largest change of the factor of brightness; 0 leaves it. From 0 to 1. Default: 0."""
    contrast: float
    """Largest change of the factor of contrast; 0 leaves it. From 0 to 1. Default: 0."""
    saturation: float
    """Largest change of the factor of saturation; 0 leaves it. Grey images have none. From 0 to 1. Default: 0."""
    hue: float
    """Largest shift of the hue, either way; 0 leaves it. Grey images have none. From 0 to 0.5. Unit: turns of the
    colour circle. Default: 0."""


class Cutout(TypedDict, total=False):
    """A square about a random centre becomes the data set's mean (DeVries and Taylor 2017, arXiv:1708.04552)."""

    size: int
    """Side of the square, parts of which may lie outside the image; the paper's 8 for CIFAR-100. From 1 to 1024.
    Unit: pixels. Default: 8."""


class Erasing(TypedDict, total=False):
    """A rectangle becomes the data set's mean (Zhong et al. 2017, arXiv:1708.04896)."""

    probability: float
    """Probability of erasing in an image; the paper's. At most 1. Greater than 0. Unit: probability. Default: 0.5."""
    smallest_area: float
    """Area of the smallest rectangle; the paper's. Greater than 0, less than 1. Unit: share of the image. Default:
    0.02."""
    largest_area: float
    """Area of the largest rectangle; torchvision's. At most 1. Greater than 0. Unit: share of the image. Default:
    0.33."""
    largest_ratio: float
    """Of the rectangle's sides, either way round; torchvision's. From 1 to 10. Default: 3.3333333333333335."""


class Mixup(TypedDict, total=False):
    """Zhang et al. 2017 (arXiv:1710.09412): each image and label is mixed with another of its batch."""

    alpha: float
    """Both parameters of the Beta distribution that the shares are drawn from: the larger, the more even. The
    paper's on CIFAR. At most 100. Greater than 0. Default: 1."""


class CutMix(TypedDict, total=False):
    """Yun et al. 2019 (arXiv:1905.04899): a rectangle comes from another image of the batch, and its share of the
    label."""

    alpha: float
    """Both parameters of the Beta distribution that the shares are drawn from: the larger, the more even. The
    paper's. At most 100. Greater than 0. Default: 1."""
    probability: float
    """Probability of doing so to an image; the paper's on CIFAR. At most 1. Greater than 0. Unit: probability.
    Default: 0.5."""


PolicyName: TypeAlias = Literal["autoaugment", "randaugment", "trivialaugment"]

PolicySpec: TypeAlias = AutoAugment | RandAugment | TrivialAugment


class AugmentationInput(TypedDict, total=False):
    """None unless asked for: whether a mirrored image keeps its class is known only to who knows the data (a
    mirrored cat is a cat, a mirrored 3 is no digit). Done in the order of these fields."""

    crop: Crop | None
    """Move the image at random, within a border; None: no."""
    resized_crop: ResizedCrop | None
    """Cut out a window of random area and shape, and enlarge it; None: no."""
    flip: bool
    """Mirror left and right with probability 1/2. Default: False."""
    policy: PolicyName | PolicySpec | None
    """Apply operations drawn at random from a set of many; None: none."""
    rotation: Rotation | None
    """Turn the image by a random angle; None: no."""
    colour: Colour | None
    """Change brightness, contrast, saturation and hue at random; None: no."""
    cutout: Cutout | None
    """Wipe out a square; None: no."""
    erasing: Erasing | None
    """Sometimes wipe out a rectangle; None: no."""
    mixup: Mixup | None
    """Mix each image and label with another's; None: no. Together with cutmix: CutMix with its probability, else
    mixup."""
    cutmix: CutMix | None
    """Paste part of another image, and mix the labels by its area; None: no."""


class Augmentation(TypedDict, total=False):
    """None unless asked for: whether a mirrored image keeps its class is known only to who knows the data (a
    mirrored cat is a cat, a mirrored 3 is no digit). Done in the order of these fields."""

    crop: Crop | None
    """Move the image at random, within a border; None: no."""
    resized_crop: ResizedCrop | None
    """Cut out a window of random area and shape, and enlarge it; None: no."""
    flip: bool
    """Mirror left and right with probability 1/2. Default: False."""
    policy: PolicySpec | None
    """Apply operations drawn at random from a set of many; None: none."""
    rotation: Rotation | None
    """Turn the image by a random angle; None: no."""
    colour: Colour | None
    """Change brightness, contrast, saturation and hue at random; None: no."""
    cutout: Cutout | None
    """Wipe out a square; None: no."""
    erasing: Erasing | None
    """Sometimes wipe out a rectangle; None: no."""
    mixup: Mixup | None
    """Mix each image and label with another's; None: no. Together with cutmix: CutMix with its probability, else
    mixup."""
    cutmix: CutMix | None
    """Paste part of another image, and mix the labels by its area; None: no."""
