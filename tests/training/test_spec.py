import json
from typing import Any

import pytest
from pydantic import ValidationError

from training.spec import Cosine, ResNet, Sgd, TrainingSpec


def refusals(**fields: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as refused:
        TrainingSpec.model_validate({"dataset": "digits", **fields})
    return [(error["loc"], error["msg"]) for error in refused.value.errors()]


def test_every_default_is_resolved_and_reading_back_gives_the_same() -> None:
    spec = TrainingSpec.model_validate({"dataset": "digits"})
    assert spec.optimizer == Sgd()
    assert spec.schedule == Cosine()
    assert spec.architecture == ResNet(name="resnet18", stem="auto")
    assert TrainingSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_stored_by_release_0_1_is_read() -> None:
    """Whatever later releases add has a default, so what this release stores stays readable."""
    stored = {
        "dataset": "cifar100",
        "architecture": {"name": "resnet34", "stem": "cifar"},
        "image_size": None,
        "epochs": 200,
        "batch_size": 128,
        "optimizer": {
            "name": "adamw",
            "learning_rate": 0.001,
            "betas": [0.9, 0.999],
            "epsilon": 1e-8,
            "weight_decay": 0.01,
        },
        "schedule": {"warmup_epochs": 5, "name": "multistep", "milestones": [60, 120], "gamma": 0.2},
        "augmentation": {"crop": {"padding": 4, "padding_mode": "reflect"}, "flip": True},
        "precision": "bf16",
        "logging_interval": 10,
        "seed": 1,
    }
    assert TrainingSpec.model_validate_json(json.dumps(stored)).model_dump(mode="json") == stored


@pytest.mark.parametrize("field", ["architecture", "optimizer", "schedule"])
def test_a_plain_string_is_short_for_its_name(field: str) -> None:
    name = {"architecture": "resnet20", "optimizer": "adam", "schedule": "constant"}[field]
    short = TrainingSpec.model_validate({"dataset": "digits", field: name})
    assert short == TrainingSpec.model_validate({"dataset": "digits", field: {"name": name}})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"epoch": 3}, ("epoch",)),
        ({"epochs": "3"}, ("epochs",)),
        ({"epochs": True}, ("epochs",)),
        ({"epochs": 0}, ("epochs",)),
        ({"batch_size": 1}, ("batch_size",)),
        ({"seed": -1}, ("seed",)),
        ({"dataset": "../secrets"}, ("dataset",)),
        ({"architecture": "resnet19"}, ("architecture",)),
        ({"architecture": {"name": "resnet20", "stem": "cifar"}}, ("architecture", "resnet20", "stem")),
        ({"optimizer": {"name": "adamw", "momentum": 0.9}}, ("optimizer", "adamw", "momentum")),
        ({"optimizer": {"name": "sgd", "learning_rate": float("nan")}}, ("optimizer", "sgd", "learning_rate")),
        ({"optimizer": {"name": "sgd", "momentum": 0.0, "nesterov": True}}, ("optimizer", "sgd", "nesterov")),
        ({"optimizer": {"name": "adam", "betas": [0.9, 1.0]}}, ("optimizer", "adam", "betas", 1)),
        ({"schedule": {"name": "cosine", "warmup_epochs": 30}}, ("schedule", "warmup_epochs")),
        ({"schedule": {"name": "cosine", "final_learning_rate": 0.2}}, ("schedule", "final_learning_rate")),
        ({"schedule": {"name": "multistep", "milestones": [9, 9]}}, ("schedule", "multistep", "milestones", 1)),
        ({"schedule": {"name": "multistep", "milestones": [9, 30]}}, ("schedule", "milestones", 1)),
        ({"schedule": {"name": "multistep", "milestones": [2], "warmup_epochs": 3}}, ("schedule", "milestones", 0)),
        ({"batch_size": 1438}, ("batch_size",)),
        ({"augmentation": {"crop": {"padding": 8}}}, ("augmentation", "crop", "padding")),
    ],
)
def test_what_cannot_be_is_refused_at_its_path(fields: dict[str, Any], path: tuple[str | int, ...]) -> None:
    assert path in [place for place, _ in refusals(**fields)]


def test_a_refusal_says_what_would_be_right() -> None:
    assert refusals(batch_size=5000) == [
        (("batch_size",), "a batch of 5000 is larger than the training set: at most 1437")
    ]


def test_the_schema_shows_the_short_form_to_who_sends_and_not_to_who_reads() -> None:
    sent = TrainingSpec.model_json_schema()["properties"]["optimizer"]
    assert {"adam", "adamw", "sgd"} == set(sent["anyOf"][1]["enum"])
    assert "anyOf" not in TrainingSpec.model_json_schema(mode="serialization")["properties"]["optimizer"]
