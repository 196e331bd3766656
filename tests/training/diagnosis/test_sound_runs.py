"""Sound runs of which nothing may be said, and what a report must not say of others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.training.diagnosis.runs import codes, only, run_of, spec
from training.diagnosis import Facts, Run, StepLoss, diagnose, forecast

TEN = Facts(classes=10, train_images=50_000, test_images=10_000)
HUNDRED = Facts(classes=100, train_images=50_000, test_images=10_000)
WEIGHTS = "mdl_01kasm2pbk5s9d0w3g6vq8zrhf"
STEPS = {"name": "multistep", "milestones": [60, 120, 160], "gamma": 0.2}


def stepped() -> dict[str, list[float]]:
    """ResNet-18 on CIFAR-100, 200 epochs with steps at 60, 120 and 160: 76 %, flat or a little worse between them."""
    noise, columns = np.random.default_rng(1), dict[str, list[float]]()
    phases = np.searchsorted((60, 120, 160), np.arange(200), side="right")
    starts = np.array((0, 60, 120, 160))
    for epoch, phase in enumerate(phases):
        since = float(np.exp(-(epoch - starts[phase]) / 4))
        row = {
            "train_loss": (1.25, 0.42, 0.06, 0.025)[phase] + (3.2, 0.25, 0.1, 0.01)[phase] * since,
            "train_accuracy": (0.63, 0.87, 0.985, 0.996)[phase] - (0.6, 0.1, 0.02, 0.0)[phase] * since,
            "test_loss": (1.75, 1.37, 1.04, 0.97)[phase] - (-2.4, 0.12, 0.04, 0.0)[phase] * since,
            "test_accuracy": (0.56, 0.66, 0.748, 0.76)[phase] - (0.5, 0.0, 0.0, 0.0)[phase] * since,
            "learning_rate": 0.1 * 0.2**phase,
        }
        row["test_loss"] += 0.02 * noise.standard_normal()
        row["test_accuracy"] += (0.02, 0.008, 0.002, 0.0015)[phase] * noise.standard_normal()
        for name, value in row.items():
            columns.setdefault(name, []).append(float(value))
    return columns


COLUMNS = stepped()


@pytest.mark.parametrize("kept", [tuple(COLUMNS), ("test_accuracy",), ("train_loss", "test_loss", "test_accuracy")])
def test_a_drop_of_the_learning_rate_is_no_progress(kept: tuple[str, ...]) -> None:
    run = run_of(**{name: COLUMNS[name] for name in kept})
    assert codes(run) == []
    foretold = forecast(run, 399)
    assert foretold
    assert foretold.high < 0.79


def test_a_drop_that_only_the_spec_knows_is_no_progress() -> None:
    dropped = [1 + np.exp(-epoch / 3) if epoch < 25 else 0.85 for epoch in range(30)]
    steps, constant = spec(schedule={"name": "step", "step_epochs": 25}), spec(schedule="constant")
    found = [codes(run_of(train_loss=dropped, test_loss=dropped, known={"spec": each})) for each in (steps, constant)]
    assert found == [[], ["still_improving"]]
    falling = [2.0 * 0.95**epoch for epoch in range(30)]
    assert codes(run_of(train_loss=falling, test_loss=falling)) == ["still_improving"]


@pytest.mark.parametrize("epochs", [66, 118, 158])
@pytest.mark.parametrize("has_spec", [True, False])
def test_a_sound_run_between_two_steps_is_not_called_overfitted(epochs: int, has_spec: bool) -> None:
    known: dict[str, Any] = {"facts": HUNDRED, "has_ended": False, "planned_epochs": 200}
    if has_spec:
        known["spec"] = spec(epochs=200, schedule=STEPS)
    assert codes(run_of(**{name: values[:epochs] for name, values in COLUMNS.items()}, known=known)) == []


def fine_tuned(epochs: int, **fields: Any) -> Run:
    """It starts from weights that knew much."""
    since = np.exp(-np.arange(epochs) / 2)
    columns = {
        "train_loss": 0.31 + 0.9 * since,
        "train_accuracy": 0.89 - 0.27 * since,
        "test_loss": 0.278 + 0.27 * since,
        "test_accuracy": 0.912 - 0.08 * since,
    }
    return run_of(**columns, known={"spec": spec(epochs=epochs, batch_size=32, **fields), "facts": TEN})


SLOW: Mapping[str, Any] = {"optimizer": {"name": "nesterov", "learning_rate": 0.001}}


@pytest.mark.parametrize("optimizer", [SLOW["optimizer"], {"name": "adamw", "learning_rate": 5e-5}])
@pytest.mark.parametrize("weights", [{"starting_weights": WEIGHTS}, {}])
@pytest.mark.parametrize("epochs", [3, 10])
def test_fine_tuning_with_small_steps_is_no_fault(optimizer: Any, weights: Any, epochs: int) -> None:
    found = codes(fine_tuned(epochs, optimizer=optimizer, **weights))
    assert "learning_rate_too_low" not in found
    if weights:
        assert "still_improving" not in found


@pytest.mark.parametrize(("reached", "severity"), [(0.9, "hint"), (0.6, "problem")])
def test_a_low_learning_rate_is_no_problem_of_a_run_that_reached_much(reached: float, severity: str) -> None:
    share = np.arange(30) / 29
    columns = {"train_loss": 2.3 - share, "train_accuracy": 0.1 + (reached - 0.1) * share}
    found = only(run_of(**columns, known={"spec": spec(**SLOW), "facts": TEN}))
    assert (found.code, found.severity) == ("learning_rate_too_low", severity)
    from_others = {"spec": spec(**SLOW, starting_weights=WEIGHTS), "facts": TEN}
    assert codes(run_of(**columns, known=from_others)) == []


def test_the_train_images_may_be_known_by_heart_while_the_accuracy_rises() -> None:
    """A cosine to 78 %, which knows its images by heart from epoch 150 on and gains 3 points after that."""
    rate = (1 + np.cos(np.pi * np.arange(200) / 200)) / 2
    early = np.exp(-np.arange(200) / 8)
    train = 0.01 + 1.4 * rate**1.4 + 2.5 * early
    columns = {
        "train_loss": train,
        "train_accuracy": np.exp(-0.8 * train),
        "test_loss": 0.86 + 0.85 * rate + 2 * early,
        "test_accuracy": 0.781 - 0.25 * rate - 0.5 * early,
        "learning_rate": 0.1 * rate,
    }
    assert codes(run_of(**columns, known={"facts": HUNDRED})) == []


def test_an_accuracy_that_falls_is_overfitting_and_no_reason_for_more_epochs() -> None:
    epochs = np.arange(30)
    train = np.minimum(0.995, 0.4 + 0.6 * (1 - np.exp(-epochs / 6)))
    found = diagnose(run_of(train_accuracy=train, test_accuracy=0.78 - 0.5 * np.exp(-epochs / 2) - 0.0035 * epochs))
    assert (found[0].code, found[0].severity) == ("overfitting", "problem")
    assert "has fallen" in found[0].sentence
    told = " ".join(finding.sentence for finding in found)
    assert "not spoilt" not in told
    assert not any(finding.suggestion and "epochs" in finding.suggestion.spec for finding in found)


FEW = (
    {"train_loss": [0.6, 0.3, 0.1], "test_loss": [0.5, 0.55, 0.8], "test_accuracy": [0.77, 0.76, 0.74]},
    {"train_loss": [0.6, 0.3, 0.1], "test_loss": [0.5, 0.55, 0.8]},
    {"train_loss": [1.0, 0.5], "test_accuracy": [0.6, 0.58]},
    {"train_loss": [2.0], "test_loss": [1.9]},
)


@pytest.mark.parametrize("columns", FEW, ids=str)
def test_few_epochs_are_not_too_few_where_the_test_split_says_otherwise(columns: Mapping[str, list[float]]) -> None:
    assert codes(run_of(**columns)) == []
    assert codes(run_of(train_loss=[2.0, 1.0], test_accuracy=[0.3, 0.6])) == ["still_improving"]


@pytest.mark.parametrize("known", [{"succeeded": False}, {"planned_epochs": 100}, {"has_ended": False}])
def test_a_run_that_did_not_come_to_its_end_has_not_ended_too_soon(known: Mapping[str, Any]) -> None:
    still = (0.2 + 2 * 0.9 ** np.arange(10)).tolist()
    columns = {"train_loss": still, "test_loss": still}
    assert codes(run_of(**columns)) == ["still_improving"]
    assert codes(run_of(**columns, known=known)) == []


def test_accuracies_alone_show_a_collapse_and_a_network_that_learns_nothing() -> None:
    fallen = [0.1 + 0.05 * epoch if epoch < 13 else 0.1 for epoch in range(30)]
    found = only(run_of(train_accuracy=fallen, test_accuracy=fallen, known={"facts": TEN}))
    assert (found.code, found.since_epoch) == ("diverging", 12)
    assert found.evidence["train_accuracy_then_as_a_fraction"] == pytest.approx(0.7)
    chance = only(run_of(train_accuracy=[0.1] * 20, test_accuracy=[0.1] * 20, known={"facts": TEN}))
    assert chance.code == "underfitting"
    assert "which is chance" in chance.sentence
    low = [0.4 - 0.2 * 0.7**epoch for epoch in range(30)]
    assert codes(run_of(train_accuracy=low, test_accuracy=low, known={"facts": TEN})) == ["underfitting"]
    mixed = [2 * each for each in low]
    assert codes(run_of(train_accuracy=low, test_accuracy=mixed, known={"facts": TEN})) == ["train_worse_than_test"]


def test_a_network_that_never_learns_anything_has_too_long_steps() -> None:
    stuck = {"train_loss": [2.3026] * 20, "test_loss": [2.3026] * 20}
    slow = spec(optimizer={"name": "momentum", "momentum": 0.4, "learning_rate": 0.1})
    found = only(run_of(**stuck, known={"spec": slow, "facts": TEN}))
    assert found.suggestion
    assert found.suggestion.spec == {"optimizer": {"learning_rate": 0.01}}


def test_the_epoch_in_which_it_diverged() -> None:
    falling = {"train_loss": [1.5 - 0.05 * epoch for epoch in range(7)]}
    step = StepLoss(7, 4, float("nan"))
    assert only(run_of(**falling, known={"steps": (step,), "diverged": True})).since_epoch == 7
    half = spec(precision="fp16")
    told = only(run_of(**falling, known={"spec": half, "diverged": True}))
    assert "no gradient was in fp16" in told.sentence
    assert "after epoch 6" in only(run_of(**falling, known={"diverged": True})).sentence
    nothing = only(Run.from_rows([], diverged=True))
    assert (nothing.since_epoch, "first epoch" in nothing.sentence) == (0, True)


def test_evidence_is_what_was_measured() -> None:
    jumped = [2.2 - 0.15 * epoch if epoch < 6 else 2.303 for epoch in range(20)]
    found = only(run_of(train_loss=jumped, known={"facts": TEN}))
    assert (found.code, found.since_epoch) == ("diverging", 5)
    assert found.evidence["lowest_train_loss"] == pytest.approx(min(jumped))


def test_nothing_is_said_of_a_train_loss_that_nobody_recorded() -> None:
    turned = [0.6 + 0.3 * 0.7**epoch + 0.03 * max(0, epoch - 8) for epoch in range(30)]
    found = only(run_of(test_loss=turned))
    assert found.code == "overfitting"
    assert "train loss" not in found.sentence


def test_a_curve_that_grows_calm_has_come_to_the_end_of_a_schedule() -> None:
    """Only a test accuracy, of a cosine; and of a learning rate that stays, which jumps to the end."""
    rate, noise = (1 + np.cos(np.pi * np.arange(200) / 200)) / 2, np.abs(np.random.default_rng(1).standard_normal(200))
    level = 0.953 - 0.1 * rate - 0.4 * np.exp(-np.arange(200) / 6)
    assert codes(run_of(test_accuracy=level - 0.03 * rate * noise)) == []
    assert codes(run_of(test_accuracy=level - 0.005 * noise)) == ["still_improving"]


def test_the_last_small_steps_may_learn_the_training_images_by_heart() -> None:
    rates = [0.1] * 30 + [0.01] * 10
    train = [0.8] * 30 + [0.01] * 10
    accuracy = [0.7] * 30 + [0.75] * 10
    columns = {"train_loss": train, "test_accuracy": accuracy}
    assert codes(run_of(**columns, learning_rate=rates, known={"facts": TEN})) == []
    assert "memorised" in codes(run_of(**columns, learning_rate=[0.1] * 40, known={"facts": TEN}))
