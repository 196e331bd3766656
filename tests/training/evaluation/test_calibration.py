"""Calibration errors that were computed by hand, and temperatures that are known."""

import numpy as np
import pytest

from tests.training.evaluation.made import predictions, softmax
from training.evaluation import calibration, fit_temperature, of_predictions
from training.evaluation.calibration import LEAST_TEMPERATURE, MOST_TEMPERATURE, reliability


def test_the_error_of_four_images_in_three_bins() -> None:
    """Bins of 1/15: 0.62 and 0.66 share (0.6, 0.667], 1.0 is in the last one, 0.4 ends (0.333, 0.4]."""
    confidences = np.array([0.62, 0.66, 1.0, 0.4])
    found = reliability(confidences, np.array([True, False, True, False]))

    assert found.ece == pytest.approx((2 * abs(0.5 - 0.64) + 0 + 0.4) / 4)
    assert found.adaptive_ece == pytest.approx((0.38 + 0.66 + 0 + 0.4) / 4)  # each image is a bin of its own
    assert {number: each.images for number, each in enumerate(found.bins) if each.images} == {5: 1, 9: 2, 14: 1}


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature: float) -> None:
    found = predictions(20_000, 6, temperature=temperature)

    assert fit_temperature(found.labels.astype(np.int64), found.probabilities) == pytest.approx(temperature, rel=0.03)


def test_it_is_the_minimum_of_the_loss() -> None:
    found = predictions(500, 30, temperature=1.7)
    labels = found.labels.astype(np.int64)
    best = fit_temperature(labels, found.probabilities)

    def loss(temperature: float) -> float:
        given = softmax(np.log(found.probabilities.astype(np.float64)) / temperature)
        return float(-np.log(given[np.arange(500), labels]).mean())

    assert loss(best) < min(loss(best * 1.01), loss(best / 1.01))


def test_a_network_without_mistakes_and_one_that_is_always_wrong_end_at_the_bounds() -> None:
    probabilities = np.array([[0.9, 0.1]] * 30, np.float32)

    assert fit_temperature(np.zeros(30, np.int64), probabilities) == pytest.approx(LEAST_TEMPERATURE)
    assert fit_temperature(np.ones(30, np.int64), probabilities) == pytest.approx(MOST_TEMPERATURE)
    sure = np.array([[1, 0], [0, 1]] * 15, np.float32)  # probabilities of 0 have a logarithm, too
    assert LEAST_TEMPERATURE <= fit_temperature(np.zeros(30, np.int64), sure) <= MOST_TEMPERATURE


def test_with_a_validation_split_it_is_fitted_on_that_and_measured_on_the_test_split() -> None:
    report = of_predictions(predictions(4000, 6, temperature=2.5, held_out=3000))

    found = report.calibration
    assert found is not None
    assert (found.fitted_on, found.images, found.measured_images, found.cross_fitted) == (
        "validation",
        3000,
        4000,
        False,
    )
    assert found.temperature == pytest.approx(2.5, rel=0.06)
    assert found.ece_before == report.reliability.ece
    assert found.ece_after < 0.02 < found.ece_before
    assert found.loss_after < found.loss_before


def test_without_one_each_half_of_the_test_split_is_measured_with_the_temperature_of_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = predictions(1001, 6, temperature=2.5)
    found.labels[::2] = found.probabilities[::2].argmax(
        1
    )  # of the one half every image is right, so that theirs differ
    asked = list[float]()

    def scaled(labels: np.ndarray, probabilities: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        asked.append(temperature)
        return original(labels, probabilities, temperature)

    original = calibration.scaled
    monkeypatch.setattr(calibration, "scaled", scaled)
    fitted = of_predictions(found).calibration

    assert fitted is not None
    assert (fitted.fitted_on, fitted.images, fitted.cross_fitted) == ("test", 1001, True)
    labels, probabilities = found.labels.astype(np.int64), found.probabilities
    assert asked == [fit_temperature(labels[start::2], probabilities[start::2]) for start in (1, 0)]
    assert fitted.temperature == fit_temperature(labels, probabilities)


def test_too_few_images_have_no_temperature() -> None:
    assert of_predictions(predictions(19, 3)).calibration is None
    few = of_predictions(predictions(20, 3, held_out=19)).calibration
    assert few is not None
    assert few.fitted_on == "test"
