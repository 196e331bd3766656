from itertools import pairwise

import pytest
import torch
from scipy import stats
from torch import Tensor

from training.engine.augmentation import Examples, Mixer
from training.spec import Augmentation

EVERY_MIX = pytest.mark.parametrize(
    "spec",
    [
        {"mixup": {"alpha": 0.7}},
        {"cutmix": {"probability": 1.0}},
        {"cutmix": {"probability": 0.5, "alpha": 0.3}},
        {"mixup": {}, "cutmix": {"probability": 0.5}},
    ],
    ids=str,
)


def mixer(spec: dict[str, object], seed: int = 3) -> Mixer:
    return Mixer(Augmentation.model_validate(spec), seed)


def whole_numbers(count: int, channels: int = 3, size: int = 8) -> Tensor:
    """Image i holds i everywhere: float32 [B, C, H, H], channels_last."""
    images = torch.arange(1.0, count + 1).view(count, 1, 1, 1).expand(count, channels, size, size)
    return images.contiguous(memory_format=torch.channels_last)


def mixed(spec: dict[str, object], count: int, channels: int = 3, size: int = 8, epoch: int = 1) -> Examples:
    """Labels are images' places."""
    return mixer(spec).mix(whole_numbers(count, channels, size), torch.arange(count), torch.arange(count) + 50, epoch)


def test_without_mixing_images_and_labels_are_as_they_are() -> None:
    images = whole_numbers(4)
    examples = Mixer(Augmentation(), 3).mix(images, torch.arange(4), torch.arange(4), 0)
    assert examples.images is images
    assert examples.labels.tolist() == [0, 1, 2, 3]
    assert examples.other_labels is None
    assert examples.shares is None


@EVERY_MIX
def test_neighbours_lend_each_other_their_images_and_labels(spec: dict[str, object]) -> None:
    examples = mixed(spec, 6)
    assert examples.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert examples.other_labels is not None
    assert examples.other_labels.tolist() == [1, 0, 3, 2, 5, 4]
    for place, image in enumerate(examples.images):
        first = place // 2 * 2 + 1
        assert image.min() >= first
        assert image.max() <= first + 1


@EVERY_MIX
@pytest.mark.parametrize("count", [1, 3, 7])
def test_the_last_image_of_an_odd_batch_stays_as_it_is(spec: dict[str, object], count: int) -> None:
    examples = mixed(spec, count)
    assert examples.shares is not None
    assert examples.other_labels is not None
    assert (examples.images[-1] == count).all()
    assert examples.shares[-1] == 1
    assert examples.other_labels[-1] == count - 1


@EVERY_MIX
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 33])
def test_a_label_s_share_is_what_is_left_of_its_image(spec: dict[str, object], channels: int, size: int) -> None:
    """Of CutMix, the pixels that are really there; of mixup, the factor. Neighbours differ by 1, so means tell."""
    examples = mixed(spec, 64, channels, size)
    assert examples.shares is not None
    assert examples.shares.dtype == torch.float32
    own, other = torch.arange(1.0, 65), torch.arange(1.0, 65).view(32, 2).flip(1).flatten()
    kept = (examples.images.double().mean((1, 2, 3)) - other) / (own - other)
    torch.testing.assert_close(kept.float(), examples.shares, rtol=0, atol=2e-5)


def test_cutmix_hands_pixels_on_as_they_are_in_one_rectangle() -> None:
    images = torch.randn(64, 3, 33, 33).contiguous(memory_format=torch.channels_last)
    examples = mixer({"cutmix": {"probability": 1.0}}).mix(images, torch.arange(64), torch.arange(64), 0)
    neighbours = images.view(32, 2, 3, 33, 33).flip(1).reshape(images.shape)
    pasted = (examples.images != images).any(1)
    assert examples.images.equal(torch.where(pasted[:, None], neighbours, images))
    for box in pasted:
        rows, columns = box.any(1), box.any(0)
        assert box.equal(rows[:, None] & columns)
        for side in (rows, columns):
            assert (side.long().diff().abs().sum() <= 2).item()  # in one piece


def test_an_image_that_is_not_mixed_is_bit_for_bit_what_it_was() -> None:
    images = torch.randn(400, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    examples = mixer({"cutmix": {"probability": 0.3}}).mix(images, torch.arange(400), torch.arange(400), 0)
    assert examples.shares is not None
    untouched = examples.shares == 1
    assert 200 < untouched.sum() < 350
    assert examples.images[untouched].equal(images[untouched])


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0, 100.0])
def test_mixup_s_shares_follow_the_beta_distribution(alpha: float) -> None:
    examples = mixed({"mixup": {"alpha": alpha}}, 20_000, channels=1, size=1)
    assert examples.shares is not None
    # Rounded to a millionth, as near to 0 and 1 as many shares of a small alpha are: float32 has no more digits at 1.
    shares = examples.shares.double().clamp(1e-6, 1 - 1e-6)
    inner = shares[(shares > 1e-6) & (shares < 1 - 1e-6)].numpy()
    beta = stats.beta(alpha, alpha)
    outside = beta.cdf(1e-6)
    assert stats.kstest(inner, lambda share: (beta.cdf(share) - outside) / (1 - 2 * outside)).pvalue > 0.001
    assert stats.binomtest(len(inner), 20_000, 1 - 2 * outside).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_cutmix_s_rectangles_follow_the_beta_distribution_until_they_are_cut_off(alpha: float) -> None:
    """Where a rectangle lies within the image, its area is 1 - Beta of it, in whole pixels: in large images, nearly.

    Whether it does depends on its size; so the law of those that do is that of 1 - Beta, weighted by their chance,
    (1 - side)² for a side as a share of the image's.
    """
    size = 1000
    boxes = mixer({"cutmix": {"alpha": alpha, "probability": 1.0}})._drawn(torch.arange(30_000), 0, size)[1]
    assert boxes is not None
    inside = (boxes.top > 0) & (boxes.left > 0) & (boxes.bottom < size) & (boxes.right < size)
    assert boxes.areas[inside].equal((boxes.bottom - boxes.top)[inside] ** 2)
    grid = torch.linspace(0, 1, 20_001, dtype=torch.float64)[1:-1]
    weights = torch.from_numpy(stats.beta(alpha, alpha).pdf(grid.numpy())) * (1 - grid.sqrt()) ** 2
    expected = (weights * grid).sum() / weights.sum()
    areas = (boxes.areas[inside & (boxes.areas > 0)] / size**2).double()
    assert areas.mean().item() == pytest.approx(expected.item(), abs=0.01)


def test_cutmix_happens_with_its_probability_and_mixup_else() -> None:
    examples = mixed({"mixup": {"alpha": 1.0}, "cutmix": {"probability": 0.3}}, 4000, channels=1, size=32)
    whole = (examples.images == examples.images.round()).flatten(1).all(1)  # mixup makes fractions
    assert stats.binomtest(int(whole.sum()), 4000, 0.3).pvalue > 0.001


@EVERY_MIX
@pytest.mark.parametrize("bounds", [(0, 4, 10, 16), (0, 2, 16), (0, 8, 16)], ids=str)
def test_a_batch_split_at_even_places_is_mixed_as_the_whole_one(
    spec: dict[str, object], bounds: tuple[int, ...]
) -> None:
    images = torch.randn(16, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    labels, samples = torch.randint(0, 10, (16,)), torch.randperm(16)
    whole = mixer(spec).mix(images, labels, samples, 4)
    parts = [
        mixer(spec).mix(images[first:end], labels[first:end], samples[first:end], 4) for first, end in pairwise(bounds)
    ]
    for name in ("images", "labels", "other_labels", "shares"):
        assert torch.cat([getattr(part, name) for part in parts]).equal(getattr(whole, name))


@EVERY_MIX
def test_a_share_depends_on_seed_epoch_and_sample_alone(spec: dict[str, object]) -> None:
    samples = torch.arange(64)
    images, labels = whole_numbers(64), torch.arange(64)
    shares = mixer(spec).mix(images, labels, samples, 1).shares
    assert shares is not None
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    assert mixer(spec).mix(images, labels, samples[order], 1).shares.equal(shares[order])  # type: ignore[union-attr]
    assert not mixer(spec).mix(images, labels, samples, 2).shares.equal(shares)  # type: ignore[union-attr]
    assert not mixer(spec, seed=4).mix(images, labels, samples, 1).shares.equal(shares)  # type: ignore[union-attr]


def test_shares_never_change_between_releases() -> None:
    shares = mixed({"mixup": {}, "cutmix": {}}, 8, size=32).shares
    assert shares is not None
    assert shares.tolist() == pytest.approx(
        [0.198132, 0.238281, 0.423966, 0.289782, 0.669999, 0.102005, 0.859375, 0.237140], abs=1e-6
    )


@EVERY_MIX
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_what_goes_in_is_left_alone_and_what_comes_out_is_channels_last(
    spec: dict[str, object], memory_format: torch.memory_format
) -> None:
    images = torch.randn(8, 3, 8, 8).contiguous(memory_format=memory_format)
    before = images.clone()
    examples = mixer(spec).mix(images, torch.arange(8), torch.arange(8), 1)
    assert images.equal(before)
    assert not examples.images.equal(images)
    assert examples.images.is_contiguous(memory_format=torch.channels_last)
    other = images.contiguous(memory_format=torch.channels_last)
    assert mixer(spec).mix(other, torch.arange(8), torch.arange(8), 1).images.equal(examples.images)
