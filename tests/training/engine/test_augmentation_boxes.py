import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms import v2

from tests.training.pictures import pictures
from training.engine.augmentation.boxes import Boxes, RandomCutout, RandomErasing, WipeOut
from training.engine.counter_rng import Purpose, integers
from training.spec import Cutout, Erasing

CPU = torch.device("cpu")
SAMPLES = torch.arange(20_000)
FILL = {1: torch.tensor([73.2]), 3: torch.tensor([129.3, 124.6, 112.45])}
ROUNDED = {1: [73], 3: [129, 125, 112]}


def cutout(size: int, image_size: int, channels: int = 3) -> RandomCutout:
    return RandomCutout(Cutout(size=size), image_size, 4, WipeOut(image_size, FILL[channels], CPU))


def erasing(spec: Erasing, image_size: int, channels: int = 3) -> RandomErasing:
    return RandomErasing(spec, image_size, 4, WipeOut(image_size, FILL[channels], CPU))


def wiped_out(images: Tensor, boxes: Boxes) -> Tensor:
    """Pixel by pixel."""
    expected = images.clone()
    sides = zip(*(side.tolist() for side in (boxes.top, boxes.bottom, boxes.left, boxes.right)), strict=True)
    for image, (top, bottom, left, right) in zip(expected, sides, strict=True):
        image[top:bottom, left:right] = torch.tensor(ROUNDED[images.shape[3]], dtype=torch.uint8)
    return expected


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "image_size"), [(1, 8), (8, 8), (15, 8), (8, 32), (7, 33), (16, 64)])
def test_cutout_fills_a_square_with_the_mean_and_leaves_the_rest(size: int, image_size: int, channels: int) -> None:
    images, samples = pictures(image_size, channels), torch.arange(12) + 30
    change = cutout(size, image_size, channels)
    rows = integers(samples, image_size, 4, 9, Purpose.CUTOUT_ROW)
    columns = integers(samples, image_size, 4, 9, Purpose.CUTOUT_COLUMN)
    boxes = change.boxes(samples, 9)
    for first, end, centre in ((boxes.top, boxes.bottom, rows), (boxes.left, boxes.right, columns)):
        assert first.equal((centre - size // 2).clamp(min=0))
        assert end.equal((centre - size // 2 + size).clamp(max=image_size))
    assert change(images, samples, 9).equal(wiped_out(images, boxes))


def test_cutout_s_squares_have_their_size_but_at_the_borders_and_never_none() -> None:
    areas = cutout(8, 32).boxes(SAMPLES, 0).areas
    assert areas.max() == 64
    assert areas.min() == 16  # a centre in the lower right corner leaves four by four; in the upper left, four by four
    assert (areas == 64).double().mean().item() == pytest.approx((25 / 32) ** 2, abs=0.012)


def test_a_cutout_as_large_as_a_spec_may_ask_for_leaves_something_of_some_images() -> None:
    areas = cutout(14, 8).boxes(SAMPLES, 0).areas
    assert areas.max() == 64
    assert areas.min() == 49
    assert (cutout(15, 8).boxes(SAMPLES, 0).areas == 64).all()  # and one pixel more would not


def test_each_centre_of_a_cutout_occurs_equally_often() -> None:
    """A square of one pixel is its centre."""
    boxes = cutout(1, 9).boxes(SAMPLES, 0)
    counts = (boxes.top * 9 + boxes.left).bincount()
    assert len(counts) == 81
    assert stats.chisquare(counts.numpy()).pvalue > 0.001


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", [8, 33])
def test_erasing_fills_a_rectangle_with_the_mean_in_some_images(image_size: int, channels: int) -> None:
    images, samples = pictures(image_size, channels).repeat(3, 1, 1, 1), torch.arange(36)
    change = erasing(Erasing(probability=0.5), image_size, channels)
    boxes = change.boxes(samples, 2)
    assert 5 < (boxes.areas > 0).sum() < 31
    assert change(images, samples, 2).equal(wiped_out(images, boxes))


def test_erased_rectangles_are_distributed_as_torchvision_s() -> None:
    """Kolmogorov-Smirnov on areas, shapes and places of 2,000 rectangles each."""
    boxes = erasing(Erasing(probability=1.0), 224).boxes(torch.arange(2000), 0)
    theirs = v2.RandomErasing(p=1, scale=(0.02, 0.33), ratio=(0.3, 10 / 3), value=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [theirs.make_params([torch.empty(3, 224, 224)]) for _ in range(2000)]
    top, left, height, width = (torch.tensor([box[key] for box in drawn]) for key in ("i", "j", "h", "w"))
    assert (boxes.bottom <= 224).all()
    assert (boxes.right <= 224).all()
    for ours, reference in (
        (boxes.areas, height * width),
        ((boxes.bottom - boxes.top) / (boxes.right - boxes.left), height / width),
        (boxes.top, top),
        (boxes.left, left),
    ):
        assert stats.ks_2samp(ours.numpy(), reference.numpy()).pvalue > 0.001


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_erasing_happens_with_its_probability_and_within_its_areas(probability: float) -> None:
    spec = Erasing(probability=probability, smallest_area=0.1, largest_area=0.2, largest_ratio=2.0)
    boxes = erasing(spec, 64).boxes(SAMPLES, 0)
    erased = boxes.areas > 0
    assert stats.binomtest(int(erased.sum()), len(SAMPLES), probability).pvalue > 0.001
    shares = boxes.areas[erased] / 64**2
    assert 0.09 < shares.min() < 0.11
    assert 0.19 < shares.max() < 0.21
    assert shares.mean().item() == pytest.approx(0.15, abs=0.003)


def test_nothing_is_erased_where_no_rectangle_fits() -> None:
    images, samples = pictures(8, 3), torch.arange(12)
    whole = erasing(Erasing(probability=1.0, smallest_area=0.99, largest_area=1.0, largest_ratio=1.0), 8)
    assert whole.boxes(samples, 0).areas.sum() == 0
    assert whole(images, samples, 0).equal(images)


def test_the_images_handed_in_are_left_alone() -> None:
    images = pictures(8, 3)
    before = images.clone()
    assert not cutout(4, 8)(images, torch.arange(12), 0).equal(before)
    assert images.equal(before)
