"""Predictions that would be too large are not stored, and the job says so."""

from types import SimpleNamespace
from typing import Any

import pytest

from training.images.predictions import MOST_BYTES
from training.spec import TrainingSpec
from worker import training_run
from worker.messages import Report, Trouble

FOLD = {"index": 0, "of": 5}


def trainer_of(prediction_bytes: int) -> Any:
    return SimpleNamespace(evaluator=SimpleNamespace(prediction_bytes=prediction_bytes))


@pytest.mark.parametrize(
    ("fields", "size", "stored"),
    [({}, MOST_BYTES, True), ({}, MOST_BYTES + 1, False), ({"validation_fold": FOLD}, MOST_BYTES + 1, True)],
)
def test_up_to_a_bound_and_for_an_audit_always(fields: dict[str, Any], size: int, stored: bool) -> None:
    order: Any = SimpleNamespace(spec=TrainingSpec.model_validate({"dataset": "digits", **fields}))
    assert training_run._judges(order, trainer_of(size)) is stored


def test_it_says_how_large_they_would_be_and_what_can_be_done() -> None:
    said = list[Report]()
    training_run._say_that_none_are_stored(trainer_of(100 * 2**20), said.append)
    [trouble] = said
    assert isinstance(trouble, Trouble)
    assert trouble.event == "predictions_left_out"
    assert "100 MiB, and are stored up to 64 MiB" in trouble.message
    assert "/evaluations" in trouble.message
