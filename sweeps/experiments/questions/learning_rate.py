"""How far a step goes, and how that should change over a run."""

from collections.abc import Sequence

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition
from sweeps.experiments.measures import TEST_ACCURACY, TRAIN_ACCURACY
from sweeps.experiments.questions.common import FULL, SMALL, without
from sweeps.experiments.results import TrialResult
from training.learning_rate_range import suggest

RATES, SCHEDULES, RANGE_TEST = "rates", "schedules", "range test"


def _trials(rates: tuple[float, ...], peak: float, epochs: int) -> tuple[TrialDefinition, ...]:
    schedules = {
        "constant": {"name": "constant"},
        "step": {"name": "step", "step_epochs": epochs // 3},
        "cosine": {"name": "cosine"},
        "cosine with warm-up": {"name": "cosine", "warmup_epochs": 2},
        "one cycle": {"name": "one_cycle"},
    }
    return (
        *(
            TrialDefinition(
                f"rate {rate:g}", {"optimizer.learning_rate": rate, "schedule": {"name": "constant"}}, RATES
            )
            for rate in rates
        ),
        *(
            TrialDefinition(label, {"optimizer.learning_rate": peak, "schedule": schedule}, SCHEDULES)
            for label, schedule in schedules.items()
        ),
    )


def _range_test(epochs: int) -> TrialDefinition:
    """So many epochs that it has at least a hundred steps."""
    values = {
        "optimizer.learning_rate": 10.0,
        "schedule": {"name": "range_test"},
        "epochs": epochs,
        "logging_interval": 1,
    }
    return TrialDefinition(RANGE_TEST, values, RANGE_TEST)


def _remark(trials: Sequence[TrialResult]) -> str:
    """What the range test says."""
    tests = [trial for trial in trials if trial.label == RANGE_TEST and trial.has_succeeded and trial.range_test]
    found = suggest(*zip(*tests[0].range_test, strict=True)) if tests else None
    if found is None:
        return ""
    return (
        f"The range test raises the rate from step to step, from {found.rates[0]:.0e} on: the loss falls most steadily "
        f"around a rate of {found.valley:.2g} (the valley), and is lowest, smoothed, at {found.minimum:.2g}."
    )


def _claims(least: float, middle: float, greatest: float) -> tuple[Claim, ...]:
    return (
        Claim(
            "With the smallest rate, the network has not learned its training images when the run ends.",
            better=f"rate {middle:g}",
            worse=f"rate {least:g}",
            measure=TRAIN_ACCURACY,
        ),
        Claim(
            "With the largest rate, the network learns badly or not at all: each step overshoots.",
            better=f"rate {middle:g}",
            worse=f"rate {greatest:g}",
            measure=TRAIN_ACCURACY,
        ),
        Claim(
            "A rate that falls to 0 ends better than one that stays high: the noise of the steps dies out.",
            better="cosine",
            worse="constant",
            measure=TEST_ACCURACY,
        ),
        Claim(
            "A step schedule does about as well as a cosine: it loses at most 3 points.",
            better="step",
            worse="cosine",
            measure=TEST_ACCURACY,
            margin=0.03,
        ),
        Claim(
            "A warm-up does no harm, and helps where the rate is high: at most 3 points are lost.",
            better="cosine with warm-up",
            worse="cosine",
            measure=TEST_ACCURACY,
            margin=0.03,
        ),
    )


SMALL_RATES, FULL_RATES = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0), (0.001, 0.01, 0.1, 1.0, 10.0)

EXPERIMENT = Experiment(
    name="learning_rate",
    title="Learning rate and schedules",
    question="How large should a step be, and should it stay so over the run?",
    expectation=(
        "Too small a rate wastes the run; too large a one makes the loss jump or grow without bound. Between them "
        "lies a range, often of a factor of ten to a hundred, in which it matters little. A schedule begins with a "
        "high rate, which gets far, and ends with a low one, which settles. A warm-up spares the first steps, when "
        "gradients are largest. The schedules here all begin from the same rate. A range test looks for the rate in "
        "one short run: it raises the rate from step to step, from far too small to far too large, and the losses "
        "say where the network learns and from where on it does not (Smith 2015, arXiv:1506.01186)."
    ),
    presets={
        "small": Preset(
            "digits",
            without({**SMALL, "epochs": 9}, "schedule"),
            (*_trials(SMALL_RATES, 0.3, 9), _range_test(6)),
            _claims(0.0001, 0.1, 10.0),
        ),
        "full": Preset(
            "cifar100",
            without(FULL, "schedule"),
            (*_trials(FULL_RATES, 0.2, 60), _range_test(1)),
            _claims(0.001, 0.1, 10.0),
        ),
    },
    remark=_remark,
    panels=(
        Panel("Train loss, by learning rate", "train_loss", group=RATES),
        Panel("Loss of each step of the range test", "range_test", by="rate", group=RANGE_TEST, is_log=True),
        Panel("Test accuracy, by schedule", "test_accuracy", group=SCHEDULES),
    ),
)
