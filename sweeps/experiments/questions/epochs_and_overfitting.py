"""How long to train, and what to do when a network learns its images by heart."""

from typing import Any

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition
from sweeps.experiments.measures import (
    EPOCHS,
    LOWEST_TEST_LOSS,
    TEST_ACCURACY,
    TEST_LOSS,
    TRAIN_ACCURACY,
)
from sweeps.experiments.questions.common import FULL, SGD, SMALL, without

BASELINE, MORE, LESS = "few images", "ten times the images", "smaller network"
AUGMENTED, DECAYED, STOPPED = "augmentation", "weight decay", "early stopping"

NO_DECAY: dict[str, Any] = {**SGD, "weight_decay": 0.0}


def _trials(
    large: str, small: str, crop: int, many: int, same_steps: int, interval: int
) -> tuple[TrialDefinition, ...]:
    few: dict[str, Any] = {
        "validation_fraction": 0.9,
        "architecture": {"name": large},
        "optimizer": NO_DECAY,
        "epochs": many,
        "evaluation_interval": interval,
    }
    return (
        TrialDefinition(BASELINE, few),
        TrialDefinition(MORE, {**few, "validation_fraction": 0.0, "epochs": same_steps, "evaluation_interval": 1}),
        TrialDefinition(LESS, {**few, "architecture": {"name": small}}),
        TrialDefinition(AUGMENTED, {**few, "augmentation": {"crop": {"padding": crop}, "rotation": {"degrees": 10}}}),
        TrialDefinition(DECAYED, {**few, "optimizer": {**NO_DECAY, "weight_decay": 0.005}}),
        TrialDefinition(
            STOPPED, {**few, "evaluation_interval": 1, "regularisation": {"early_stopping": {"patience": 10}}}
        ),
    )


CLAIMS = (
    Claim(
        "With few images, the network learns them by heart: its train accuracy is above its test accuracy.",
        better=BASELINE,
        worse=BASELINE,
        measure=TRAIN_ACCURACY,
        other=TEST_ACCURACY,
    ),
    Claim(
        "From some epoch on more epochs do harm: the test loss rises again from its lowest value.",
        better=BASELINE,
        worse=BASELINE,
        measure=LOWEST_TEST_LOSS,
        other=TEST_LOSS,
    ),
    Claim(
        "With more images, at about as many steps, the network does better on new ones.",
        better=MORE,
        worse=BASELINE,
        measure=TEST_ACCURACY,
    ),
    Claim(
        "A smaller network does better on new images: it overfits less.",
        better=LESS,
        worse=BASELINE,
        measure=TEST_ACCURACY,
    ),
    Claim(
        "With augmentation, the network does better on new images.",
        better=AUGMENTED,
        worse=BASELINE,
        measure=TEST_ACCURACY,
    ),
    Claim(
        "With weight decay, the network does better on new images.",
        better=DECAYED,
        worse=BASELINE,
        measure=TEST_ACCURACY,
    ),
    Claim("Early stopping trains fewer epochs.", better=STOPPED, worse=BASELINE, measure=EPOCHS),
    Claim(
        "Early stopping loses at most 3 points of test accuracy.",
        better=STOPPED,
        worse=BASELINE,
        measure=TEST_ACCURACY,
        margin=0.03,
    ),
)

EXPERIMENT = Experiment(
    name="epochs_and_overfitting",
    title="Epochs and overfitting",
    question="How long should a network be trained, and what helps when it learns its images by heart?",
    expectation=(
        "In the first epochs train and test loss fall together. Later the network learns what is particular to its "
        "training images: the train loss goes to 0, the test loss rises again. The fewer the images and the larger the "
        "network, the sooner that comes. More images are the best cure. A smaller network, augmentation and "
        "weight decay are others. Early stopping ends the run when a validation split, which is neither trained on "
        "nor tested on, gets no better, and keeps the best epoch. The runs here train on a tenth of the images; the "
        "other nine tenths are their validation split."
    ),
    presets={
        "small": Preset(
            "digits",
            without(
                {**SMALL, "batch_size": 32, "schedule": {"name": "constant"}}, *("architecture", "optimizer", "epochs")
            ),
            _trials("resnet20", "wrn-16-1", 1, 60, 6, 3),
            CLAIMS,
        ),
        "full": Preset(
            "cifar100",
            without(
                {**FULL, "schedule": {"name": "constant"}}, *("architecture", "optimizer", "epochs", "augmentation")
            ),
            _trials("resnet18", "resnet20", 4, 100, 10, 2),
            CLAIMS,
        ),
    },
    panels=(Panel("Test loss", "test_loss"), Panel("Test accuracy", "test_accuracy")),
)
