"""What a report says in words, for everything that a spec can ask for."""

from typing import Any, get_args

import pytest
from pydantic import JsonValue

from api.schemas.diagnosis import Diagnosis, Finding, Forecast, Suggestion
from api.views.report.differences import differences
from api.views.report.document import Code, Document, Message, Paragraph, Section, Table
from api.views.report.findings import NOTHING, findings
from api.views.report.html import to_html
from api.views.report.markdown import to_markdown
from api.views.report.optimization_words import OPTIMIZERS, SCHEDULES
from api.views.report.settings import ACTIVATIONS, settings
from api.views.report.text import duration, interval, number, percent, significant
from tests.stage import FACTS
from training.spec import Activation, Optimizer, ResolvedSpec, Schedule, TrainingSpec

NEEDS = {"multistep": {"milestones": [2, 4]}}


def names(union: Any) -> list[str]:
    """Of the kinds of a part."""
    return [kind.model_fields["name"].default for kind in get_args(get_args(union)[0])]


def told(**spec: Any) -> dict[str, tuple[str, str]]:
    found = settings(ResolvedSpec(dataset="digits", **spec), FACTS)
    return {each.name: (each.value, each.meaning) for each in found}


def test_every_kind_has_its_words() -> None:
    assert OPTIMIZERS.keys() == set(names(Optimizer))
    assert SCHEDULES.keys() == set(names(Schedule))
    assert ACTIVATIONS.keys() == set(get_args(Activation))
    optimizers = {told(optimizer=name)["Optimizer"] for name in OPTIMIZERS}
    schedules = {told(schedule={"name": name, **NEEDS.get(name, {})})["Learning rate"] for name in SCHEDULES}
    assert (len(optimizers), len(schedules)) == (len(OPTIMIZERS), len(SCHEDULES))


@pytest.mark.parametrize(
    ("spec", "name", "value"),
    [
        ({"batch_size": 64}, "Batch size", "64 images"),
        ({"batch_size": "full"}, "Batch size", "all training images"),
        ({"architecture": {"name": "resnet20", "residual": False}}, "Residual blocks", "without shortcuts"),
        ({"augmentation": {"flip": True, "crop": {}}}, "Augmentation", "shift by up to 4 pixels and mirror left "
"and right"),
        ({"optimizer": {"name": "adam", "learning_rate": 1e-4}}, "Optimizer", "Adam, learning rate 0.0001"),
        ({"schedule": {"name": "step", "warmup_epochs": 1}}, "Learning rate",
         "steps, times 0.1 every 10 epochs, after a warm-up of 1 epoch"),
        ({"regularisation": {"label_smoothing": 0.1}}, "Label smoothing", "0.1"),
        ({"deterministic": True, "seed": 7}, "Seed", "7, deterministic"),
    ],
)  # fmt: skip
def test_a_setting_has_the_value_that_was_used(spec: dict[str, Any], name: str, value: str) -> None:
    assert told(**spec)[name][0] == value


def test_what_differs_from_a_recipe_is_told_with_both_values() -> None:
    spec = TrainingSpec.model_validate({"dataset": "digits", "recipe": "sprint", "batch_size": 64})
    title, [table] = differences(spec)
    assert title == "What differs from the recipe sprint"
    assert isinstance(table, Table)
    assert table.rows == [(Code("batch_size"), "128", "64")]
    _, [nothing] = differences(ResolvedSpec(dataset="pets"))
    assert not isinstance(nothing, Table)


def test_a_finding_says_what_to_try() -> None:
    patch: dict[str, JsonValue] = {"augmentation": {"flip": True}}
    finding = Finding(
        code="overfitting",
        severity="warning",
        since_epoch=4,
        sentence="It learns by heart.",
        evidence={"test_loss_rise_nats": 0.25},
        epochs=[4],
        suggestion=Suggestion(spec=patch, expected="It closes the gap.", why="It shows more."),
    )
    forecast = Forecast(epoch=9, low=0.5, median=0.6, high=0.75, probability=0.9)
    told = Diagnosis(epochs=5, findings=[finding], forecast=forecast)
    block, expected = findings(told, has_ended=False)
    assert findings(told, has_ended=True) == [block]
    assert isinstance(block, Message)
    document = Document("kind", "title", [], [Section("What the curves say", [block, expected])])
    for text in (to_html(document).replace("&quot;", '"'), to_markdown(document)):
        for words in (
            "Overfitting, since epoch 4",
            "It learns by heart.",
            "test loss rise nats",
            "0.25",
            '{"spec": {"augmentation": {"flip": true}}}',
        ):
            assert words in text, text
        assert "It shows more. It closes the gap." in text
        assert "50.0 to 75.0% with a probability of 90%; the middle is 60.0%" in text
    assert findings(Diagnosis(epochs=0, findings=[], forecast=None), has_ended=False) == []
    assert findings(Diagnosis(epochs=1, findings=[], forecast=None), has_ended=False) == [Paragraph([NOTHING])]


def test_numbers_are_written_as_they_can_be_read() -> None:
    assert [percent(0.12345, 360), percent(0.12345, 10_000), percent(None)] == ["12.3%", "12.35%", "-"]
    assert [number(1.5), number(3e20), number(float("nan")), number(float("-inf"))] == [
        "1.5000",
        "3.00e+20",
        "NaN",
        "-infinity",
    ]
    assert [significant(0.1), significant(5.6490001e-6)] == ["0.1", "0.000005649"]
    assert [significant(123_456_789), significant(3.105e20)] == ["123,456,789", "3.10e+20"]
    assert [duration(9.96), duration(600), duration(86_400)] == ["10.0 seconds", "10 minutes", "24.0 hours"]
    assert [interval(0.5, 360), interval(1.0, 100), interval(0.5, None)] == ["44.9 to 55.1%", "96.3 to 100.0%", ""]
