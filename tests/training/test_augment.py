import pytest
import torch
from torch.nn import functional

from training.augment import Augmenter
from training.draws import Purpose, integers
from training.spec import Augmentation, Crop

IMAGES = torch.randint(0, 256, (40, 9, 9, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SAMPLES = torch.arange(40)


def test_without_augmentation_images_are_as_they_are() -> None:
    assert Augmenter(Augmentation(), IMAGES, seed=0).batch(SAMPLES[5:9], epoch=0).equal(IMAGES[5:9])


@pytest.mark.parametrize(("padding_mode", "torch_mode"), [("zeros", "constant"), ("reflect", "reflect")])
def test_crop_and_flip_are_torch_s_padding_then_a_window_then_a_mirror(padding_mode: str, torch_mode: str) -> None:
    spec = Augmentation.model_validate({"crop": {"padding": 4, "padding_mode": padding_mode}, "flip": True})
    augmented = Augmenter(spec, IMAGES, seed=7).batch(SAMPLES, epoch=2)

    rows = integers(SAMPLES, 9, 7, 2, Purpose.CROP_ROW)
    columns = integers(SAMPLES, 9, 7, 2, Purpose.CROP_COLUMN)
    mirrored = integers(SAMPLES, 2, 7, 2, Purpose.FLIP).bool()
    for sample in SAMPLES.tolist():
        image = IMAGES[sample].permute(2, 0, 1).float()
        padded = functional.pad(image[None], (4, 4, 4, 4), mode=torch_mode)[0]
        window = padded[:, rows[sample] : rows[sample] + 9, columns[sample] : columns[sample] + 9]
        if mirrored[sample]:
            window = window.flip(2)
        assert augmented[sample].permute(2, 0, 1).float().equal(window)


def test_every_offset_and_both_sides_occur() -> None:
    rows = integers(torch.arange(2000), 9, 0, 0, Purpose.CROP_ROW)
    assert set(rows.tolist()) == set(range(9))
    flips = integers(torch.arange(2000), 2, 0, 0, Purpose.FLIP).double().mean().item()
    assert 0.45 < flips < 0.55


def test_a_sample_looks_the_same_in_any_batch_and_different_in_another_epoch() -> None:
    augmenter = Augmenter(Augmentation(crop=Crop(), flip=True), IMAGES, seed=0)
    whole = augmenter.batch(SAMPLES, epoch=1)
    assert augmenter.batch(torch.tensor([31, 4]), epoch=1).equal(whole[[31, 4]])
    assert not augmenter.batch(SAMPLES, epoch=2).equal(whole)
