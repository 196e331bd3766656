"""The recipe of audits fits whatever is uploaded."""

import pytest

from training.known.audit_recipe import LONGEST_SIDE, MOST_EPOCHS, audit_recipe
from training.spec import DataShape, TrainingSpec


@pytest.mark.parametrize("images", [4, 40, 1_000, 50_000, 10**6])
@pytest.mark.parametrize("side", [None, 8, 28, 32, 41, 64, 96, 500])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_audit_is_never_refused_for_what_its_recipe_says(images: int, side: int | None, channels: int) -> None:
    for folds, epochs in ((2, None), (4, None), (2, 1), (4, 2)):
        recipe = audit_recipe(images, side, channels, epochs)
        spec = TrainingSpec.model_validate(
            {**recipe, "dataset": "pets@1", "validation_fold": {"index": folds - 1, "of": folds}}
        )
        trained = spec.image_size or side
        assert trained is not None
        assert trained <= LONGEST_SIDE
        assert spec.augmentation.flip is (channels == 3)
        shape = DataShape(images, 40, 2, trained, channels)
        assert [*spec.conflicts_with(shape)] == []


def test_few_images_are_seen_more_often_and_in_smaller_batches() -> None:
    few, many = audit_recipe(500, 32, 3), audit_recipe(50_000, 32, 3)
    assert (few["epochs"], few["batch_size"]) == (MOST_EPOCHS, 32)
    assert (many["epochs"], many["batch_size"]) == (12, 128)
    assert (few["architecture"]["name"], audit_recipe(500, 224, 3)["architecture"]["name"]) == ("resnet20", "resnet18")
