"""Images that are the same or look the same are found, whatever was done to them; images that do not are not."""

import io
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from tests.training.image_checks.scenes import digests_of, measured, scene
from training.image_checks import FEATURES, Duplicates, Features, duplicates, find_duplicates


def recompressed(image: Image.Image) -> Image.Image:
    image.save(file := io.BytesIO(), "jpeg", quality=40)
    return Image.open(file).convert("RGB")


def cropped(image: Image.Image, share: float = 0.07) -> Image.Image:
    width, height = image.size
    return image.crop((round(width * share * 0.7), round(height * share * 0.2), width, height)).crop(
        (0, 0, round(width * (1 - share)), round(height * (1 - share)))
    )


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": recompressed,
    "cropped by 3 %": lambda image: cropped(image, 0.03),
    "cropped by 6 %": lambda image: cropped(image, 0.06),
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC),
    "larger": lambda image: image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "of less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "grey": lambda image: image.convert("L"),
}


def found_in(images: list[Image.Image]) -> Duplicates:
    return find_duplicates(measured(images), digests_of(images))


def near(found: Duplicates) -> set[tuple[int, int]]:
    """Pairs that are not the same, but look the same, the lower place first."""
    looks = {(int(look), place) for place, look in enumerate(found.look.tolist()) if look != found.content[place]}
    return looks | set(zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True))


@pytest.mark.parametrize("size", [(32, 32), (120, 90)])
@pytest.mark.parametrize("change", CHANGES)
def test_twins_are_found_and_nothing_else(change: str, size: tuple[int, int]) -> None:
    images = [scene(seed, *size) for seed in range(30)]
    twins = [CHANGES[change](ImageOps.mirror(image) if seed % 2 else image) for seed, image in enumerate(images)]
    found = found_in([*images, *twins])
    wanted = {(place, place + 30) for place in range(30)}
    assert not near(found) - wanted
    assert len(near(found) & wanted) >= 28
    assert (found.pairs.mirrored == found.pairs.first % 2).all()
    assert (found.content == np.arange(60)).all()


def test_the_same_content_is_of_one_image() -> None:
    images = [scene(1), scene(2), scene(1), scene(3), scene(2), scene(1)]
    found = found_in(images)
    assert found.content.tolist() == found.look.tolist() == [0, 1, 0, 3, 1, 0]
    assert not near(found)


def test_a_twin_of_copies_is_the_twin_of_the_first() -> None:
    twin = cropped(scene(1))
    found = found_in([scene(1), scene(2), scene(1), twin, twin])
    assert found.content.tolist() == [0, 1, 0, 3, 3]
    assert near(found) == {(0, 3)}


def test_the_same_hash_is_a_look_where_the_pixels_agree() -> None:
    features = measured([scene(1), scene(1), scene(2), scene(2)])
    features["hashes"][:, 0] = 5
    digests = np.random.default_rng(0).integers(0, 256, (4, 32), np.uint8)
    assert find_duplicates(features, digests).look.tolist() == [0, 0, 2, 2]


def test_what_is_arranged_alike_in_other_colours_is_not_the_same() -> None:
    images = []
    for number, colour in enumerate(("red", "blue", "lime", "orange", "purple", "teal")):
        image = Image.new("RGB", (100, 100), (235, 225, 200))
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle((30, 10, 70, 90), 8, fill=colour)
        draw.ellipse((38, 30 + 2 * number, 62, 54 + 2 * number), fill="white")
        images.append(image)
    assert not near(found_in([*images, *(scene(seed) for seed in range(30))]))


def test_a_plain_ground_with_a_thing_in_one_corner_is_like_no_other() -> None:
    images = []
    for number in range(8):
        image = Image.new("L", (200, 200), 120 + 10 * number)
        image.paste(scene(number, 40, 30).convert("L").point(lambda level: level // 4), (160, 170))
        images.append(image)
    assert not near(found_in([*images, *(scene(seed) for seed in range(30))]))


def test_plain_images_are_like_no_other() -> None:
    grounds = [Image.new("RGB", (64, 64), (level, level, 90)) for level in range(50, 250, 10)]
    found = found_in(grounds)
    assert not near(found)
    assert (found.look == np.arange(20)).all()


def test_among_digits_that_are_all_alike_only_what_is_nearly_the_same_is_found() -> None:
    random = np.random.default_rng(0)
    images = []
    for number in range(300):
        large = Image.new("L", (112, 112))
        draw, digit = ImageDraw.Draw(large), number % 10
        shift = random.integers(-8, 9, (8, 2)) + np.stack(
            [np.arange(8) * digit % 70 + 20, np.arange(8) * 10 + 15], axis=1
        )
        draw.line([tuple(point) for point in shift.tolist()], fill=255, width=12, joint="curve")
        images.append(large.resize((28, 28), Image.Resampling.BICUBIC))
    twins = [image.point(lambda level: min(255, level + 6)) for image in images[:20]]
    found = near(found_in([*images, *twins]))
    wanted = {(place, place + 300) for place in range(20)}
    assert len(found & wanted) >= 18
    assert len(found - wanted) <= 3


def crowd(kind: str, count: int) -> Features:
    """Features of images that have something in common."""
    random = np.random.default_rng(0)
    features = np.zeros(count, FEATURES)
    one = measured([scene(1)])[0]
    match kind:
        case "equal":
            features[:] = one
        case "blank":
            features["luma"] = 200
        case "of one hash and nothing else":
            features["luma"] = random.integers(0, 256, features["luma"].shape)
            features["hashes"] = 7
        case "frames of one film":
            features[:] = one
            bits = np.uint64(1) << random.integers(0, 64, (2, *features["hashes"].shape)).astype(np.uint64)
            features["hashes"] ^= bits[0] | bits[1]
            features["luma"] ^= random.integers(0, 4, features["luma"].shape).astype(np.uint8)
    return features


@pytest.mark.parametrize("kind", ["equal", "blank", "of one hash and nothing else", "frames of one film"])
def test_what_is_all_alike_takes_little_time(kind: str) -> None:
    digests: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (1000, 32), np.uint8)
    features = crowd(kind, 1000)
    began = time.process_time()
    found = find_duplicates(features, digests)
    assert time.process_time() - began < 3
    assert len(found.pairs.first) <= 4 * 1000
    if kind == "equal":
        assert (found.look == 0).all()
    if kind == "frames of one film":
        assert len({*found.pairs.first.tolist(), *found.pairs.second.tolist(), *np.flatnonzero(found.look)}) > 990


def test_of_very_many_pairs_the_nearest_are_looked_at_and_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_LOOKED_AT", 300)
    monkeypatch.setattr(duplicates, "AT_ONCE", 100)
    digests: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (1000, 32), np.uint8)
    told: list[float] = []
    found = find_duplicates(crowd("frames of one film", 1000), digests, told.append)
    assert not found.is_whole
    assert 0 < len(found.pairs.first) <= 300
    assert found.pairs.distance.max() <= 2
    assert told == sorted(told)
    assert len([share for share in told if 0.7 < share <= 1]) >= 3


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_have_no_twins(count: int) -> None:
    found = found_in([scene(seed) for seed in range(count)])
    assert found.content.tolist() == found.look.tolist() == [*range(count)]
    assert not near(found)
