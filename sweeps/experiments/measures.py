"""The numbers that trials are compared by."""

from sweeps.experiments.claims import LOSS_FLOOR, Measure
from sweeps.experiments.results import TrialResult


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _nats(loss: float) -> str:
    return f"{loss:.3f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _test_accuracy(trial: TrialResult) -> float | None:
    return trial.final.test_accuracy if trial.final else None


def _train_accuracy(trial: TrialResult) -> float | None:
    return trial.final.train_accuracy if trial.final else None


def _train_loss(trial: TrialResult) -> float | None:
    return trial.epochs[-1].train_loss if trial.epochs else None


def _test_loss(trial: TrialResult) -> float | None:
    return trial.final.test_loss if trial.final else None


def _lowest_test_loss(trial: TrialResult) -> float | None:
    return trial.lowest_test_loss.test_loss if trial.lowest_test_loss else None


def _gradient_reach(trial: TrialResult) -> float | None:
    """The gradient norm of the first layer over that of the last convolution, in the first epoch."""
    layers = trial.epochs[0].layers if trial.epochs else ()
    return layers[0][1] / layers[-2][1] if len(layers) > 2 and layers[-2][1] > 0 else None


def _epochs(trial: TrialResult) -> float | None:
    return float(len(trial.epochs)) or None


TEST_ACCURACY = Measure(
    "test accuracy", _test_accuracy, _percent, lambda trial: trial.test_images, greater_is_better=True
)
TRAIN_ACCURACY = Measure(
    "train accuracy", _train_accuracy, _percent, lambda trial: trial.train_images, greater_is_better=True
)
TRAIN_LOSS = Measure("train loss of the last epoch", _train_loss, _nats, floor=LOSS_FLOOR)
TEST_LOSS = Measure("test loss of the last epoch", _test_loss, _nats, floor=LOSS_FLOOR)
LOWEST_TEST_LOSS = Measure("lowest test loss", _lowest_test_loss, _nats, floor=LOSS_FLOOR)
SECONDS_PER_EPOCH = Measure("seconds an epoch", lambda trial: trial.seconds_per_epoch, _seconds)
GRADIENT_REACH = Measure(
    "gradient norm of the first layer over that of the last convolution, in the first epoch",
    _gradient_reach,
    lambda ratio: f"{ratio:.2f}",
    greater_is_better=True,
)
EPOCHS = Measure("epochs trained", _epochs, lambda number: f"{number:.0f}")
