"""What is measured of an image: exact where pixels are counted, and able to tell what is sharp from what is blurred."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from tests.training.image_checks.scenes import measured, scene
from training.image_checks import FEATURES, Measurer, measure
from training.image_checks.features import BLOCK, PERCENTILES
from training.image_checks.hashing import WINDOWS, mirrored
from training.image_checks.similarity import likeness


def flat(size: tuple[int, int], colour: int | tuple[int, int, int], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def test_sums_and_squares_are_exact() -> None:
    image = scene(1, 301, 77)
    row = measure(image, mode="RGB", encoded_bytes=1234)[0]
    pixels = np.asarray(image).astype(np.uint64)
    assert row["sums"].tolist() == pixels.sum(axis=(0, 1)).tolist()
    assert row["squares"].tolist() == (pixels**2).sum(axis=(0, 1)).tolist()
    assert (row["pixels"], row["encoded_bytes"]) == (301 * 77, 1234)


def test_a_grey_image_has_the_same_sums_thrice() -> None:
    image = scene(2).convert("L")
    row = measure(image, mode="L", encoded_bytes=1)[0]
    assert row["sums"].tolist() == [int(np.asarray(image).sum(dtype=np.uint64))] * 3
    assert (row["channels"], row["colour"], row["mode"]) == (1, 0, b"L")


def test_the_size_is_the_file_s_where_the_caller_says_it() -> None:
    assert measure(scene(1, 60, 40), mode="RGB", encoded_bytes=1)[["width", "height"]].tolist() == [(60, 40)]
    told = measure(scene(1, 60, 40), mode="RGB", encoded_bytes=1, size=(6000, 4000))
    assert told[["width", "height", "pixels"]].tolist() == [(6000, 4000, 2400)]


def test_brightness_is_of_the_pixels_by_rank() -> None:
    ramp = Image.fromarray(np.repeat(np.arange(100, dtype=np.uint8) + 50, 10).reshape(20, 50))
    found = measure(ramp, mode="L", encoded_bytes=1)["brightness"][0] * 255
    assert found.round().tolist() == [50 + percent - 1 for percent in PERCENTILES]


@pytest.mark.parametrize(("levels", "bits"), [(1, 0), (2, 1), (16, 4), (256, 8)])
def test_entropy_is_in_bits(levels: int, bits: float) -> None:
    pixels = np.linspace(0, 255, levels).astype(np.uint8)[np.arange(4096) % levels].reshape(64, 64)
    assert measure(Image.fromarray(pixels), mode="L", encoded_bytes=1)["entropy"][0] == pytest.approx(bits)


def test_colour_is_nothing_where_red_green_and_blue_are_the_same() -> None:
    grey = scene(3).convert("L").convert("RGB")
    dotted = grey.copy()
    dotted.paste((255, 0, 0), (10, 10, 20, 20))
    assert measured([grey, dotted])["colour"].tolist()[0] == 0
    assert measured([dotted])["colour"][0] > 100


@pytest.mark.parametrize("size", [(32, 32), (100, 60), (500, 375), (900, 700)])
def test_blur_is_seen_at_any_size(size: tuple[int, int]) -> None:
    sharp = scene(4, *size)
    blurred = sharp.filter(ImageFilter.GaussianBlur(max(1.2, 0.02 * min(size))))
    found = measured([sharp, blurred])["sharpness"]
    assert found[0] > 0.5
    assert found[1] < 0.36


def test_a_sharp_thing_before_a_blurred_ground_is_sharp() -> None:
    image = scene(5, 400, 300).filter(ImageFilter.GaussianBlur(4))
    assert measured([image])["sharpness"][0] < 0.36
    image.paste(scene(6, 60, 60).filter(ImageFilter.GaussianBlur(0.7)), (140, 90))
    assert measured([image])["sharpness"][0] > 0.5


def test_sharpness_is_unknown_where_there_is_no_room() -> None:
    assert np.isnan(measured([scene(1, 8, 8), scene(1, 15, 300)])["sharpness"]).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (4000, 20), (2, 2), (257, 256)])
def test_images_of_odd_sizes_are_measured(size: tuple[int, int]) -> None:
    row = measure(Image.new("RGB", size, (200, 100, 50)), mode="RGB", encoded_bytes=1)[0]
    assert (row["width"], row["height"]) == size
    assert row["sums"].tolist() == [level * size[0] * size[1] for level in (200, 100, 50)]
    assert (row["luma"] == row["luma"][0, 0]).all()


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    images = [scene(seed, 20 + seed % 3, 30) for seed in range(20)] * (BLOCK // 20 + 2)
    together = measured(images)
    assert len(together) == len(images) > BLOCK
    alone = np.concatenate([measure(image, mode="RGB", encoded_bytes=1000) for image in images[:20]])
    again = together.reshape(-1, 20)
    for name in FEATURES.names or ():
        same = (
            np.isclose(again[name], alone[name], rtol=1e-5)
            if again[name].dtype.kind == "f"
            else again[name] == alone[name]
        )
        assert same.all(), name


def test_an_empty_measurer_has_no_rows() -> None:
    assert Measurer().finish().shape == (0,)


def test_features_can_be_saved_joined_and_taken() -> None:
    features = measured([scene(seed) for seed in range(5)])
    file = io.BytesIO()
    np.savez(file, features=features)
    file.seek(0)
    loaded = np.load(file, allow_pickle=False)["features"]
    assert loaded.dtype == FEATURES
    assert np.array_equal(np.concatenate([loaded[:2], loaded[[2, 3, 4]]]), features)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (500, 375)])
def test_the_mirror_image_s_hash_is_known_without_it(size: tuple[int, int]) -> None:
    image = scene(7, *size)
    plain, turned = measured([image, ImageOps.mirror(image)])["hashes"][:, 0]
    assert np.bitwise_count(mirrored(plain) ^ turned) <= 1
    assert np.bitwise_count(plain ^ turned) > 16


@pytest.mark.parametrize("window", range(len(WINDOWS)))
def test_each_window_s_hash_is_that_of_the_crop(window: int) -> None:
    image, (left, upper, share) = scene(8, 300, 200), WINDOWS[window]
    box = (left * 300, upper * 200, (left + share) * 300, (upper + share) * 200)
    crop = image.resize(image.size, Image.Resampling.BICUBIC, box)
    whole, part = measured([image, crop])
    assert np.bitwise_count(whole["hashes"][window] ^ part["hashes"][0]) <= 4
    assert likeness(whole["luma"][None], part["luma"][None])[0] > 0.8


def test_unrelated_images_differ_in_half_of_the_bits_and_are_not_alike() -> None:
    features = measured([scene(seed) for seed in range(40)])
    one, other = np.triu_indices(40, 1)
    bits = np.bitwise_count(features["hashes"][one, 0] ^ features["hashes"][other, 0])
    assert 28 < bits.mean() < 36
    assert bits.min() > 12
    assert likeness(features["luma"][one], features["luma"][other]).max() < 0.6
