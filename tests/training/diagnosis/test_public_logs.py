"""What logs in public repositories showed to be said wrongly, or not said: made curves of the same kinds."""

from collections.abc import Sequence

import numpy as np

from tests.training.diagnosis.runs import codes, run_of
from training.diagnosis import Facts


def steps_of(values: Sequence[float], each: int = 40) -> list[float]:
    """`values` one after the other, each for so many epochs."""
    return [value for value in values for _ in range(each)]


def test_a_last_step_to_a_hundredth_is_no_end_of_the_schedule() -> None:
    """And a network that its regularisation holds back, underfits: by the phase since the last step."""
    rates = steps_of([0.1, 0.01, 0.001])
    losses = [level + 0.2 * np.exp(-epoch / 4) for level in (2.1, 2.05, 2.0) for epoch in range(40)]
    known = {"facts": Facts(classes=10)}
    assert codes(run_of(train_loss=losses, test_loss=losses, learning_rate=rates, known=known)) == ["underfitting"]
    lower = steps_of([0.1, 0.01, 0.0005])
    assert codes(run_of(train_loss=losses, test_loss=losses, learning_rate=lower, known=known)) == [
        "schedule_ends_too_early"
    ]


def test_a_loss_that_falls_since_steps_are_shorter_needs_no_longer_ones() -> None:
    rates = steps_of([0.5, 0.1, 0.02], 20)
    losses = [level - 0.002 * epoch for level in (1.8, 1.55, 1.3) for epoch in range(20)]
    known = {"facts": Facts(classes=10)}
    assert "learning_rate_too_low" not in codes(run_of(train_loss=losses, learning_rate=rates, known=known))
    straight = np.linspace(1.8, 1.3, 60).tolist()
    assert codes(run_of(train_loss=straight, learning_rate=[0.5] * 60, known=known)) == ["learning_rate_too_low"]


def test_an_accuracy_that_falls_before_the_training_images_are_known_says_nothing_of_labels() -> None:
    """Robust overfitting, as of adversarial training: Rice et al. 2020 (arXiv:2002.11569)."""
    fall = [*np.linspace(0.3, 0.53, 20), *np.linspace(0.53, 0.46, 20)]
    loss = [*np.linspace(1.9, 1.25, 20), *np.linspace(1.25, 1.95, 20)]
    for learnt, said in ((0.8, ["overfitting"]), (0.97, ["labels_or_splits_suspicious", "overfitting"])):
        train = np.linspace(0.2, learnt, 40).tolist()
        losses = np.linspace(2.2, 0.45, 40).tolist()
        run = run_of(train_loss=losses, train_accuracy=train, test_loss=loss, test_accuracy=fall)
        assert codes(run) == said


def test_a_small_rise_of_the_loss_counts_where_it_is_sure() -> None:
    train = [2.0 * 0.95**epoch for epoch in range(80)]
    for noise, said in ((0.004, ["overfitting"]), (0.12, [])):
        test = [0.42 + 1.9 * np.exp(-epoch / 4) + 0.0014 * epoch + noise * (-1) ** epoch for epoch in range(80)]
        accuracy = [0.86 - 0.7 * np.exp(-epoch / 4) for epoch in range(80)]
        run = run_of(train_loss=train, test_loss=test, test_accuracy=accuracy, known={"facts": Facts(classes=10)})
        assert [code for code in codes(run) if code == "overfitting"] == said


def test_training_images_that_are_mixed_do_not_underfit() -> None:
    """By the spec that is known, and without one by an accuracy far below the other split's."""
    train, test = [1.9] * 30, [1.4 + 0.6 * np.exp(-epoch / 3) for epoch in range(30)]
    accuracies = {"train_accuracy": [0.26] * 30, "test_accuracy": [0.52] * 30}
    run = run_of(train_loss=train, test_loss=test, **accuracies, known={"facts": Facts(classes=10)})
    assert "underfitting" not in codes(run)


def test_a_loss_with_a_floor_still_improves_as_its_error_falls() -> None:
    """Smoothed labels: the loss ends far above 0, and falls by less than a twentieth."""
    test = [0.93 - 0.0022 * epoch + 0.5 * np.exp(-epoch / 5) for epoch in range(30)]
    rising = [0.7 + 0.004 * epoch for epoch in range(30)]
    run = run_of(train_loss=[0.2 + loss for loss in test], test_loss=test, test_accuracy=rising)
    assert "still_improving" in codes(run)
    flat = run_of(train_loss=[0.2 + loss for loss in test], test_loss=test, test_accuracy=[0.8] * 30)
    assert "still_improving" not in codes(flat)
