"""What does not fit the data is refused where it stands: at once where the data ships with us, else once loaded."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from training.engine.conflicts import SpecConflict, require_fit
from training.engine.data import Dataset, Split
from training.engine.team import ALONE, Team
from training.plan import Convolution, MaxPool, NetworkPlan, network_plan
from training.spec import DataShape, TrainingSpec

Path = tuple[str | int, ...]
FOLDER = {"dataset": "a_folder"}  # of which nothing is known before it is loaded


def conflicts(**fields: Any) -> list[tuple[Path, str]]:
    """Whatever is refused, whichever validator refuses it; without the name of a kind in its path."""
    try:
        TrainingSpec.model_validate({**FOLDER, **fields})
    except ValidationError as refused:
        return [(error["loc"], error["msg"]) for error in refused.errors()]
    return []


DIGITS = DataShape(train_images=1437, test_images=360, classes=10, image_size=8, channels=1)
AREA = 1 / 64  # of one of the digits' pixels


@pytest.mark.parametrize(
    ("fields", "path", "reason", "fitting"),
    [
        (
            {"batch_size": 1438},
            ("batch_size",),
            "a batch of 1438 is larger than the training set: at most 1437",
            {"batch_size": 1437},
        ),
        (
            {"batch_size": 720, "validation_fraction": 0.5},
            ("batch_size",),
            "a batch of 720 is larger than the training set: at most 719",
            {"batch_size": 719, "validation_fraction": 0.5},
        ),
        (
            {"batch_size": 719, "validation_fold": {"index": 0, "of": 2}},
            ("batch_size",),
            "a batch of 719 is larger than the training set: at most 718",
            {"batch_size": 719, "validation_fold": {"index": 1, "of": 2}},
        ),
        (
            {"validation_fraction": 0.0003},
            ("validation_fraction",),
            "leaves no validation image of 1437: take a larger one, or 0",
            {"validation_fraction": 0.0004},
        ),
        (
            {"validation_fraction": 0.002, "devices": 2},
            ("devices",),
            "3 validation images do not give two to each of 2 devices: at most 1",
            {"validation_fraction": 0.003, "devices": 2},
        ),
        (
            {"architecture": {"name": "resnet18", "stem": "imagenet"}},
            ("architecture", "stem"),
            "8 x 8 pixels are a single one before the last stage: take the cifar stem, or images of 17",
            {"architecture": {"name": "resnet18", "stem": "cifar"}},
        ),
        (
            {"augmentation": {"crop": {"padding": 8}}},
            ("augmentation", "crop", "padding"),
            "8 pixels are as large as the image: at most 7",
            {"augmentation": {"crop": {"padding": 7}}},
        ),
        (
            {"augmentation": {"cutout": {"size": 15}}},
            ("augmentation", "cutout", "size"),
            "15 pixels always wipe out the whole image: at most 14",
            {"augmentation": {"cutout": {"size": 14}}},
        ),
        (
            {"augmentation": {"erasing": {"smallest_area": 0.8, "largest_area": 0.9}}},
            ("augmentation", "erasing", "smallest_area"),
            "no rectangle so large lies within 8 x 8 pixels: at most 0.7656",
            {"augmentation": {"erasing": {"smallest_area": 0.76, "largest_area": 0.9}}},
        ),
        (
            {"augmentation": {"erasing": {"smallest_area": 0.001, "largest_area": AREA - 0.001}}},
            ("augmentation", "erasing", "largest_area"),
            "less than a pixel of 8 x 8: at least 0.015625",
            {"augmentation": {"erasing": {"smallest_area": 0.001, "largest_area": AREA}}},
        ),
        (
            {"augmentation": {"colour": {"saturation": 0.5}}},
            ("augmentation", "colour", "saturation"),
            "the images are grey and have no saturation: set it to 0",
            {"augmentation": {"colour": {"contrast": 0.5}}},
        ),
        (
            {"augmentation": {"colour": {"hue": 0.5, "brightness": 0.1}}},
            ("augmentation", "colour", "hue"),
            "the images are grey and have no hue: set it to 0",
            {"augmentation": {"colour": {"brightness": 0.1}}},
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
def test_a_field_and_the_data(fields: dict[str, Any], path: Path, reason: str, fitting: dict[str, Any]) -> None:
    """Of what ships with us at once, of a folder as soon as it is loaded."""
    assert conflicts(dataset="digits", **fields) == [(path, reason)]
    assert conflicts(dataset="digits", **fitting) == []
    of_a_folder = TrainingSpec.model_validate({**FOLDER, **fields})
    assert [(place, said) for place, _, said in of_a_folder.conflicts_with(DIGITS)] == [(path, reason)]


def test_image_size_counts_as_it_will_be() -> None:
    cutout = {"augmentation": {"cutout": {"size": 16}}}
    assert conflicts(dataset="digits", image_size=16, **cutout) == []
    assert conflicts(dataset="digits", image_size=8, **cutout) != []


def test_no_stage_that_is_accepted_halves_a_single_pixel() -> None:
    """Counted layer by layer, for every stem, at every size around the bound."""
    for name, stem in product(("resnet18", "resnext50-32x4d"), ("cifar", "imagenet")):
        spec = TrainingSpec.model_validate({**FOLDER, "architecture": {"name": name, "stem": stem}})
        for size in range(8, 40):
            plan = network_plan(spec.architecture, size, 3, 10)
            halved = any(side == 1 for side in sides_of_halved_maps(plan))
            refused = [path for path, _, _ in spec.conflicts_with(replace(DIGITS, image_size=size))]
            assert refused == ([("architecture", "stem")] if halved else []), (name, stem, size)


def sides_of_halved_maps(plan: NetworkPlan) -> Iterator[int]:
    side = plan.image_size
    for layer in plan.stem:
        if isinstance(layer, Convolution | MaxPool) and layer.stride == 2:
            side = (side + 1) // 2
    for stage in plan.stages[1:]:
        assert any(isinstance(layer, Convolution) and layer.stride == 2 for layer in stage[0].branch)
        yield side
        side = (side + 1) // 2


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"augmentation": {"mixup": {}}}, ("augmentation", "mixup")),
        ({"augmentation": {"cutmix": {}}}, ("augmentation", "cutmix")),
        ({"regularisation": {"label_smoothing": 0.1}}, ("regularisation", "label_smoothing")),
    ],
)
def test_labels_of_one_class_cannot_be_mixed(fields: dict[str, Any], path: Path) -> None:
    spec = TrainingSpec.model_validate({**FOLDER, **fields})
    assert [place for place, _, _ in spec.conflicts_with(replace(DIGITS, classes=1))] == [path]
    assert list(spec.conflicts_with(replace(DIGITS, classes=2))) == []


def test_every_device_needs_two_images_of_each_split() -> None:
    spec = TrainingSpec.model_validate({**FOLDER, "devices": 4})
    few = replace(DIGITS, test_images=7)
    assert [(path, reason) for path, _, reason in spec.conflicts_with(few)] == [
        (("devices",), "7 test images do not give two to each of 4 devices: at most 3")
    ]
    assert list(spec.conflicts_with(replace(few, test_images=8))) == []
    alone = TrainingSpec.model_validate(FOLDER)
    assert list(alone.conflicts_with(replace(few, test_images=1))) == []


def few_digits(labels: list[int], size: int = 8) -> Dataset:
    split = Split(torch.zeros(len(labels), size, size, 1, dtype=torch.uint8), torch.tensor(labels))
    return Dataset(str(FOLDER["dataset"]), ("cat", "dog"), split, split, "folder")


def refusal(loaded: Dataset, team: Team = ALONE, **fields: Any) -> SpecConflict:
    spec = TrainingSpec.model_validate({**FOLDER, "batch_size": 2, **fields})
    with pytest.raises(SpecConflict) as raised:
        require_fit(spec, loaded, torch.device("cpu"), team)
    return raised.value


def test_a_loaded_data_set_is_held_against_the_spec() -> None:
    dataset = few_digits([0, 0, 1, 1])
    assert refusal(dataset, batch_size=5).path == ("batch_size",)
    assert refusal(dataset, augmentation={"colour": {"hue": 0.1}}).path == ("augmentation", "colour", "hue")
    assert refusal(dataset, precision="fp16").path == ("precision",)
    assert refusal(dataset, dataset="another").path == ("dataset",)
    assert refusal(dataset, image_size=16).path == ("image_size",)
    assert refusal(dataset, team=Team(0, 2)).path == ("devices",)
    require_fit(TrainingSpec.model_validate({**FOLDER, "batch_size": 4}), dataset, torch.device("cpu"), ALONE)


def test_a_class_keeps_an_image_to_train_on() -> None:
    lonely = refusal(few_digits([0, 0, 0, 0, 0, 0, 0, 1]), validation_fraction=0.7)
    assert lonely.path == ("validation_fraction",)
    assert str(lonely) == "leaves class 'dog' no image to train on: take a smaller one, or 0"
    spec = TrainingSpec.model_validate({**FOLDER, "batch_size": 2, "validation_fraction": 0.5})
    require_fit(spec, few_digits([0, 0, 0, 0, 1, 1, 1, 1]), torch.device("cpu"), ALONE)


def test_a_class_of_one_image_does_not_keep_a_fold_from_training() -> None:
    """The fold that holds it out does not learn it; the others do."""
    for index in (0, 1):
        fold = {"index": index, "of": 2}
        spec = TrainingSpec.model_validate({**FOLDER, "batch_size": 2, "validation_fold": fold})
        require_fit(spec, few_digits([0, 0, 0, 0, 1]), torch.device("cpu"), ALONE)


def test_there_are_no_more_folds_than_images() -> None:
    refused = refusal(few_digits([0, 0, 1]), validation_fold={"index": 0, "of": 4})
    assert refused.path == ("validation_fold", "of")
    assert str(refused) == "3 training images are not enough for 4 parts: at most 3"
