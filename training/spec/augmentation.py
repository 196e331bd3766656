"""What is done to the training images, anew each epoch, one draw a sample."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from training.spec.part import KIND, ByName, Conflict, Part, quantity

Share = Annotated[float, Field(ge=0, le=1)]
Alpha = Annotated[float, Field(gt=0, le=100)]


class Crop(Part):
    """Pad every side, then cut a window of the image's own size at random."""

    padding: int = quantity(
        4,
        unit="pixels",
        ge=1,
        le=512,
        description="Width of the border on each side, and so how far an image may move; 4 is He et al.'s for CIFAR.",
    )
    padding_mode: Literal["zeros", "reflect"] = Field(
        default="zeros",
        description="What the border holds: `zeros` pads with black, as He et al. do; `reflect` mirrors the image.",
    )


class ResizedCrop(Part, title="Resized crop"):
    """Cut a window of random area and shape and bring it to the image's own size (Szegedy et al. 2014,
    arXiv:1409.4842), as is usual on photographs."""

    smallest_area: float = quantity(
        0.08,
        unit="share of the image",
        gt=0,
        le=1,
        description="Area of the smallest window; the largest is the image. torchvision's.",
    )
    largest_ratio: float = Field(
        default=4 / 3, ge=1, le=10, description="Of the window's sides, either way round; torchvision's."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """It must cut something off."""
        if self.smallest_area == 1:
            reason = "at 1 the window is always the whole image: lower it, or leave resized_crop out"
            yield ("smallest_area",), self.smallest_area, reason


class Rotation(Part):
    """About the centre, by an angle uniform over -degrees to degrees; black comes in from outside."""

    degrees: float = quantity(
        15.0, unit="degrees", gt=0, le=180, description="Largest angle, either way; 15 is usual on CIFAR."
    )


class Colour(Part):
    """Each property is multiplied by a factor uniform over 1 - value to 1 + value, in this order; hue is shifted."""

    brightness: Share = Field(default=0.0, description="Largest change of the factor of brightness; 0 leaves it.")
    contrast: Share = Field(default=0.0, description="Largest change of the factor of contrast; 0 leaves it.")
    saturation: Share = Field(
        default=0.0, description="Largest change of the factor of saturation; 0 leaves it. Grey images have none."
    )
    hue: float = quantity(
        0.0,
        unit="turns of the colour circle",
        ge=0,
        le=0.5,
        description="Largest shift of the hue, either way; 0 leaves it. Grey images have none.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """It must do something."""
        if not (self.brightness or self.contrast or self.saturation or self.hue):
            yield (), self.model_dump(), "all four are 0: set one, or leave colour out"


class Cutout(Part):
    """A square about a random centre becomes the data set's mean (DeVries and Taylor 2017, arXiv:1708.04552)."""

    size: int = quantity(
        8,
        unit="pixels",
        ge=1,
        le=1024,
        description="Side of the square, parts of which may lie outside the image; the paper's 8 for CIFAR-100.",
    )


class Erasing(Part, title="Random erasing"):
    """A rectangle becomes the data set's mean (Zhong et al. 2017, arXiv:1708.04896)."""

    probability: float = quantity(
        0.5, unit="probability", gt=0, le=1, description="Probability of erasing in an image; the paper's."
    )
    smallest_area: float = quantity(
        0.02, unit="share of the image", gt=0, lt=1, description="Area of the smallest rectangle; the paper's."
    )
    largest_area: float = quantity(
        0.33, unit="share of the image", gt=0, le=1, description="Area of the largest rectangle; torchvision's."
    )
    largest_ratio: float = Field(
        default=10 / 3, ge=1, le=10, description="Of the rectangle's sides, either way round; torchvision's."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Areas must ascend."""
        if self.largest_area < self.smallest_area:
            yield ("largest_area",), self.largest_area, f"below smallest_area, {self.smallest_area}"


class AutoAugment(Part):
    """Cubuk et al. 2018 (arXiv:1805.09501): one of 25 learned pairs of operations."""

    name: Literal["autoaugment"] = Field(default="autoaugment", description=KIND)
    learned_on: Literal["cifar10", "imagenet", "svhn"] = Field(
        default="cifar10",
        description="The data set whose pairs of operations to take; CIFAR-10's are usual on CIFAR-100.",
    )


class RandAugment(Part):
    """Cubuk et al. 2019 (arXiv:1909.13719): `operations` of 14 in a row, all of one magnitude."""

    name: Literal["randaugment"] = Field(default="randaugment", description=KIND)
    operations: int = Field(default=2, ge=1, le=10, description="How many operations in a row; torchvision's.")
    magnitude: int = quantity(9, unit="of 30", ge=0, le=30, description="How strong each operation is; torchvision's.")


class TrivialAugment(Part):
    """Müller and Hutter 2021 (arXiv:2103.10158), wide: one operation of 14, of a random magnitude."""

    name: Literal["trivialaugment"] = Field(default="trivialaugment", description=KIND)


Policy = Annotated[AutoAugment | RandAugment | TrivialAugment, Field(discriminator="name"), ByName()]


class Mixup(Part):
    """Zhang et al. 2017 (arXiv:1710.09412): each image and label is mixed with another of its batch."""

    alpha: Alpha = Field(
        default=1.0,
        description="Both parameters of the Beta distribution that the shares are drawn from: the larger, the more "
        "even. The paper's on CIFAR.",
    )


class CutMix(Part):
    """Yun et al. 2019 (arXiv:1905.04899): a rectangle comes from another image of the batch, and its share of the
    label."""

    alpha: Alpha = Field(
        default=1.0,
        description="Both parameters of the Beta distribution that the shares are drawn from: the larger, the more "
        "even. The paper's.",
    )
    probability: float = quantity(
        0.5, unit="probability", gt=0, le=1, description="Probability of doing so to an image; the paper's on CIFAR."
    )


class Augmentation(Part):
    """None unless asked for: whether a mirrored image keeps its class is known only to who knows the data
    (a mirrored cat is a cat, a mirrored 3 is no digit). Done in the order of these fields."""

    crop: Crop | None = Field(default=None, description="Move the image at random, within a border; null: no.")
    resized_crop: ResizedCrop | None = Field(
        default=None, description="Cut out a window of random area and shape, and enlarge it; null: no."
    )
    flip: bool = Field(default=False, description="Mirror left and right with probability 1/2.")
    policy: Policy | None = Field(
        default=None, description="Apply operations drawn at random from a set of many; null: none."
    )
    rotation: Rotation | None = Field(default=None, description="Turn the image by a random angle; null: no.")
    colour: Colour | None = Field(
        default=None, description="Change brightness, contrast, saturation and hue at random; null: no."
    )
    cutout: Cutout | None = Field(default=None, description="Wipe out a square; null: no.")
    erasing: Erasing | None = Field(
        default=None, title="Random erasing", description="Sometimes wipe out a rectangle; null: no."
    )
    mixup: Mixup | None = Field(
        default=None,
        description="Mix each image and label with another's; null: no. Together with cutmix: CutMix with its "
        "probability, else mixup.",
    )
    cutmix: CutMix | None = Field(
        default=None,
        title="CutMix",
        description="Paste part of another image, and mix the labels by its area; null: no.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """None may take another's place."""
        if self.crop and self.resized_crop:
            yield ("resized_crop",), self.resized_crop.model_dump(), "crop is there already: set one of them to null"
        if self.mixup and self.cutmix and self.cutmix.probability == 1:
            reason = "at 1 mixup never comes: at most a little below, or set mixup to null"
            yield ("cutmix", "probability"), self.cutmix.probability, reason
