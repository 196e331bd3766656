import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode, functional

from tests.training.pictures import differences, pictures, planes
from training.engine.augmentation.geometry import RandomRotation, matrices, transform
from training.spec import Rotation

NEAREST = InterpolationMode.NEAREST
SIZES = pytest.mark.parametrize("size", [8, 32, 33, 64])
CHANNELS = pytest.mark.parametrize("channels", [1, 3])
SHEAR_X, SHEAR_Y, TRANSLATE_X, TRANSLATE_Y, ROTATE = range(5)
NAMES = ("ShearX", "ShearY", "TranslateX", "TranslateY")
NEAR_A_TIE = 1e-5  # of a pixel for each pixel of the image's side: torchvision's float32 is no more exact


def moved(images: Tensor, movement: int, amount: float) -> Tensor:
    amounts = torch.zeros(len(images), 5, dtype=torch.float64)
    amounts[:, movement] = amount
    return transform(images, matrices(amounts, images.shape[1]))


def by_policy(images: Tensor, movement: int, amount: float) -> list[Tensor]:
    """What torchvision's policies make of each image, of which they take one at a time."""
    policy = v2.TrivialAugmentWide()
    return [
        policy._apply_image_or_video_transform(planes(image), NAMES[movement], amount, NEAREST, {torch.Tensor: None})
        for image in images
    ]


def ties(places: Tensor) -> Tensor:
    """Which places, in pixels, are as far from one pixel's centre as from the next one's."""
    return ((places + 0.5) - (places + 0.5).round()).abs() < NEAR_A_TIE * len(places)


@SIZES
@CHANNELS
@pytest.mark.parametrize("movement", [TRANSLATE_X, TRANSLATE_Y])
def test_shifts_are_torchvision_s_exactly(size: int, channels: int, movement: int) -> None:
    images = pictures(size, channels)
    for pixels in (0.0, 0.99, 1.0, 3.7, size - 1.0, size + 5.0):  # fractions are dropped
        for amount in (pixels, -pixels):
            assert differences(moved(images, movement, amount), by_policy(images, movement, amount)).max() == 0


@SIZES
@CHANNELS
@pytest.mark.parametrize("movement", [SHEAR_X, SHEAR_Y])
def test_shears_are_torchvision_s_but_where_two_pixels_are_as_near(size: int, channels: int, movement: int) -> None:
    images = pictures(size, channels)
    along = torch.arange(size, dtype=torch.float64)
    for tangent in (0.0, 0.033, 0.1, 0.2, 0.3, 0.495, 0.7, 0.99):
        for amount in (tangent, -tangent):
            apart = differences(moved(images, movement, amount), by_policy(images, movement, amount))
            places = along[None, :] + amount * (along[:, None] + 0.5)  # rows are sheared from the image's upper edge
            between = ties(places if movement == SHEAR_X else places.T)
            assert between.double().mean() < 0.3
            assert apart[:, ~between].max() == 0


@SIZES
@CHANNELS
def test_rotations_are_torchvision_s_but_where_two_pixels_are_as_near(size: int, channels: int) -> None:
    images = pictures(size, channels)
    centred = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    for degrees in (0.0, 0.1, 13.7, -30.0, 45.0, 90.0, 121.5, -135.0, 180.0):
        references = [functional.rotate(planes(image), degrees, NEAREST) for image in images]
        apart = differences(moved(images, ROTATE, degrees), references)
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        columns = cosine * centred[None, :] - sine * centred[:, None] + (size - 1) / 2
        rows = sine * centred[None, :] + cosine * centred[:, None] + (size - 1) / 2
        between = ties(columns) | ties(rows)
        assert between.double().mean() < 0.3
        assert apart[:, ~between].max() == 0


@pytest.mark.parametrize("size", [8, 33])
def test_right_angles_are_numpy_s(size: int) -> None:
    images = pictures(size, 3)
    for turns in (1, 2, 3):
        assert moved(images, ROTATE, 90.0 * turns).equal(images.rot90(turns, (1, 2)))
    assert moved(images, ROTATE, 0.0).equal(images)


def test_places_just_between_two_pixels_take_the_one_further_right_or_down() -> None:
    row = torch.arange(1, 9, dtype=torch.uint8).view(1, 1, 8, 1).expand(1, 8, 8, 1)
    assert moved(row, SHEAR_X, 1.0)[0, 0, :, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 0]  # half a pixel from the edge
    assert moved(row, SHEAR_X, -1.0)[0, 0, :, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


@CHANNELS
@pytest.mark.parametrize("degrees", [15.0, 180.0])
def test_each_image_is_rotated_by_its_own_angle(channels: int, degrees: float) -> None:
    images = pictures(32, channels)
    rotation = RandomRotation(Rotation(degrees=degrees), 5)
    samples = torch.arange(len(images)) + 7
    angles = rotation.angles(samples, 3)
    references = [
        functional.rotate(planes(image), angle, NEAREST) for image, angle in zip(images, angles.tolist(), strict=True)
    ]
    assert len(angles.unique()) == len(images)
    assert differences(rotation(images, samples, 3), references).max() == 0


def test_angles_are_uniform_over_their_range() -> None:
    angles = RandomRotation(Rotation(degrees=20.0), 5).angles(torch.arange(20_000), 0)
    assert -20 < angles.min() < -19.9
    assert 19.9 < angles.max() < 20
    assert abs(angles.mean().item()) < 0.4
    assert (angles > 10).double().mean().item() == pytest.approx(0.25, abs=0.015)
