"""How alike two small images are: by detail, by colour, and by how much there is to compare."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from tests.training.image_checks.scenes import measured, scene
from training.image_checks.similarity import (
    colour_difference,
    levels_apart,
    likeness,
    likeness_of_all,
    pixels_that_count,
)


def chroma(*images: Image.Image) -> NDArray[np.int8]:
    return np.asarray(measured(images)["chroma"])


def luma(*images: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(measured(images)["luma"])


def test_colours_differ_by_their_hue_more_than_by_their_strength() -> None:
    red, blue, grey, pale = chroma(
        *(Image.new("RGB", (40, 40), colour) for colour in ("#d02020", "#2020d0", "#808080", "#b04040"))
    )
    assert colour_difference(red[None], red[None])[0] == 0
    assert colour_difference(red[None], grey[None])[0] == 0  # a grey copy is a copy
    assert colour_difference(red[None], pale[None])[0] < 0.5
    assert colour_difference(red[None], blue[None])[0] > 1


def test_likeness_does_not_depend_on_contrast_and_brightness() -> None:
    image = scene(1).convert("L")
    faint = ImageEnhance.Contrast(image).enhance(0.4).point(lambda level: level + 60)
    assert likeness(luma(image), luma(faint))[0] > 0.97
    assert likeness(luma(image), luma(image.point(lambda level: 255 - level)))[0] < 0.1


def test_likeness_is_the_same_both_ways() -> None:
    images = luma(*(scene(seed) for seed in range(20)))
    assert likeness(images, images[::-1]) == pytest.approx(likeness(images[::-1], images))


def test_likeness_of_all_has_each_pair_once() -> None:
    images = luma(scene(1), scene(2), scene(1))
    found = likeness_of_all(images)
    assert found.shape == (3,)
    assert found[1] == pytest.approx(1)
    assert np.abs(found[[0, 2]]).max() < 0.4


def test_few_pixels_count_on_a_plain_ground() -> None:
    plain = Image.new("L", (160, 160), 100)
    plain.paste(scene(1, 30, 30).convert("L"), (130, 130))
    few, many = pixels_that_count(luma(plain, scene(2)))
    assert few < 16 < 40 < many


def test_levels_apart_are_those_of_pixels() -> None:
    one, other = (np.full((1, 16, 16), level, np.uint8) for level in (250, 5))
    assert levels_apart(one, other).tolist() == levels_apart(other, one).tolist() == [245]
