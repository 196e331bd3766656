"""What the activation between the layers does."""

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition
from sweeps.experiments.measures import GRADIENT_REACH, SECONDS_PER_EPOCH, TEST_ACCURACY, TRAIN_LOSS
from sweeps.experiments.questions.common import FULL, SMALL, without

NAMES = ("sigmoid", "tanh", "relu", "leaky_relu", "maxout", "silu")


def _trials(network: str) -> tuple[TrialDefinition, ...]:
    return tuple(
        TrialDefinition(name, {"architecture": {"name": network, "residual": False, "activation": name}})
        for name in NAMES
    )


CLAIMS = (
    Claim(
        "Sigmoid learns slowest: its slope is 1/4 at most, so that gradients shrink from layer to layer.",
        better="relu",
        worse="sigmoid",
        measure=TRAIN_LOSS,
    ),
    Claim(
        "With sigmoid, less of the gradient reaches the first layer than with ReLU.",
        better="relu",
        worse="sigmoid",
        measure=GRADIENT_REACH,
    ),
    Claim("On new images, ReLU does better than sigmoid.", better="relu", worse="sigmoid", measure=TEST_ACCURACY),
    Claim(
        "Tanh, whose slope at 0 is 1, does better than sigmoid.", better="tanh", worse="sigmoid", measure=TEST_ACCURACY
    ),
    Claim(
        "Leaky ReLU does about as well as ReLU: it loses at most 3 points.",
        better="leaky_relu",
        worse="relu",
        measure=TEST_ACCURACY,
        margin=0.03,
    ),
    Claim(
        "Maxout takes longer than ReLU: it computes two maps in place of one.",
        better="relu",
        worse="maxout",
        measure=SECONDS_PER_EPOCH,
    ),
)

EXPERIMENT = Experiment(
    name="activations",
    title="Activations",
    question="Why did ReLU take the place of sigmoid, and does it matter which of its successors one takes?",
    expectation=(
        "Without a non-linear function between them, two linear layers are one. Sigmoid and tanh flatten out for "
        "large inputs, where their slope is nearly 0; the gradient, a product of such slopes, vanishes on its way to "
        "the first layers. ReLU has a slope of 1 for everything above 0. Leaky ReLU keeps a small slope below 0, "
        "maxout learns its own shape from two linear maps. The networks here have no shortcuts, which would carry "
        "the gradient past the activations; batch normalisation keeps the inputs near 0 all the same, and helps "
        "sigmoid and tanh a lot."
    ),
    presets={
        "small": Preset("digits", without({**SMALL, "epochs": 8}, "architecture"), _trials("resnet20"), CLAIMS),
        "full": Preset("cifar100", without(FULL, "architecture"), _trials("resnet20"), CLAIMS),
    },
    panels=(
        Panel("Test accuracy", "test_accuracy"),
        Panel("Gradient norm by layer, first epoch", "gradient_norm", by="layer"),
        Panel("Train loss", "train_loss"),
    ),
)
