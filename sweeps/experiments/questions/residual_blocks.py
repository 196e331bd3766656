"""What the shortcuts of a residual network are good for."""

from sweeps.experiments.claims import Claim
from sweeps.experiments.definition import Experiment, Panel, Preset, TrialDefinition
from sweeps.experiments.measures import TEST_ACCURACY, TRAIN_ACCURACY
from sweeps.experiments.questions.common import FULL, SMALL, without

DEPTHS = (20, 32, 56)
MARGIN = 0.03  # share of the images

TRIALS = tuple(
    TrialDefinition(
        f"{depth} layers, {'with' if residual else 'without'} shortcuts",
        {"architecture": {"name": f"resnet{depth}", "residual": residual}},
    )
    for residual in (True, False)
    for depth in DEPTHS
)
CLAIMS = (
    Claim(
        "Without shortcuts, 56 layers learn even their training images worse than 20 (degradation: no overfitting).",
        better="20 layers, without shortcuts",
        worse="56 layers, without shortcuts",
        measure=TRAIN_ACCURACY,
    ),
    Claim(
        "At 56 layers, the network with shortcuts does better on new images.",
        better="56 layers, with shortcuts",
        worse="56 layers, without shortcuts",
        measure=TEST_ACCURACY,
    ),
    Claim(
        "At 32 layers, the network with shortcuts does better on new images, too.",
        better="32 layers, with shortcuts",
        worse="32 layers, without shortcuts",
        measure=TEST_ACCURACY,
    ),
    Claim(
        "At 20 layers the shortcuts matter little: without them, the network loses at most 3 points.",
        better="20 layers, without shortcuts",
        worse="20 layers, with shortcuts",
        measure=TEST_ACCURACY,
        margin=MARGIN,
    ),
    Claim(
        "With shortcuts, depth does no harm: 56 layers lose at most 3 points against 20.",
        better="56 layers, with shortcuts",
        worse="20 layers, with shortcuts",
        measure=TEST_ACCURACY,
        margin=MARGIN,
    ),
)

EXPERIMENT = Experiment(
    name="residual_blocks",
    title="Residual blocks",
    question="Why do deep networks need shortcuts around their blocks?",
    expectation=(
        "A block of a residual network adds its input to its output. Without these shortcuts, a deeper network "
        "should be able to do whatever a shallower one does, and yet plain training does not get it there: from some "
        "depth on, even the train accuracy falls with more layers (He et al. 2015, arXiv:1512.03385). The shortcuts "
        "give the gradient a way past the layers. All networks here have batch normalisation."
    ),
    presets={
        "small": Preset(
            "digits",
            without({**SMALL, "schedule": {"name": "cosine", "warmup_epochs": 2}}, "architecture"),
            TRIALS,
            CLAIMS,
        ),
        "full": Preset("cifar100", without(FULL, "architecture"), TRIALS, CLAIMS),
    },
    panels=(Panel("Train accuracy", "train_accuracy"), Panel("Test accuracy", "test_accuracy")),
)
