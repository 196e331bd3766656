"""What can be said of starting weights, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from training.spec import TrainingSpec

FACTOR = "starting_weights_learning_rate_factor"
GIVEN = {"dataset": "digits", "starting_weights": "earlier"}


@pytest.mark.parametrize(
    "fields",
    [
        {"freeze": "stem"},
        {"freeze": "all-but-head"},
        {"freeze": "stem", FACTOR: 0.1},
        {"freeze": "stem", "optimizer": "muon"},
        {"freeze": "all-but-head", "regularisation": {"swa": {"start_epoch": 3}}},
        {FACTOR: 1.0},
    ],
)
def test_what_goes_together_is_accepted(fields: dict[str, Any]) -> None:
    accepted = TrainingSpec.model_validate({**GIVEN, **fields})
    assert TrainingSpec.model_validate(accepted.model_dump(mode="json")) == accepted


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"freeze": "stem", "starting_weights": None}, ("freeze",), "without starting_weights"),
        ({FACTOR: 0.5, "starting_weights": None}, (FACTOR,), "without starting_weights"),
        ({"freeze": "all-but-head", FACTOR: 0.5}, (FACTOR,), "the head alone learns"),
        ({"freeze": "all-but-head", "optimizer": "muon"}, ("optimizer", "name"), "the head has none"),
        ({"freeze": "head"}, ("freeze",), "'none', 'stem' or 'all-but-head'"),
        ({FACTOR: 0}, (FACTOR,), "greater than 0"),
        ({FACTOR: 1.5}, (FACTOR,), "less than or equal to 1"),
    ],
)
def test_what_would_have_no_effect_is_refused(fields: dict[str, Any], path: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TrainingSpec.model_validate({**GIVEN, **fields})
    [error] = refused.value.errors()
    assert error["loc"] == path
    assert reason in error["msg"]
