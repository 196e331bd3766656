"""What a spec says by itself, and what it refuses field by field."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from training.spec import AdamW, Cosine, ResNet, Sgd, TrainingSpec

REPOSITORY = Path(__file__).parents[3]


def refused(**fields: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as refusal:
        TrainingSpec.model_validate({"dataset": "digits", **fields})
    return [(error["loc"], error["msg"]) for error in refusal.value.errors()]


def test_every_default_is_resolved_and_reading_back_gives_the_same() -> None:
    spec = TrainingSpec.model_validate({"dataset": "digits"})
    assert spec.optimizer == Sgd()
    assert spec.schedule == Cosine()
    assert spec.architecture == ResNet(name="resnet18", stem="auto")
    assert TrainingSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("field", "name"),
    [("architecture", "wrn-16-2"), ("optimizer", "muon"), ("schedule", "one_cycle")],
)
def test_a_plain_string_is_short_for_its_name(field: str, name: str) -> None:
    short = TrainingSpec.model_validate({"dataset": "digits", field: name})
    assert short == TrainingSpec.model_validate({"dataset": "digits", field: {"name": name}})
    assert getattr(short, field).name == name


def test_a_policys_name_stands_for_it_too() -> None:
    short, long = (
        TrainingSpec.model_validate({"dataset": "digits", "augmentation": {"policy": policy}})
        for policy in ("randaugment", {"name": "randaugment"})
    )
    assert short == long


def test_a_spec_is_built_in_python_without_dicts() -> None:
    spec = TrainingSpec(dataset="digits", optimizer=AdamW(learning_rate=0.01), batch_size="full")
    assert spec == TrainingSpec.model_validate(
        {"dataset": "digits", "optimizer": {"name": "adamw", "learning_rate": 0.01}, "batch_size": "full"}
    )


def test_a_spec_cannot_be_changed() -> None:
    spec = TrainingSpec(dataset="digits")
    with pytest.raises(ValidationError):
        spec.epochs = 3


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"epoch": 3}, ("epoch",)),
        ({"epochs": "3"}, ("epochs",)),
        ({"epochs": True}, ("epochs",)),
        ({"epochs": 0}, ("epochs",)),
        ({"epochs": 3.0}, ("epochs",)),
        ({"batch_size": 1}, ("batch_size",)),
        ({"batch_size": "half"}, ("batch_size",)),
        ({"batch_size": True}, ("batch_size",)),
        ({"batch_size": None}, ("batch_size",)),
        ({"seed": -1}, ("seed",)),
        ({"seed": 2**32}, ("seed",)),
        ({"dataset": "../secrets"}, ("dataset",)),
        ({"dataset": "digits\n"}, ("dataset",)),
        ({"starting_weights": "../secrets"}, ("starting_weights",)),
        ({"starting_weights": ""}, ("starting_weights",)),
        ({"recipe": "stronger"}, ("recipe",)),
        ({"recipe": ["strong"]}, ("recipe",)),
        ({"validation_fraction": 1}, ("validation_fraction",)),
        ({"architecture": "resnet19"}, ("architecture",)),
        ({"architecture": {"name": "resnet20", "stem": "cifar"}}, ("architecture", "resnet20", "stem")),
        ({"architecture": {"name": "wrn-16-2", "preactivation": True}}, ("architecture", "wrn-16-2", "preactivation")),
        ({"architecture": {"name": "resnet20", "dropout": 1}}, ("architecture", "resnet20", "dropout")),
        ({"optimizer": {"name": "adamw", "momentum": 0.9}}, ("optimizer", "adamw", "momentum")),
        ({"optimizer": {"name": "sgd", "learning_rate": float("nan")}}, ("optimizer", "sgd", "learning_rate")),
        ({"optimizer": {"name": "sgd", "learning_rate": 10**400}}, ("optimizer", "sgd", "learning_rate")),
        ({"optimizer": {"name": "nesterov", "momentum": 0}}, ("optimizer", "nesterov", "momentum")),
        ({"optimizer": {"name": "adam", "betas": [0.9, 1.0]}}, ("optimizer", "adam", "betas", 1)),
        ({"optimizer": {"name": "adam", "sam": {"rho": 0}}}, ("optimizer", "adam", "sam", "rho")),
        ({"schedule": {"name": "multistep"}}, ("schedule", "multistep", "milestones")),
        ({"schedule": {"name": "multistep", "milestones": []}}, ("schedule", "multistep", "milestones")),
        ({"schedule": {"name": "multistep", "milestones": [3, 0]}}, ("schedule", "multistep", "milestones", 1)),
        ({"augmentation": {"policy": "bestaugment"}}, ("augmentation", "policy")),
        ({"augmentation": {"colour": {"hue": 0.6}}}, ("augmentation", "colour", "hue")),
        ({"augmentation": None}, ("augmentation",)),
        ({"regularisation": {"ema": {"decay": 1}}}, ("regularisation", "ema", "decay")),
        ({"regularisation": {"swa": {}}}, ("regularisation", "swa", "start_epoch")),
        ({"time_limit_minutes": 0}, ("time_limit_minutes",)),
        ({"time_limit_minutes": 100_001}, ("time_limit_minutes",)),
        ({"checkpoints": {"interval": 0}}, ("checkpoints", "interval")),
        ({"checkpoints": {"minutes": 0}}, ("checkpoints", "minutes")),
        ({"checkpoints": {"minutes": 10_081}}, ("checkpoints", "minutes")),
        ({"checkpoints": {"keep": 0}}, ("checkpoints", "keep")),
        ({"checkpoints": {"keep": 101}}, ("checkpoints", "keep")),
        ({"checkpoints": {"keep_best": 1}}, ("checkpoints", "keep_best")),
        ({"checkpoints": None}, ("checkpoints",)),
    ],
    ids=str,
)
def test_what_no_field_can_be_is_refused_at_its_path(fields: dict[str, Any], path: tuple[str | int, ...]) -> None:
    assert [place for place, _ in refused(**fields)] == [path]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    fields = {"batch_size": 5000, "micro_batch_size": 3, "augmentation": {"crop": {"padding": 8}, "mixup": {}}}
    assert [place for place, _ in refused(**fields)] == [
        ("micro_batch_size",),
        ("batch_size",),
        ("augmentation", "crop", "padding"),
    ]


def test_a_spec_and_its_recipes_need_no_torch() -> None:
    script = (
        "import sys; from training.spec import TrainingSpec; from training.known.recipe_results import read_results;"
        "TrainingSpec(dataset='digits'); read_results(); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)
