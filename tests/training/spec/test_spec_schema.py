"""The JSON schema of a spec is enough to build a form from."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from training.spec import TrainingSpec

Field = Mapping[str, Any]

# Numbers that are of no unit: factors, exponents, counts of what their name says, a radius in the weights' own space.
PURE_NUMBERS = {
    "adaptive", "alpha", "betas", "brightness", "contrast", "cycle_factor", "decay", "epsilon", "final_divisor",
    "final_learning_rate", "first_learning_rate", "gamma", "gradient_clipping", "index", "largest_ratio",
    "learning_rate", "minimum", "momentum", "momentum_decay", "norm_weight_decay", "operations", "power",
    "rest_learning_rate", "rest_weight_decay", "rho", "saturation", "seed", "start_divisor", "weight_decay",
}  # fmt: skip
FEWEST_LETTERS = 20  # of a description that says what a field means

MODES: tuple[Literal["validation", "serialization"], ...] = ("validation", "serialization")


def parts(schema: Field) -> Iterator[tuple[str, Field]]:
    yield "TrainingSpec", schema
    yield from schema["$defs"].items()


def every_field(schema: Field) -> Iterator[tuple[str, str, Field]]:
    for part, definition in parts(schema):
        for name, field in definition["properties"].items():
            yield part, name, field


def leaves(field: Field) -> Iterator[Field]:
    """What may stand in a field, without the parts that it refers to, which are visited by themselves."""
    inner = [*field.get("anyOf", ()), *field.get("oneOf", ()), *field.get("prefixItems", ())]
    if field.get("type") == "array" and "items" in field:
        inner.append(field["items"])
    if not inner:
        yield field
    for each in inner:
        yield from leaves(each)


@pytest.fixture(scope="module", params=MODES)
def schema(request: pytest.FixtureRequest) -> Field:
    return TrainingSpec.model_json_schema(mode=request.param)


def test_the_whole_spec_is_there(schema: Field) -> None:
    assert set(schema["properties"]) == set(TrainingSpec.model_fields)
    assert len(schema["$defs"]) >= 45  # six architectures, 13 optimizers, ten schedules, and the rest
    assert len(list(every_field(schema))) >= 200


def test_every_part_and_every_field_has_a_title_and_says_what_it_means(schema: Field) -> None:
    for part, definition in parts(schema):
        assert definition["title"], part
        assert len(definition["description"]) >= FEWEST_LETTERS or part == "Regularisation", part
        assert "\n" not in definition["description"], part
    for part, name, field in every_field(schema):
        assert re.match(r"[A-Z]", field["title"]), (part, name)
        assert "_" not in field["title"], (part, name)
        description = field.get("description", "")
        assert len(description) >= FEWEST_LETTERS, (part, name, description)
        assert re.match(r"[A-Z`\"]", description), (part, name, description)
        assert description.endswith("."), (part, name, description)


def test_every_field_has_a_default_or_is_required(schema: Field) -> None:
    required = {(part, name) for part, definition in parts(schema) for name in definition.get("required", ())}
    for part, name, field in every_field(schema):
        assert "default" in field or (part, name) in required, (part, name)


def test_who_sends_must_say_only_what_has_no_default() -> None:
    schema = TrainingSpec.model_json_schema()
    without = {part: definition.get("required", []) for part, definition in parts(schema)}
    assert without.pop("TrainingSpec") == ["dataset"]
    assert without.pop("Swa") == ["start_epoch"]
    assert without.pop("MultiStep") == ["name", "milestones"]
    assert without.pop("ValidationFold") == ["index", "of"]
    for part, names in without.items():
        kinds = "name" in schema["$defs"][part]["properties"]
        assert names == (["name"] if kinds else []), part


def test_every_number_has_bounds_on_both_sides(schema: Field) -> None:
    checked = 0
    for part, name, field in every_field(schema):
        for leaf in leaves(field):
            if leaf.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & leaf.keys(), (part, name)
                assert {"maximum", "exclusiveMaximum"} & leaf.keys(), (part, name)
                checked += 1
    assert checked >= 120


def test_every_text_is_of_a_pattern_or_one_of_several(schema: Field) -> None:
    for part, name, field in every_field(schema):
        for leaf in leaves(field):
            if leaf.get("type") == "string":
                assert {"pattern", "enum", "const"} & leaf.keys(), (part, name)


def test_every_number_has_a_unit_or_is_known_to_have_none(schema: Field) -> None:
    units = set()
    for part, name, field in every_field(schema):
        if any(leaf.get("type") in ("integer", "number") for leaf in leaves(field)):
            assert ("unit" in field) != (name in PURE_NUMBERS), (part, name)
            units.add(field.get("unit"))
    assert {"epochs", "images", "pixels", "steps", "degrees", "probability", "devices"} <= units


def test_bounds_are_those_that_are_checked() -> None:
    schema = TrainingSpec.model_json_schema()
    for name, field in schema["properties"].items():
        for leaf in leaves(field):
            if leaf.get("type") != "integer":
                continue
            for beyond in (leaf["minimum"] - 1, leaf.get("maximum", leaf.get("exclusiveMaximum", 0) - 1) + 1):
                with pytest.raises(ValidationError) as refused:
                    TrainingSpec.model_validate({"dataset": "folder", name: beyond})
                assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_every_default_of_the_schema_is_what_an_empty_body_means() -> None:
    properties = TrainingSpec.model_json_schema()["properties"]
    resolved = TrainingSpec(dataset="digits").model_dump(mode="json")
    for name, field in properties.items():
        if name != "dataset":
            assert field["default"] == resolved[name], name


def test_the_schema_shows_the_short_form_to_who_sends_and_not_to_who_reads() -> None:
    sent = TrainingSpec.model_json_schema()["properties"]["optimizer"]
    assert {"gd", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "lion",
            "lamb", "muon"} == set(sent["anyOf"][1]["enum"])  # fmt: skip
    assert "anyOf" not in TrainingSpec.model_json_schema(mode="serialization")["properties"]["optimizer"]
