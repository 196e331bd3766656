from hashlib import sha256
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.training.pictures import pictures
from training.engine.augmentation import Augmenter
from training.engine.augmentation.boxes import RandomCutout, RandomErasing, WipeOut
from training.engine.augmentation.colours import RandomColour
from training.engine.augmentation.cuts import CropAndFlip
from training.engine.augmentation.geometry import RandomRotation
from training.engine.augmentation.policies import RandomPolicy
from training.spec import (
    Augmentation,
    Colour,
    Crop,
    Cutout,
    Erasing,
    Rotation,
    TrivialAugment,
)

COUNT = 48
EVERYTHING: dict[str, Any] = {
    "crop": {"padding": 3, "padding_mode": "reflect"},
    "flip": True,
    "policy": {"name": "trivialaugment"},
    "rotation": {"degrees": 20},
    "colour": {"brightness": 0.4, "contrast": 0.3, "saturation": 0.2, "hue": 0.1},
    "cutout": {"size": 5},
    "erasing": {"probability": 0.5},
}
EACH: list[dict[str, Any]] = [
    *({name: value} for name, value in EVERYTHING.items()),
    {"crop": {"padding": 7}},
    {"resized_crop": {}, "flip": True},
    {"policy": {"name": "randaugment", "operations": 3}},
    {"policy": {"name": "autoaugment", "learned_on": "imagenet"}},
    EVERYTHING,
]
EVERY_SPEC = pytest.mark.parametrize("spec", EACH, ids=str)
CHANNELS = pytest.mark.parametrize("channels", [1, 3])


def augmenter(spec: dict[str, Any] | Augmentation, size: int, channels: int, seed: int = 3) -> Augmenter:
    return Augmenter(
        Augmentation.model_validate(spec),
        image_size=size,
        fill=torch.tensor([120.4, 119.0, 100.6])[:channels],
        seed=seed,
        device="cpu",
    )


def images_of(size: int, channels: int) -> Tensor:
    return pictures(size, channels).repeat(COUNT // 12, 1, 1, 1)


@CHANNELS
def test_without_augmentation_images_are_as_they_are(channels: int) -> None:
    source = images_of(8, channels)
    rows = torch.tensor([5, 2, 40])
    assert augmenter({}, 8, channels).batch(source, rows, rows, 0).equal(source[rows])


@EVERY_SPEC
@CHANNELS
@pytest.mark.parametrize("size", [8, 33])
def test_a_sample_looks_the_same_in_any_batch_at_any_place(spec: dict[str, Any], channels: int, size: int) -> None:
    source, rows = images_of(size, channels), torch.arange(COUNT)
    augment = augmenter(spec, size, channels)
    whole = augment.batch(source, rows, rows, 4)
    assert (whole.shape, whole.dtype) == (source.shape, torch.uint8)
    assert whole.is_contiguous()

    backwards = rows.flip(0)
    assert augment.batch(source, backwards, backwards, 4).equal(whole.flip(0))
    for part in ([31, 4], [17], [3, 3, 20], list(range(1, COUNT, 2))):
        assert augment.batch(source, torch.tensor(part), torch.tensor(part), 4).equal(whole[part])
    alone = [augment.batch(source, row[None], row[None], 4) for row in rows]
    assert torch.cat(alone).equal(whole)


@EVERY_SPEC
def test_a_sample_is_known_by_its_number_wherever_its_image_lies(spec: dict[str, Any]) -> None:
    """As when a feed holds no more than a batch: positions are then within the batch."""
    source, rows = images_of(33, 3), torch.arange(COUNT)
    whole = augmenter(spec, 33, 3).batch(source, rows, rows, 4)
    chosen = torch.tensor([40, 7, 12, 9])
    few = source[chosen].contiguous()
    assert augmenter(spec, 33, 3).batch(few, torch.arange(4), chosen, 4).equal(whole[chosen])


@EVERY_SPEC
@CHANNELS
def test_an_epoch_and_a_seed_make_other_images_and_the_same_the_same(spec: dict[str, Any], channels: int) -> None:
    source, rows = images_of(33, channels), torch.arange(COUNT)
    images = augmenter(spec, 33, channels).batch(source, rows, rows, 4)
    assert augmenter(spec, 33, channels).batch(source, rows, rows, 4).equal(images)
    assert not augmenter(spec, 33, channels).batch(source, rows, rows, 5).equal(images)
    assert not augmenter(spec, 33, channels, seed=4).batch(source, rows, rows, 4).equal(images)
    assert not images.equal(source)


@EVERY_SPEC
@CHANNELS
def test_the_data_set_is_left_alone(spec: dict[str, Any], channels: int) -> None:
    source, rows = images_of(8, channels), torch.arange(COUNT)
    before = source.clone()
    augmenter(spec, 8, channels).batch(source, rows, rows, 0).zero_()
    assert source.equal(before)


@pytest.mark.parametrize(
    ("spec", "digest"),
    [
        ({"crop": {"padding": 4}, "flip": True}, "b795f3f461327e0d"),
        ({"resized_crop": {}}, "99584cdabe95a804"),
        ({"policy": {"name": "trivialaugment"}}, "afb8f251101764c8"),
        ({"policy": {"name": "randaugment"}}, "3b163cbf59be5d6c"),
        ({"policy": {"name": "autoaugment"}}, "3fd626a0febdfa47"),
        ({"rotation": {"degrees": 15}}, "6da2678fae9aee72"),
        ({"colour": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}}, "b78178b882281c51"),
        ({"cutout": {"size": 8}}, "fbad77b4677bb317"),
        ({"erasing": {}}, "907b0f7c1a9db2c5"),
    ],
    ids=str,
)
def test_images_never_change_between_releases(spec: dict[str, Any], digest: str) -> None:
    """A job that resumes under a newer release, or on another kind of machine, must see what it would have seen."""
    source = (torch.arange(64 * 32 * 32 * 3) * 2_654_435_761 >> 11).to(torch.uint8).view(64, 32, 32, 3)
    rows = torch.arange(64)
    images = augmenter(spec, 32, 3).batch(source, rows, rows, 7)
    assert sha256(images.numpy().tobytes()).hexdigest()[:16] == digest


def test_operations_are_done_in_the_order_of_the_spec_s_fields() -> None:
    source, rows = images_of(32, 3), torch.arange(COUNT)
    fill = torch.tensor([120.4, 119.0, 100.6])
    wipe_out = WipeOut(32, fill, torch.device("cpu"))
    images = CropAndFlip(Crop(padding=3, padding_mode="reflect"), 3, flip=True)(source, rows, rows, 4)
    for change in (
        RandomPolicy(TrivialAugment(), 32, 3),
        RandomRotation(Rotation(degrees=20), 3),
        RandomColour(Colour(brightness=0.4, contrast=0.3, saturation=0.2, hue=0.1), 3),
        RandomCutout(Cutout(size=5), 32, 3, wipe_out),
        RandomErasing(Erasing(probability=0.5), 32, 3, wipe_out),
    ):
        images = change(images, rows, 4)
    assert augmenter(EVERYTHING, 32, 3).batch(source, rows, rows, 4).equal(images)


@st.composite
def augmentations(draw: st.DrawFn, size: int) -> Augmentation:
    """Anything that a spec may say of images of `size` pixels."""

    def share(smallest: float = 0.0, largest: float = 1.0) -> st.SearchStrategy[float]:
        return st.floats(smallest, largest)

    crop = {"padding": st.integers(1, size - 1), "padding_mode": st.sampled_from(["zeros", "reflect"])}
    areas = draw(st.lists(share(0.001, 1.0), min_size=2, max_size=2).map(sorted))
    policy = st.one_of(
        st.just({"name": "trivialaugment"}),
        st.fixed_dictionaries(
            {"name": st.just("randaugment"), "operations": st.integers(1, 10), "magnitude": st.integers(0, 30)}
        ),
        st.fixed_dictionaries(
            {"name": st.just("autoaugment"), "learned_on": st.sampled_from(["cifar10", "imagenet", "svhn"])}
        ),
    )
    parts: dict[str, st.SearchStrategy[Any]] = {
        draw(st.sampled_from(["crop", "resized_crop"])): st.none(),
        "flip": st.booleans(),
        "policy": policy,
        "rotation": st.fixed_dictionaries({"degrees": share(0.001, 180)}),
        "colour": st.fixed_dictionaries(
            {"brightness": share(0.001), "contrast": share(), "saturation": share(), "hue": share(0, 0.5)}
        ),
        "cutout": st.fixed_dictionaries({"size": st.integers(1, 2 * size - 2)}),
        "erasing": st.fixed_dictionaries(
            {
                "probability": share(0.001),
                "smallest_area": st.just(areas[0]).filter(lambda area: area < 1),
                "largest_area": st.just(areas[1]),
                "largest_ratio": share(1, 10),
            }
        ),
    }
    if "crop" in parts:
        parts["crop"] = st.fixed_dictionaries(crop)
    else:
        parts["resized_crop"] = st.fixed_dictionaries({"smallest_area": share(0.001), "largest_ratio": share(1, 10)})
    return Augmentation.model_validate(draw(st.fixed_dictionaries({}, optional=parts)))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), size=st.sampled_from([2, 3, 8, 9, 28, 32, 33]), channels=st.sampled_from([1, 3]))
def test_whatever_a_spec_says_gives_images_that_depend_on_their_samples_alone(
    data: st.DataObject, size: int, channels: int
) -> None:
    spec = data.draw(augmentations(size))
    seed, epoch = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, 10_000))
    rows = torch.tensor(data.draw(st.lists(st.integers(0, 11), min_size=1, max_size=9)))
    source = pictures(size, channels)
    augment = augmenter(spec, size, channels, seed)
    images = augment.batch(source, rows, rows, epoch)
    assert (images.shape, images.dtype) == ((len(rows), size, size, channels), torch.uint8)
    assert augment.batch(source, rows[-1:], rows[-1:], epoch).equal(images[-1:])
    assert augmenter(spec, size, channels, seed).batch(source, rows, rows, epoch).equal(images)
