"""What a release has stored, every later one reads, with the same meaning."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.training.spec_bounds import current_bounds, narrowed
from training.known.recipes import RECIPES, Recipe
from training.spec import ResolvedSpec, TrainingSpec

GOLDEN = Path(__file__).parent / "golden"  # each release's stored specs, which no later one changes

# What has been added since a release, at what changes nothing about a spec of that release.
ADDED_SINCE_0_3: Mapping[str, Any] = {
    "validation_fold": None,
    "freeze": "none",
    "starting_weights_learning_rate_factor": 1.0,
}
ADDED_SINCE_0_2: Mapping[str, Any] = {
    **ADDED_SINCE_0_3,
    "checkpoints": {"interval": 1, "minutes": 10.0, "keep": 2, "keep_best": True},
    "time_limit_minutes": None,
}
ADDED_SINCE_0_1: Mapping[str, Any] = {
    **ADDED_SINCE_0_2,
    "recipe": None,
    "resize": "crop",
    "unreadable_images": "refuse",
    "validation_fraction": 0.0,
    "placement": "auto",
    "starting_weights": None,
    "micro_batch_size": None,
    "regularisation": {
        "label_smoothing": 0.0, "gradient_clipping": None, "ema": None, "swa": None, "early_stopping": None,
    },
    "compile": "auto",
    "deterministic": False,
    "devices": 1,
    "evaluation_interval": 1,
    "architecture": {
        "activation": "relu", "residual": True, "squeeze_excitation": False, "zero_init_last_norm": False,
        "stochastic_depth": 0.0, "dropout": 0.0, "preactivation": False,
    },
    "optimizer": {"norm_weight_decay": None, "sam": None},
    "augmentation": dict.fromkeys(
        ("resized_crop", "policy", "rotation", "colour", "cutout", "erasing", "mixup", "cutmix")
    ),
}  # fmt: skip
ADDED_SINCE: Mapping[str, Mapping[str, Any]] = {"0.1": ADDED_SINCE_0_1, "0.2": ADDED_SINCE_0_2, "0.3": ADDED_SINCE_0_3}


def stored(release: str) -> list[dict[str, Any]]:
    specs: list[dict[str, Any]] = json.loads((GOLDEN / f"{release}.json").read_text())
    return specs


def every_stored_spec() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(GOLDEN.glob("*.json")):
        for spec in stored(file.stem):
            yield file.stem, spec


def without(spec: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """`spec`, less what is in it as in `added`."""
    left = {}
    for name, value in spec.items():
        if isinstance(value, dict) and isinstance(added.get(name), dict) and value != added[name]:
            left[name] = without(value, added[name])
        elif name not in added or value != added[name]:
            left[name] = value
    return left


def test_there_are_stored_specs_of_every_release() -> None:
    assert {release for release, _ in every_stored_spec()} == ADDED_SINCE.keys()


@pytest.mark.parametrize(("release", "spec"), list(every_stored_spec()))
def test_a_stored_spec_is_read_and_says_what_it_said(release: str, spec: dict[str, Any]) -> None:
    read = ResolvedSpec.from_stored(spec).model_dump(mode="json")
    assert without(read, ADDED_SINCE[release]) == spec


@pytest.mark.parametrize("release", ["0.2", "0.3"])
def test_the_specs_stored_by_a_release_say_something_of_every_field_it_had(release: str) -> None:
    """So that a field that is renamed, or means something else, is noticed."""
    unsaid = TrainingSpec.model_fields.keys() - ADDED_SINCE[release].keys()
    plain = TrainingSpec(dataset="digits").model_dump(mode="json")
    for spec in stored(release):
        unsaid -= {name for name, value in spec.items() if value != plain[name]}
    assert unsaid == set()


@pytest.mark.parametrize("file", sorted((GOLDEN / "bounds").glob("*.json")), ids=lambda file: file.stem)
def test_what_a_field_may_be_widens_from_release_to_release_and_never_narrows(file: Path) -> None:
    assert narrowed(json.loads(file.read_text()), current_bounds()) == []


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"minimum": 1}, {"minimum": 2}),
        ({"maximum": 9}, {"maximum": 8}),
        ({}, {"exclusiveMinimum": 0}),
        ({}, {"pattern": "^a"}),
        ({"values": ["a", "b"]}, {"values": ["a"]}),
    ],
)
def test_a_narrowing_is_found(then: dict[str, Any], now: dict[str, Any]) -> None:
    assert narrowed({"field": then}, {"field": now}) == ["field"]
    assert narrowed({"field": now}, {"field": then}) == []
    assert narrowed({"field": then}, {}) == ["field"]


def test_a_recipe_that_changes_changes_no_stored_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = TrainingSpec.model_validate({"dataset": "cifar100", "recipe": "standard"})
    written = spec.model_dump(mode="json")
    del written["regularisation"]["label_smoothing"]  # as if the field had been added since
    changed = Recipe("title", "description", {"regularisation": {"label_smoothing": 0.2}})
    monkeypatch.setitem(RECIPES, "standard", changed)
    assert ResolvedSpec.from_stored(written) == spec


def test_a_conflict_that_was_none_then_does_not_make_a_job_unreadable() -> None:
    written = TrainingSpec(dataset="digits").model_dump(mode="json") | {"batch_size": 5000}
    assert ResolvedSpec.from_stored(written).batch_size == 5000
