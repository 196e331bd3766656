import pytest
import torch

from training.engine import normalisation
from training.engine.normalisation import Normalisation


@pytest.fixture
def images() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (50, 6, 6, 3), dtype=torch.uint8, generator=draw)
    images[..., 1] //= 3
    return images


@pytest.mark.parametrize("at_once", [1, 100, 10**6])
@pytest.mark.parametrize("rows", [torch.arange(50), torch.tensor([49, 3, 4, 20, 11])])
def test_statistics_are_those_of_the_rows(
    images: torch.Tensor, rows: torch.Tensor, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalisation, "PIXELS_AT_ONCE", at_once)
    found, pixels = Normalisation.of(images, rows), images[rows].double()
    torch.testing.assert_close(found.mean, pixels.mean((0, 1, 2)).float(), rtol=1e-7, atol=0)
    torch.testing.assert_close(found.deviation, pixels.std((0, 1, 2), correction=0).float(), rtol=1e-7, atol=0)


def test_statistics_do_not_depend_on_the_order_of_the_rows(images: torch.Tensor) -> None:
    one, other = (Normalisation.of(images, rows) for rows in (torch.arange(50), torch.arange(50).flip(0)))
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.deviation, other.deviation)


def test_a_data_set_is_brought_to_mean_0_and_deviation_1(images: torch.Tensor) -> None:
    normalised = Normalisation.of(images, torch.arange(50))(images)
    assert (normalised.dtype, normalised.shape) == (torch.float32, (50, 3, 6, 6))
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.std((0, 2, 3), correction=0), torch.ones(3))


def test_channels_stay_apart() -> None:
    normalise = Normalisation(torch.tensor([0.0, 100.0, 50.0]), torch.tensor([1.0, 2.0, 5.0]))
    assert normalise(torch.full((1, 1, 1, 3), 100, dtype=torch.uint8)).flatten().tolist() == [100.0, 0.0, 10.0]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_constant_channel_becomes_0(channels: int) -> None:
    images = torch.full((4, 8, 8, channels), 90, dtype=torch.uint8)
    assert Normalisation.of(images, torch.arange(4))(images).count_nonzero() == 0


def test_images_are_left_as_they_are(images: torch.Tensor) -> None:
    before = images.clone()
    Normalisation.of(images, torch.arange(50))(images)
    assert torch.equal(images, before)
