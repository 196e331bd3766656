"""What a run's curves mean."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import diagnosis as measured
from benchmarks.diagnosis_generated import made
from benchmarks.result import RESULTS
from tests.training.diagnosis.runs import codes, only, run_of, spec
from training.diagnosis import DataFinding, Facts, Run, StepLoss, diagnose, forecast
from training.diagnosis.__main__ import main
from training.diagnosis.diagnosing import RULES
from training.diagnosis.files import from_csv, from_file
from training.diagnosis.reading import Reading
from training.spec import TrainingSpec, merge_patch

LAB = measured.LAB
EPOCHS = np.arange(30)
FALLING = (0.15 + 2.15 * np.exp(-EPOCHS / 3)).tolist()


def test_the_labs_run_overfits_and_has_learnt_its_images_by_heart() -> None:
    overfitting, memorised = diagnose(from_file(LAB, spec=TrainingSpec(recipe="lab-baseline", dataset="cifar100")))
    assert (overfitting.code, memorised.code) == ("overfitting", "memorised")
    assert overfitting.since_epoch == memorised.since_epoch == 53
    assert "epochs 5 to 52 are not recorded" in overfitting.sentence
    assert "By epoch 53" in memorised.sentence
    assert overfitting.evidence["accuracy_of_the_best_epoch_as_a_fraction"] == pytest.approx(0.4927)
    assert overfitting.suggestion
    assert overfitting.suggestion.spec == {"augmentation": {"crop": {"padding": 4}, "flip": True}}


def test_overfitting_begins_where_the_test_loss_turns_and_not_where_a_gap_opens() -> None:
    gap = [0.6 + loss for loss in FALLING]
    assert codes(run_of(train_loss=FALLING, test_loss=gap)) == []
    turned = [loss + 0.04 * max(0, epoch - 12) for epoch, loss in enumerate(gap)]
    found = only(run_of(train_loss=FALLING, test_loss=turned))
    assert found.code == "overfitting"
    assert found.since_epoch in range(10, 15)
    rising_train = [loss + 0.04 * max(0, epoch - 12) for epoch, loss in enumerate(FALLING)]
    assert "overfitting" not in codes(run_of(train_loss=rising_train, test_loss=turned))


def test_a_step_of_the_schedule_is_no_end_of_a_plateau() -> None:
    flat = [2.0 if epoch < 20 else 1.0 - 0.02 * (epoch - 20) for epoch in range(30)]
    rates = [0.1 if epoch < 20 else 0.01 for epoch in range(30)]
    facts = {"facts": Facts(classes=10)}
    assert "plateau" not in codes(run_of(train_loss=flat, test_loss=flat, learning_rate=rates, known=facts))
    stuck = [2.3, 1.7, *[1.0] * 28]
    assert "plateau" in codes(run_of(train_loss=stuck, test_loss=stuck, learning_rate=[0.1] * 30, known=facts))


def test_a_gap_under_mixup_is_explained_and_without_it_suspicious() -> None:
    worse = [0.9 + loss for loss in FALLING]
    strong = spec(augmentation={"mixup": {}}, regularisation={"label_smoothing": 0.1})
    known = only(run_of(train_loss=worse, test_loss=FALLING, known={"spec": strong}))
    assert (known.code, known.severity) == ("train_worse_than_test", "hint")
    assert "mixup and label smoothing" in known.sentence
    assert codes(run_of(train_loss=worse, test_loss=FALLING, known={"spec": spec()})) == ["labels_or_splits_suspicious"]


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_diverged(broken: float) -> None:
    found = only(run_of(train_loss=[2.0, 1.5, broken, broken], known={"spec": spec(optimizer={"name": "adam"})}))
    assert (found.code, found.since_epoch) == ("diverged", 2)
    assert found.suggestion
    assert found.suggestion.spec == {"optimizer": {"learning_rate": 0.0001}}


def test_the_first_steps_show_a_learning_rate_that_is_too_high() -> None:
    high = spec(optimizer={"name": "sgd", "learning_rate": 3.0})
    known = {"spec": high, "facts": Facts(classes=10), "steps": (StepLoss(0, 0, 2.4), StepLoss(0, 10, 30.0))}
    found = only(run_of(train_loss=[12.0, 4.0, *[2.3] * 10], known=known))
    assert found.code == "learning_rate_too_high"
    assert found.suggestion
    assert found.suggestion.spec["optimizer"]["learning_rate"] == 0.1


def test_a_start_that_went_wrong_of_a_run_that_went_well_lacks_a_warmup() -> None:
    spiked = [6.0, 2.2, *FALLING[2:]]
    known = {"spec": spec(optimizer={"name": "sgd"}, schedule="constant"), "facts": Facts(classes=10)}
    found = only(run_of(train_loss=spiked, learning_rate=[0.1] * 30, known=known))
    assert found.code == "warmup_missing"
    assert found.suggestion
    assert found.suggestion.spec == {"schedule": {"warmup_epochs": 1}}
    warm = {**known, "spec": spec(optimizer={"name": "sgd"}, schedule={"name": "constant", "warmup_epochs": 2})}
    assert codes(run_of(train_loss=spiked, learning_rate=[0.1] * 30, known=warm)) == []


def test_a_schedule_that_has_hardly_begun_to_fall_ends_too_late() -> None:
    jumping = [0.5 + loss + 0.1 * (-1) ** epoch for epoch, loss in enumerate(FALLING)]
    known = {"spec": spec(schedule={"name": "exponential", "gamma": 0.99}), "facts": Facts(classes=10)}
    rates = [0.1 * 0.99**epoch for epoch in range(30)]
    found = only(
        run_of(train_loss=[0.4 + loss for loss in FALLING], test_loss=jumping, learning_rate=rates, known=known)
    )
    assert found.code == "schedule_ends_too_late"
    calm = [0.5 + loss for loss in FALLING]
    assert codes(run_of(train_loss=FALLING, test_loss=calm, learning_rate=rates, known=known)) == []


def test_the_best_of_many_epochs_flatters() -> None:
    accuracy = [0.8] * 30
    accuracy[12] = 0.83
    chosen = only(run_of(train_loss=FALLING, test_accuracy=accuracy, known={"spec": spec()}))
    assert chosen.code == "chosen_on_test_split"
    assert chosen.suggestion
    assert chosen.suggestion.spec == {"validation_fraction": 0.1}
    held_out = spec(validation_fraction=0.1)
    assert codes(run_of(train_loss=FALLING, validation_accuracy=accuracy, known={"spec": held_out})) == []


def test_nothing_is_said_of_a_range_test() -> None:
    fast = {"optimizer": {"name": "sgd", "learning_rate": 3.0}, "logging_interval": 1}
    found = [
        codes(run_of(train_loss=[12.0, 4.0, *[2.3] * 10], known={"spec": spec(**fast, schedule=schedule)}))
        for schedule in ("constant", "range_test")
    ]
    assert found == [["plateau"], []]


def test_a_small_split_has_an_interval() -> None:
    known = {"facts": Facts(test_images=100, classes=10)}
    found = only(run_of(train_loss=FALLING, test_accuracy=[0.83] * 30, known=known))
    assert found.code == "noisy_evaluation"
    assert 0.7 < float(found.evidence["interval_low"]) < 0.83 < float(found.evidence["interval_high"]) < 0.9


def test_classes_by_the_confusion_matrix() -> None:
    matrix = np.diag([50, 50, 50, 50, 50])
    matrix[0], matrix[1] = (0, 20, 0, 30, 0), (0, 45, 5, 0, 0)
    known = {"confusion": matrix, "class_names": ("cat", "dog", "fox", "lynx", "wolf")}
    never, confused = diagnose(run_of(train_loss=FALLING, known=known))
    assert (never.code, confused.code) == ("class_never_predicted", "classes_confused")
    assert "cat" in never.sentence
    assert "cat for lynx (60%)" in confused.sentence
    assert "dog" not in confused.sentence


def test_what_the_report_on_the_data_found_is_passed_on_where_it_touches_the_score() -> None:
    leaked = DataFinding("leaked_exact", "error", "12 images are in both splits.")
    dark = DataFinding("too_dark", "warning", "3 images are dark.")
    found = only(run_of(train_loss=FALLING, known={"data_findings": (leaked, dark)}))
    assert (found.code, found.severity) == ("labels_or_splits_suspicious", "warning")
    assert "12 images" in found.sentence
    assert "dark" not in found.sentence


def test_a_device_that_waits_for_images() -> None:
    found = only(run_of(train_loss=FALLING, loading_share=[0.9, *[0.4] * 29]))
    assert found.code == "data_bound"
    assert codes(run_of(train_loss=FALLING, loading_share=[0.9, *[0.1] * 29])) == []


SPECS: Sequence[Mapping[str, Any]] = (
    *({"recipe": name} for name in ("lab-baseline", "standard", "strong", "sprint", "state-of-the-art")),
    {"schedule": {"name": "multistep", "milestones": [10, 20], "warmup_epochs": 2}},
    {"schedule": {"name": "step", "step_epochs": 9}, "optimizer": {"name": "gd"}, "batch_size": "full"},
    {"schedule": {"name": "plateau", "watch": "test_loss", "minimum": 0.05}},
    {"schedule": {"name": "exponential", "gamma": 0.9}, "regularisation": {"swa": {"start_epoch": 20}}},
    {"schedule": "one_cycle", "optimizer": "lion", "batch_size": 33},
    {"schedule": {"name": "warm_restarts", "first_cycle_epochs": 5}, "validation_fraction": 0.1, "epochs": 2000},
)


@pytest.mark.parametrize("fields", SPECS, ids=lambda fields: str(fields)[:40])
def test_every_suggestion_can_be_submitted(fields: Mapping[str, Any]) -> None:
    """Whatever was found, of whatever spec: none is dropped because it is refused."""
    ours, found = spec(**{**fields, "architecture": "resnet20"}), 0
    for curve in made(0):
        run = Run.from_rows(measured.rows_of(curve.columns), spec=ours, facts=Facts(classes=100))
        reading = Reading(run)
        for finding in (each for rule in RULES for each in rule(reading)):
            if finding.suggestion:
                merged = merge_patch(ours.model_dump(mode="json"), finding.suggestion.spec)
                TrainingSpec.model_validate({**merged, "recipe": None})
                assert "recipe" not in finding.suggestion.spec
                found += 1
    assert found > 7


def test_the_committed_quality_is_what_the_rules_have() -> None:
    committed = json.loads((RESULTS / "diagnosis.json").read_text())
    now = json.loads(json.dumps(measured.measure()))
    assert {name: committed[name] for name in now} == now
    assert committed["held_out"]["precision"] > 0.9
    assert committed["held_out"]["recall"] > 0.85


def test_a_forecast_is_an_interval_around_what_comes() -> None:
    accuracy = [0.8 - 0.6 * (epoch + 1) ** -0.7 + 0.004 * (-1) ** epoch for epoch in range(60)]
    foretold = forecast(run_of(test_accuracy=accuracy[:20]), 59)
    assert foretold
    assert foretold.low < accuracy[59] < foretold.high
    assert foretold.high - foretold.low < 0.15
    like = [{19: error, 59: 1 - (1 - error) * 0.5} for error in (0.6, 0.62, 0.64, 0.66)]
    halved = forecast(run_of(test_accuracy=accuracy[:20], known={"like": like}), 59)
    assert halved
    assert halved.median == pytest.approx(1 - (1 - accuracy[19]) * 0.5, abs=0.02)
    assert forecast(run_of(test_accuracy=accuracy[:20]), 19) is None


def test_rows_may_lack_anything_but_an_epoch() -> None:
    assert codes(Run.from_rows([])) == []
    run = from_csv("epoch,train_loss,test_accuracy\n0,1.5,\n3,1.2,0.5\n")
    assert (len(run.train_loss), len(run.curve("test_accuracy")), run.last_epoch) == (2, 1, 3)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"train_loss": 1}], "Row 0 says no epoch"),
        ([{"epoch": 0}, {"epoch": 0}], "Epoch 0 is there twice"),
        ([{"epoch": 0, "test_accuracy": 49.2}], "fraction from 0 to 1"),
        ([{"epoch": 0, "train_loss": "high"}], "train_loss should be a number"),
        ([{"epoch": 0.5}], "a whole number from 0"),
        ([{"epoch": "NaN"}], "a whole number from 0"),
    ],
)
def test_rows_that_make_no_sense(rows: Sequence[Mapping[str, Any]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Run.from_rows(rows)


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"recipe": "lab-baseline", "dataset": "cifar100"}')
    assert main([str(LAB), "--spec", str(tmp_path / "spec.json")]) == 0
    assert 'Try {"augmentation": {"crop": {"padding": 4}, "flip": true}}' in capsys.readouterr().out
    (tmp_path / "rows.csv").write_text("epoch,train_loss\n0,1.5\n1,0.2\n2,0.19\n")
    assert main([str(tmp_path / "rows.csv")]) == 0
    assert "Nothing to say" in capsys.readouterr().out
    assert main([str(tmp_path / "none.csv")]) == 2
    (tmp_path / "broken.json").write_text('[{"epoch": "x", "train_loss": 1}]')
    assert main([str(tmp_path / "broken.json")]) == 2
    assert "epoch should be a number" in capsys.readouterr().err
