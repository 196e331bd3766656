"""What a batch is, and how large one should be."""

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition
from sweeps.experiments.measures import SECONDS_PER_EPOCH, TEST_ACCURACY, TEST_LOSS, TRAIN_ACCURACY
from sweeps.experiments.questions.common import FULL, SMALL, without

EPOCHS, STEPS = "equal epochs", "equal steps"


def _trial(label: str, batch_size: int | str, epochs: int, group: str, interval: int = 1) -> TrialDefinition:
    values = {"batch_size": batch_size, "epochs": epochs, "evaluation_interval": interval}
    return TrialDefinition(label, values, group)


# 1,437 images: 360 steps an epoch with batches of 4, 90 of 16, 23 of 64, 6 of 256, and 1 with all of them.
SMALL_TRIALS = (
    _trial("batch 4, 8 epochs", 4, 8, EPOCHS),
    _trial("batch 16, 8 epochs", 16, 8, EPOCHS),
    _trial("batch 64, 8 epochs", 64, 8, EPOCHS),
    _trial("batch 256, 8 epochs", 256, 8, EPOCHS),
    _trial("all images, 8 epochs", "full", 8, EPOCHS),
    _trial("batch 16, 90 steps", 16, 1, STEPS),
    _trial("batch 64, 92 steps", 64, 4, STEPS),
    _trial("batch 256, 90 steps", 256, 15, STEPS),
    _trial("all images, 90 steps", "full", 90, STEPS, 6),
)
# 50,000 images: 1,563 steps an epoch with batches of 32, 391 of 128, 98 of 512, 25 of 2,048.
FULL_TRIALS = (
    _trial("batch 32, 30 epochs", 32, 30, EPOCHS),
    _trial("batch 128, 30 epochs", 128, 30, EPOCHS),
    _trial("batch 512, 30 epochs", 512, 30, EPOCHS),
    _trial("batch 2048, 30 epochs", 2048, 30, EPOCHS),
    _trial("all images, 30 epochs", "full", 30, EPOCHS, 5),
    _trial("batch 32, 6252 steps", 32, 4, STEPS),
    _trial("batch 128, 6256 steps", 128, 16, STEPS),
    _trial("batch 512, 6272 steps", 512, 64, STEPS, 4),
)


def _claims(small: str, middle: str, few_steps: str, many_steps: str, slow: str, whole: str) -> tuple[Claim, ...]:
    return (
        Claim(
            "At equal epochs, a batch of all images learns least: it makes one step an epoch.",
            better=middle,
            worse=whole,
            measure=TRAIN_ACCURACY,
        ),
        Claim(
            "At equal epochs, a batch of all images does worse on new images, too.",
            better=middle,
            worse=whole,
            measure=TEST_ACCURACY,
        ),
        Claim(
            "At equal steps, larger batches get further, to a lower test loss: the mean over more images is a better "
            "gradient, and they have seen more images.",
            better=many_steps,
            worse=few_steps,
            measure=TEST_LOSS,
        ),
        Claim(
            "An epoch of the smallest batches takes longest: each step costs something beside its images.",
            better=middle,
            worse=slow,
            measure=SECONDS_PER_EPOCH,
        ),
        Claim(
            "With one learning rate for all, the smallest batches are too noisy to learn best.",
            better=middle,
            worse=small,
            measure=TEST_ACCURACY,
        ),
    )


EXPERIMENT = Experiment(
    name="batch_size",
    title="Batch size",
    question="What does the batch size change: the way to a result, the result, or only the time?",
    expectation=(
        "A step moves the weights along the mean gradient of one batch; an epoch is one pass over all training "
        "images. Small batches make many noisy steps an epoch, large ones few exact steps. Counted in epochs, small "
        "batches get further, until their noise keeps them from settling. Counted in steps, large batches get "
        "further, because each of their steps has seen more images. Batch normalisation needs at least two images, "
        "so that batches of one are left out. A batch of 4 makes so many steps that it has no place among the runs "
        "of equal steps. The learning rate is the same for all. In practice it is raised with the batch."
    ),
    presets={
        "small": Preset(
            "digits",
            without({**SMALL, "schedule": {"name": "constant"}}, "epochs", "batch_size"),
            SMALL_TRIALS,
            _claims(
                "batch 4, 8 epochs",
                "batch 64, 8 epochs",
                "batch 16, 90 steps",
                "all images, 90 steps",
                "batch 4, 8 epochs",
                "all images, 8 epochs",
            ),
        ),
        "full": Preset(
            "cifar100",
            without(FULL, "epochs", "batch_size"),
            FULL_TRIALS,
            _claims(
                "batch 32, 30 epochs",
                "batch 128, 30 epochs",
                "batch 32, 6252 steps",
                "batch 512, 6272 steps",
                "batch 32, 30 epochs",
                "all images, 30 epochs",
            ),
        ),
    },
    panels=(
        Panel("Test accuracy at equal epochs", "test_accuracy", group=EPOCHS),
        Panel("Test loss at equal steps", "test_loss", by="step", group=STEPS, is_log=True),
    ),
)
