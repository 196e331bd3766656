"""Recipes: what they fill in, what goes before them, and what they were measured to reach."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.training.spec_bodies import bodies
from training.known.recipe_results import RecipeResult, read_results, save_result
from training.known.recipes import RECIPES, RecipeName, RecipeNotFound, fill_from_recipe, find_recipe
from training.spec import AdamW, Augmentation, Nesterov, ResNet, Sgd, TrainingSpec


def by(recipe: str, **body: Any) -> TrainingSpec:
    return TrainingSpec.model_validate({"dataset": "cifar100", "recipe": recipe, **body})


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_a_whole_spec_by_itself(name: RecipeName) -> None:
    spec, said = by(name), RECIPES[name].spec
    for field in TrainingSpec.model_fields:
        if field not in said and field not in ("recipe", "dataset"):
            assert getattr(spec, field) == getattr(TrainingSpec(dataset="cifar100"), field), field
    assert spec.epochs == said["epochs"]
    assert {"architecture", "epochs", "batch_size", "optimizer", "schedule"} <= said.keys()


def test_whatever_the_body_says_goes_before() -> None:
    spec = by("standard", epochs=10, optimizer={"learning_rate": 0.2}, augmentation={"flip": False})
    assert spec.epochs == 10
    assert spec.optimizer == Nesterov(
        learning_rate=0.2, weight_decay=RECIPES["standard"].spec["optimizer"]["weight_decay"]
    )
    assert spec.augmentation.crop is not None, "the recipe's"
    assert not spec.augmentation.flip


RECIPE: dict[str, Any] = {
    "architecture": "resnet18",
    "epochs": 7,
    "optimizer": {"name": "sgd", "momentum": 0.8, "sam": {"rho": 0.1}},
    "augmentation": {"crop": {"padding": 4}, "policy": "trivialaugment"},
}


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ({}, "epochs", 7),
        ({"epochs": 8}, "epochs", 8),
        ({"optimizer": {"momentum": 0.7}}, "optimizer", {"name": "sgd", "momentum": 0.7, "sam": {"rho": 0.1}}),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "optimizer", RECIPE["optimizer"] | {"nesterov": True}),
        ({"optimizer": "sgd"}, "optimizer", RECIPE["optimizer"]),
        ({"optimizer": {"name": "adam"}}, "optimizer", {"name": "adam"}),
        ({"optimizer": "adam"}, "optimizer", "adam"),
        ({"optimizer": {"sam": None}}, "optimizer", {"name": "sgd", "momentum": 0.8, "sam": None}),
        ({"optimizer": None}, "optimizer", None),
        ({"architecture": {"dropout": 0.1}}, "architecture", {"name": "resnet18", "dropout": 0.1}),
        ({"architecture": {"name": "resnet34"}}, "architecture", {"name": "resnet34"}),
        ({"architecture": "resnet34"}, "architecture", "resnet34"),
        ({"augmentation": {"crop": None}}, "augmentation", {"crop": None, "policy": "trivialaugment"}),
        (
            {"augmentation": {"policy": {"name": "randaugment"}}},
            "augmentation",
            {"crop": {"padding": 4}, "policy": {"name": "randaugment"}},
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_part_is_filled_in_field_by_field_where_it_is_of_the_same_kind(
    body: dict[str, Any], field: str, expected: object
) -> None:
    assert fill_from_recipe(RECIPE, body)[field] == expected
    assert fill_from_recipe(RECIPE, body).keys() == RECIPE.keys()


def test_parts_given_as_objects_replace_the_recipes() -> None:
    spec = TrainingSpec(dataset="cifar100", recipe="strong", optimizer=AdamW(), augmentation=Augmentation(flip=True))
    assert spec.optimizer == AdamW()
    assert spec.augmentation == Augmentation(flip=True)
    assert spec.regularisation.label_smoothing == RECIPES["strong"].spec["regularisation"]["label_smoothing"]


def test_another_kind_takes_nothing_over_from_the_recipes() -> None:
    assert by("standard", optimizer="sgd").optimizer == Sgd()
    assert by("state-of-the-art", architecture="resnet18").architecture == ResNet(name="resnet18")


def test_what_a_recipe_fills_in_is_held_against_the_body() -> None:
    with pytest.raises(ValidationError) as refused:
        by("standard", augmentation={"resized_crop": {}})
    [error] = refused.value.errors()
    assert (error["loc"], error["msg"]) == (
        ("augmentation", "resized_crop"),
        "crop is there already: set one of them to null",
    )
    assert by("standard", augmentation={"crop": None, "resized_crop": {}}).augmentation.crop is None


@settings(max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(list(RECIPES)), bodies())
def test_a_resolved_spec_is_read_back_as_it_is_whatever_the_body_took_away(
    recipe: RecipeName, body: dict[str, Any]
) -> None:
    try:
        spec = TrainingSpec.model_validate({**body, "dataset": "cifar100", "recipe": recipe})
    except ValidationError:
        return
    written = spec.model_dump(mode="json")
    assert TrainingSpec.from_stored(written) == spec
    assert TrainingSpec.model_validate(written) == spec, "sent as a new job, it is the same job"
    assert TrainingSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    "body",
    [
        {"augmentation": {"crop": None, "policy": None, "cutmix": None}, "regularisation": {"ema": None}},
        {"optimizer": "muon", "schedule": "plateau"},
        {"architecture": "resnet20", "optimizer": {"sam": None}},
        {"architecture": {"activation": "gelu"}},
        {"image_size": None, "micro_batch_size": None},
    ],
    ids=str,
)
def test_what_a_body_took_away_stays_away(body: dict[str, Any]) -> None:
    spec = by("strong", **body)
    assert TrainingSpec.model_validate_json(spec.model_dump_json()) == spec
    assert spec.augmentation.crop is None or "augmentation" not in body


def test_a_recipe_is_found_by_its_name() -> None:
    assert find_recipe("standard") == ("standard", RECIPES["standard"])
    with pytest.raises(RecipeNotFound, match=r"There is no recipe 'x{64}'; there is lab-baseline, standard"):
        find_recipe("x" * 1000)


def result(**fields: Any) -> RecipeResult:
    return RecipeResult.model_validate(
        {
            "recipe": "standard",
            "architecture": "resnet20",
            "dataset": "cifar100",
            "epochs": 15,
            "seeds": (0, 1),
            "test_accuracy_mean": 0.62,
            "test_accuracy_deviation": 0.002,
            "seconds": 480.0,
            "device": "a processor",
            "torch_version": "2.15.0",
            "date": date(2026, 1, 2),
            **fields,
        }
    )


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_text("[]")
    return path


def test_what_is_recorded_is_read(empty: Path) -> None:
    assert list(read_results(empty)) == []
    save_result(result(), empty)
    save_result(result(recipe="sprint", seeds=(0,), test_accuracy_deviation=None), empty)
    assert list(read_results(empty)) == [
        result(recipe="sprint", seeds=(0,), test_accuracy_deviation=None),
        result(),
    ]
    assert [path.name for path in empty.parent.iterdir()] == ["results.json"]


def test_a_later_measurement_takes_the_place_of_an_earlier_one_of_the_same(empty: Path) -> None:
    first, other = result(), [
        result(architecture="resnet18"), result(dataset="cifar10"), result(epochs=200), result(recipe="strong"),
    ]  # fmt: skip
    for each in (first, *other):
        save_result(each, empty)
    later = result(seeds=(0, 1, 2), test_accuracy_mean=0.63)
    save_result(later, empty)
    assert set(read_results(empty)) == {later, *other}
    assert len(read_results(empty)) == 5


def test_what_ships_is_of_recipes_that_there_are() -> None:
    assert {record.recipe for record in read_results()} <= set(RECIPES)
    assert len({record.measured for record in read_results()}) == len(read_results())
