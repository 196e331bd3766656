"""Reports on data sets that nobody meant: all alike, all blank, a class for each image, hardly a pixel, no image."""

import json

import pytest
from PIL import Image, ImageEnhance

from tests.training.image_checks.scenes import Pictures, scene


@pytest.mark.parametrize("count", [1, 400])
def test_images_that_are_all_equal_are_one_finding(count: int) -> None:
    pictures = Pictures()
    for number in range(count):
        pictures = pictures.add(scene(1), split=number % 2, name=f"{number:03}")
    found = pictures.findings()
    assert found.get("exact_duplicates", None) is None if count == 1 else found["exact_duplicates"].count == count - 2
    assert "near_duplicates" not in found


def test_blank_images_are_told_as_blank_alone() -> None:
    pictures = Pictures()
    for number in range(300):
        pictures = pictures.add(Image.new("RGB", (40, 40), (number % 256, number // 2, 9)), label=number % 2)
    found = pictures.findings()
    assert (found["blank"].count, found["blank"].severity) == (300, "warning")
    assert found.keys() == {"blank", "tiny_test_split"}


def test_a_class_for_each_image() -> None:
    pictures = Pictures(classes=[f"class {number}" for number in range(300)])
    for number in range(300):
        pictures = pictures.add(ImageEnhance.Brightness(scene(1)).enhance(1 - number / 3000), label=number)
    found = pictures.findings()
    assert found["few_images"].count == 300
    assert found["conflicting_labels_near"].count > 280


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (3000, 2)])
def test_images_of_odd_sizes_are_reported(size: tuple[int, int]) -> None:
    pictures = Pictures()
    for number in range(3):
        pictures = pictures.add(Image.effect_noise(size, 80 + number), name=str(number))
    assert pictures.report().sizes
    json.dumps(pictures.report().as_json(), allow_nan=False)


def test_a_data_set_without_an_image_has_a_report() -> None:
    report = Pictures(files={"unreadable": [("a.png", "it is empty")]}).report()
    assert (report.images, report.sizes, report.mean) == (0, None, ())
    assert [finding.code for finding in report.findings] == ["unreadable_files"]
