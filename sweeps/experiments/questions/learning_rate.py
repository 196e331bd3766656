"""How far a step goes, and how that should change over a run."""

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition
from sweeps.experiments.measures import TEST_ACCURACY, TRAIN_ACCURACY
from sweeps.experiments.questions.common import FULL, SMALL, without

RATES, SCHEDULES = "rates", "schedules"


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


def _claims(least: float, middle: float, greatest: float) -> tuple[Claim, ...]:
    return (
        Claim(
            "With the smallest rate, the network has not learned its training images when the run ends.",
            better=f"rate {middle:g}",
            worse=f"rate {least:g}",
            measure=TRAIN_ACCURACY,
        ),
        Claim(
            "With the greatest rate, it learns badly or not at all: each step overshoots.",
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
        "gradients are largest. The schedules here all begin from the same rate."
    ),
    presets={
        "small": Preset(
            "digits",
            without({**SMALL, "epochs": 9}, "schedule"),
            _trials(SMALL_RATES, 0.3, 9),
            _claims(0.0001, 0.1, 10.0),
        ),
        "full": Preset("cifar100", without(FULL, "schedule"), _trials(FULL_RATES, 0.2, 60), _claims(0.001, 0.1, 10.0)),
    },
    panels=(
        Panel("Train loss, by learning rate", "train_loss", group=RATES),
        Panel("Test accuracy, by schedule", "test_accuracy", group=SCHEDULES),
    ),
)
