"""How weights follow their gradients."""

from typing import Any

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition, trials_of
from sweeps.experiments.measures import SECONDS_PER_EPOCH, TEST_ACCURACY, TRAIN_LOSS
from sweeps.experiments.questions.common import FULL, SMALL, without

PLAIN: dict[str, Any] = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.0}
GD: dict[str, Any] = {"name": "gd", "learning_rate": 0.1}

MINI_BATCHES: dict[str, Any] = {
    "mini-batch SGD": PLAIN,
    "momentum": {"name": "momentum", "learning_rate": 0.05, "weight_decay": 0.0},
    "Nesterov": {"name": "nesterov", "learning_rate": 0.05, "weight_decay": 0.0},
    "AdaGrad": {"name": "adagrad"},
    "RMSprop": {"name": "rmsprop"},
    "Adam": {"name": "adam"},
    "AdamW": {"name": "adamw"},
    "Lion": {"name": "lion"},
    "Muon": {"name": "muon"},
}


def _trials(few_epochs: int, many_epochs: int, few_images: int, interval: int) -> tuple[TrialDefinition, ...]:
    epochs, whole = {"epochs": few_epochs}, {"batch_size": "full", "optimizer": GD}
    return (
        TrialDefinition("batch GD, equal epochs", {**whole, **epochs}),
        TrialDefinition("batch GD, many epochs", {**whole, "epochs": many_epochs, "evaluation_interval": interval}),
        TrialDefinition(
            f"SGD, {few_images} images a step",
            {"batch_size": few_images, "optimizer": {**PLAIN, "learning_rate": 0.01}, **epochs},
        ),
        *(TrialDefinition(each.label, {**each.values, **epochs}) for each in trials_of("optimizer", MINI_BATCHES)),
    )


def _claims(few_images: int) -> tuple[Claim, ...]:
    return (
        Claim(
            "At equal epochs, gradient descent over all images learns far less than mini-batches: it makes one step an "
            "epoch.",
            better="mini-batch SGD",
            worse="batch GD, equal epochs",
            measure=TRAIN_LOSS,
        ),
        Claim(
            "With many more epochs, gradient descent over all images gets further.",
            better="batch GD, many epochs",
            worse="batch GD, equal epochs",
            measure=TRAIN_LOSS,
        ),
        Claim(
            "With a step for every few images, an epoch takes longer than with mini-batches.",
            better="mini-batch SGD",
            worse=f"SGD, {few_images} images a step",
            measure=SECONDS_PER_EPOCH,
        ),
        Claim(
            "Momentum learns faster than plain SGD at the same learning rate.",
            better="momentum",
            worse="mini-batch SGD",
            measure=TRAIN_LOSS,
        ),
        Claim(
            "AdaGrad, whose rate only falls, learns slower than Adam, whose rate can recover.",
            better="Adam",
            worse="AdaGrad",
            measure=TRAIN_LOSS,
        ),
        Claim(
            "On new images, SGD with momentum does about as well as Adam: it loses at most 3 points.",
            better="momentum",
            worse="Adam",
            measure=TEST_ACCURACY,
            margin=0.03,
        ),
    )


EXPERIMENT = Experiment(
    name="optimizers",
    title="Optimizers",
    question="What do gradient descent and its successors differ in, and does it matter here?",
    expectation=(
        "Gradient descent takes the gradient over all training images for one step (batch GD). Stochastic gradient "
        "descent takes that of a few, and mini-batch SGD of some tens, which is the usual compromise: many steps an "
        "epoch, of which each costs little. Momentum adds up past steps, so that the noise cancels and the direction "
        "stays. AdaGrad, RMSprop and Adam give each weight a rate of its own, by the size of its past gradients; "
        "AdamW takes weight decay out of that. Lion steps by the sign of a momentum. Muon makes the step of a "
        "convolution's weights orthogonal. Each has its usual learning rate here, and none was tuned: another rate "
        "may well change the order."
    ),
    presets={
        "small": Preset(
            "digits",
            without({**SMALL, "schedule": {"name": "constant"}}, "optimizer", "epochs"),
            _trials(6, 60, 4, 6),
            _claims(4),
        ),
        "full": Preset("cifar100", without(FULL, "optimizer", "epochs"), _trials(30, 300, 16, 10), _claims(16)),
    },
    panels=(
        Panel("Test accuracy", "test_accuracy", is_log=True),
        Panel("Train loss", "train_loss", is_log=True),
    ),
)
