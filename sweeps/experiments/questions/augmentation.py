"""What changed copies of the training images are good for."""

from typing import Any

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, trials_of
from sweeps.experiments.measures import TEST_ACCURACY, TRAIN_LOSS
from sweeps.experiments.questions.common import FULL, SMALL, without


def _ways(pixels: int, square: int) -> dict[str, Any]:
    return {
        "none": {},
        "crop": {"crop": {"padding": pixels}},
        "rotation": {"rotation": {"degrees": 10}},
        "crop and rotation": {"crop": {"padding": pixels}, "rotation": {"degrees": 10}},
        "flip": {"flip": True},
        "cutout": {"cutout": {"size": square}},
        "mixup": {"mixup": {"alpha": 0.2}},
    }


SHARED = (
    Claim(
        "Moved copies (crop) help: where the object stands does not change what it is.",
        better="crop",
        worse="none",
        measure=TEST_ACCURACY,
    ),
    Claim("Turned copies (rotation) help.", better="rotation", worse="none", measure=TEST_ACCURACY),
    Claim(
        "Moved and turned copies (crop and rotation) help together.",
        better="crop and rotation",
        worse="none",
        measure=TEST_ACCURACY,
    ),
    Claim(
        "Augmented images are harder to learn: the train loss stays higher.",
        better="none",
        worse="crop and rotation",
        measure=TRAIN_LOSS,
    ),
    Claim("Mixed images (mixup) help.", better="mixup", worse="none", measure=TEST_ACCURACY),
)
MIRRORED_HARMS = Claim(
    "Mirrored copies (flip) do harm on digits: a mirrored 2 is no 2.",
    better="none",
    worse="flip",
    measure=TEST_ACCURACY,
)
MIRRORED_HELPS = Claim(
    "Mirrored copies (flip) help on photographs: a mirrored cat is a cat.",
    better="flip",
    worse="none",
    measure=TEST_ACCURACY,
)

EXPERIMENT = Experiment(
    name="augmentation",
    title="Augmentation",
    question="Does a network learn more from few images if it sees each of them changed a little, anew in each epoch?",
    expectation=(
        "Augmentation makes new images of old ones by changes that leave the class as it is: moved, turned, "
        "mirrored, with a part hidden, or two of them mixed. A network that never sees the same image twice cannot "
        "learn it by heart, so that the train loss stays higher and new images are recognised better. It is the data "
        "that says which changes are right: a mirrored photograph is a photograph, a mirrored digit is not a digit. "
        "The fewer images there are, the larger the gain: the runs here have a tenth of them."
    ),
    presets={
        "small": Preset(
            "digits",
            {
                **without(SMALL, "augmentation"),
                "batch_size": 32,
                "epochs": 60,
                "validation_fraction": 0.9,
                "evaluation_interval": 4,
            },
            trials_of("augmentation", _ways(1, 3)),
            (*SHARED, MIRRORED_HARMS),
        ),
        "full": Preset(
            "cifar100",
            {**without(FULL, "augmentation"), "epochs": 100, "validation_fraction": 0.9, "evaluation_interval": 2},
            trials_of("augmentation", _ways(4, 8)),
            (*SHARED, MIRRORED_HELPS),
        ),
    },
    panels=(Panel("Test accuracy", "test_accuracy"), Panel("Train loss", "train_loss")),
)
