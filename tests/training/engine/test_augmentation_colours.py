from collections.abc import Callable

import pytest
import torch
from PIL import Image, ImageOps
from scipy import stats
from torch import Tensor
from torchvision.transforms.v2 import functional

from tests.training.pictures import differences, pictures, planes
from training.engine.augmentation import colours
from training.engine.augmentation.colours import RandomColour
from training.spec import Colour

SIZES = pytest.mark.parametrize("size", [8, 32, 33, 64])
CHANNELS = pytest.mark.parametrize("channels", [1, 3])
Adjust = Callable[[Tensor, float], Tensor]
FACTORS = (0.0, 0.01, 0.3, 0.55, 0.77, 1.0, 1.3, 1.55, 1.99)


def the_same(image: Tensor, _value: float) -> Tensor:
    return image


def each(images: Tensor, adjust: Adjust, value: float) -> list[Tensor]:
    return [adjust(planes(image), value) for image in images]


def a_sample(images: Tensor, value: float) -> Tensor:
    return torch.full((len(images),), value, dtype=torch.float64)


@SIZES
@CHANNELS
@pytest.mark.parametrize(
    ("change", "adjust", "share"),
    [
        (colours.brighten, functional.adjust_brightness, 0.0),
        (colours.contrast, functional.adjust_contrast, 0.01),
        (colours.saturate, functional.adjust_saturation, 0.01),
    ],
)
def test_factors_are_torchvision_s(
    size: int, channels: int, change: colours.Change, adjust: Adjust, share: float
) -> None:
    """Brightness exactly. The others multiply twice and add, which torchvision rounds once where the processor can
    (fused), and we always twice: before rounding down, that makes one a whole number and the other just less, here
    and there."""
    images = pictures(size, channels)
    apart = torch.stack(
        [
            differences(colours.on_planes(change, images, a_sample(images, factor)), each(images, adjust, factor))
            for factor in FACTORS
        ]
    )
    assert apart.max() <= (1 if share else 0)
    assert (apart > 0).double().mean() <= share


@SIZES
@CHANNELS
def test_sharpness_is_torchvision_s(size: int, channels: int) -> None:
    images = pictures(size, channels)
    for factor in FACTORS:
        apart = differences(
            colours.sharpen(images, a_sample(images, factor)), each(images, functional.adjust_sharpness, factor)
        )
        assert apart.max() <= 1  # for the same reason
        assert (apart > 0).double().mean() <= 0.01


@SIZES
@CHANNELS
def test_hue_is_torchvision_s(size: int, channels: int) -> None:
    """But for rounding: we turn whole numbers of 255, and torchvision fractions of 1."""
    images = pictures(size, channels)
    for turns in (-0.5, -0.37, -0.1, 0.0, 0.01, 0.05, 0.25, 0.4, 0.5):
        turned = colours.on_planes(colours.shift_hue, images, a_sample(images, turns))
        apart = differences(turned, each(images, functional.adjust_hue, turns))
        assert apart.max() <= 1
        assert (apart > 0).double().mean() <= 0.002


@SIZES
@CHANNELS
def test_operations_on_bits_and_on_histograms_are_torchvision_s_exactly(size: int, channels: int) -> None:
    images = pictures(size, channels)
    for bits in range(1, 9):
        posterized = colours.posterize(images, a_sample(images, bits))
        assert differences(posterized, [functional.posterize(planes(image), bits) for image in images]).max() == 0
    for threshold in (0.0, 0.1, 1 / 3, 128 / 255, 0.9, 1.0):
        solarized = colours.solarize(images, a_sample(images, threshold))
        assert differences(solarized, each(images, functional.solarize, 255 * threshold)).max() == 0
    nothing = a_sample(images, 0.0)
    for change, reference in (
        (colours.autocontrast, functional.autocontrast),
        (colours.equalize, functional.equalize),
        (colours.invert, functional.invert),
    ):
        assert differences(change(images, nothing), [reference(planes(image)) for image in images]).max() == 0
    assert colours.identity(images, nothing).equal(images)


@CHANNELS
def test_equalize_is_pillow_s(channels: int) -> None:
    images = pictures(33, channels)
    for image, equal in zip(images, colours.equalize(images, a_sample(images, 0.0)), strict=True):
        pillow = ImageOps.equalize(Image.fromarray(image.squeeze(-1).numpy()))
        assert torch.tensor(list(pillow.tobytes())).equal(equal.flatten().long())


@pytest.mark.parametrize("size", [1, 2])
def test_images_without_inner_pixels_are_not_sharpened(size: int) -> None:
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    assert colours.sharpen(images, a_sample(images, 1.9)).equal(images)


@pytest.mark.parametrize(
    ("name", "adjust", "middle", "on_grey"),
    [
        ("brightness", functional.adjust_brightness, 1.0, functional.adjust_brightness),
        ("contrast", functional.adjust_contrast, 1.0, functional.adjust_contrast),
        ("saturation", functional.adjust_saturation, 1.0, the_same),
        ("hue", functional.adjust_hue, 0.0, the_same),
    ],
)
def test_each_image_is_changed_by_a_value_of_its_own(name: str, adjust: Adjust, middle: float, on_grey: Adjust) -> None:
    colour = RandomColour(Colour.model_validate({name: 0.4}), 3)
    samples = torch.arange(12)
    values = colour.values(samples, 6)[0].tolist()
    assert len(set(values)) == 12
    assert all(middle - 0.4 < value < middle + 0.4 for value in values)
    for channels, expected in ((3, adjust), (1, on_grey)):
        images = pictures(32, channels)
        references = [expected(planes(image), value) for image, value in zip(images, values, strict=True)]
        apart = differences(colour(images, samples, 6), references)
        assert apart.max() <= 1
        assert (apart > 0).double().mean() <= 0.01


def test_all_four_properties_are_changed_in_their_order() -> None:
    colour = RandomColour(Colour(brightness=0.4, contrast=0.3, saturation=0.5, hue=0.1), 3)
    images, samples = pictures(32, 3), torch.arange(12)
    references = []
    for image, values in zip(images, colour.values(samples, 1).T.tolist(), strict=True):
        brightness, contrast, saturation, hue = values
        changed = functional.adjust_brightness(planes(image), brightness)
        changed = functional.adjust_saturation(functional.adjust_contrast(changed, contrast), saturation)
        references.append(functional.adjust_hue(changed, hue))
    apart = differences(colour(images, samples, 1), references)
    assert (apart > 1).double().mean() <= 0.001  # what was off by one may be so twice, or be stretched
    assert (apart > 0).double().mean() <= 0.03


def test_factors_and_shifts_are_uniform_and_independent() -> None:
    values = RandomColour(Colour(brightness=1.0, contrast=0.5, saturation=0.2, hue=0.5), 1).values(
        torch.arange(20_000), 0
    )
    assert values.shape == (4, 20_000)
    for drawn, middle, reach in zip(values, (1, 1, 1, 0), (1.0, 0.5, 0.2, 0.5), strict=True):
        uniform = stats.uniform(middle - reach, 2 * reach)
        assert stats.kstest(drawn.numpy(), uniform.cdf).pvalue > 0.001
    assert (values.corrcoef() - torch.eye(4, dtype=torch.float64)).abs().max() < 0.03


def test_the_images_handed_in_are_left_alone() -> None:
    images = pictures(8, 3)
    before = images.clone()
    RandomColour(Colour(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.5), 0)(images, torch.arange(12), 0)
    for change in (colours.sharpen, colours.solarize, colours.autocontrast, colours.equalize, colours.invert):
        change(images, a_sample(images, 0.3))
    assert images.equal(before)
