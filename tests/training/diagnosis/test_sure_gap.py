"""Few training images, known by heart: neither the loss nor the accuracy of the others falls, and both lie far off."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.training.diagnosis.runs import codes, only, run_of, spec
from training.diagnosis import Facts, Run

# A student's run: digits, nine tenths of the training images held out. Recorded; the learning rate falls as a cosine.
COLUMNS: Mapping[str, list[float]] = {
    "train_loss": [
        2.749,
        1.703,
        1.217,
        0.893,
        0.665,
        0.5,
        0.376,
        0.283,
        0.21,
        0.156,
        0.124,
        0.094,
        0.081,
        0.066,
        0.055,
        0.05,
        0.046,
        0.038,
        0.035,
        0.034,
        0.032,
        0.03,
        0.029,
        0.028,
        0.027,
        0.032,
        0.027,
        0.029,
        0.027,
        0.03,
    ],
    "train_accuracy": [
        0.097,
        0.458,
        0.757,
        0.91,
        0.979,
        0.986,
        0.986,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    ],
    "validation_loss": [
        2.261,
        2.155,
        2.053,
        1.952,
        1.839,
        1.708,
        1.57,
        1.438,
        1.31,
        1.183,
        1.046,
        0.943,
        0.846,
        0.761,
        0.7,
        0.655,
        0.614,
        0.582,
        0.566,
        0.549,
        0.538,
        0.529,
        0.519,
        0.516,
        0.508,
        0.502,
        0.503,
        0.502,
        0.501,
        0.497,
    ],
    "validation_accuracy": [
        0.152,
        0.308,
        0.423,
        0.497,
        0.596,
        0.657,
        0.683,
        0.688,
        0.711,
        0.729,
        0.759,
        0.773,
        0.793,
        0.808,
        0.812,
        0.824,
        0.832,
        0.842,
        0.845,
        0.848,
        0.848,
        0.854,
        0.858,
        0.855,
        0.858,
        0.857,
        0.852,
        0.856,
        0.853,
        0.854,
    ],
}
FIELDS: Mapping[str, Any] = {
    "dataset": "digits",
    "optimizer": "adam",
    "schedule": "cosine",
    "validation_fraction": 0.9,
}
FACTS = Facts(train_images=144, validation_images=1293, test_images=360, classes=10, image_size=8, channels=1)


def held_out(
    facts: Facts = FACTS, columns: Mapping[str, list[float]] = COLUMNS, known: Mapping[str, Any] = {}, **fields: Any
) -> Run:
    return run_of(
        **columns, known={"spec": spec(**{**FIELDS, **fields}), "facts": facts, "planned_epochs": 30, **known}
    )


def test_a_gap_that_neither_the_spec_nor_chance_explains_is_overfitting() -> None:
    found = only(held_out())
    assert (found.code, found.severity, found.since_epoch) == ("overfitting", "warning", 7)
    assert "100.0% of them are right, and 85.4% of the validation images" in found.sentence
    assert "1,293 images tell that this is no chance" in found.sentence
    assert "The validation loss, 0.5, is 17 times the train loss." in found.sentence
    assert found.evidence["validation_images"] == 1293
    assert found.evidence["interval_high"] == pytest.approx(0.872, abs=0.001)
    assert found.evidence["loss_over_the_train_loss"] == pytest.approx(17, abs=0.5)
    assert found.epochs == (7, 18, 29)


def test_where_most_images_were_held_out_fewer_are_suggested_and_otherwise_augmentation() -> None:
    for share, suggested in ((0.9, {"validation_fraction": 0.1}), (0.5, {"augmentation": {"crop": {"padding": 1}}})):
        found = only(held_out(validation_fraction=share))
        assert found.suggestion
        assert found.suggestion.spec == suggested


@pytest.mark.parametrize(
    "fields",
    [
        {"augmentation": {"crop": {"padding": 1}}},
        {"augmentation": {"mixup": {"alpha": 1.0}}},
        {"architecture": {"name": "resnet20", "dropout": 0.3}},
    ],
    ids=str,
)
def test_harder_training_images_explain_a_gap(fields: Mapping[str, Any]) -> None:
    assert codes(held_out(**fields)) == []


def test_a_gap_is_not_sure_of_few_images_nor_without_a_spec_nor_while_the_learning_rate_falls() -> None:
    few = Facts(train_images=144, validation_images=60, classes=10)
    assert codes(held_out(few)) == ["noisy_evaluation"]
    assert codes(run_of(**COLUMNS, known={"facts": FACTS})) == []
    assert codes(held_out(known={"has_ended": False, "planned_epochs": 60})) == []


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("validation_accuracy", lambda value: value + 0.05),
        ("validation_loss", lambda value: value / 4),
        ("train_accuracy", lambda value: value * 0.99),
    ],
    ids=["a gap of 10 points", "4 times the train loss", "99 % of the training images"],
)
def test_what_is_nearly_so_is_not_said(column: str, change: Any) -> None:
    columns = {**COLUMNS, column: [change(value) for value in COLUMNS[column]]}
    assert codes(held_out(columns=columns)) == []
