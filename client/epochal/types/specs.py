"""Types of the API: specs.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from epochal.types.architectures import CifarResNet, CifarResNext, PyramidNet, ResNet, ResNext, WideResNet
from epochal.types.augmentation import Augmentation, AugmentationInput
from epochal.types.optimizers import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Lamb,
    Lion,
    Muon,
    NAdam,
    Nesterov,
    RmsProp,
    Sgd,
)
from epochal.types.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    RangeTest,
    StepDecay,
    WarmRestarts,
)


class ValidationFold(TypedDict):
    """One part of the training images is held out, and the probabilities that the trained network gives to its
    images are kept. The parts are equal in every class to within an image, and are a function of the seed and of the
    images' content; copies of an image are in one part. So `of` jobs with every `index` judge each image by a
    network that was not trained on it."""

    index: int
    """Which part is held out, from 0. At least 0. Less than 20."""
    of: int
    """How many parts there are. From 2 to 20. Unit: parts."""


class Ema(TypedDict, total=False):
    """An exponential moving average of weights and normalisation statistics, which is what is evaluated and kept
    (Polyak and Juditsky 1992)."""

    decay: float
    """Share of the average that each step keeps: a memory of about 1 / (1 - decay) steps. Early on it is less, at
    most (1 + steps) / (10 + steps). Greater than 0, less than 1. Default: 0.999."""


class _SwaRequired(TypedDict):
    start_epoch: int
    """First epoch whose weights are averaged, counted from 0. From 0 to 10000. Unit: epochs."""


class Swa(_SwaRequired, total=False):
    """Stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407): the mean of the weights at the end of
    each epoch from `start_epoch` on, with normalisation statistics measured anew, is what is evaluated and kept."""

    learning_rate: float | None
    """Constant learning rate from `start_epoch` on, in place of the schedule's; None goes on with the schedule. At
    most 100. Greater than 0."""


class EarlyStopping(TypedDict, total=False):
    """End when the validation accuracy has not risen for `patience` epochs; needs a validation_fraction. The weights
    of the best epoch are kept."""

    patience: int
    """So many epochs without a rise end the training. From 1 to 10000. Unit: epochs. Default: 10."""
    minimum_rise: float
    """The accuracy must rise by more than this to count as risen. At least 0. Less than 1. Unit: share of the
    validation images. Default: 0."""


class Regularisation(TypedDict, total=False):
    """None unless asked for."""

    label_smoothing: float
    """Share of each label that is spread evenly over all classes, so that the network grows less sure of itself
    (Szegedy et al. 2015, arXiv:1512.00567); 0.1 is usual. At least 0. Less than 1. Unit: share of the label.
    Default: 0."""
    gradient_clipping: float | None
    """Largest norm of all gradients together: longer ones are scaled down to it; None clips nothing. At most
    1000000. Greater than 0."""
    ema: Ema | None
    """Evaluate and keep an exponential moving average of the weights."""
    swa: Swa | None
    """Evaluate and keep the mean of the weights at the ends of late epochs."""
    early_stopping: EarlyStopping | None
    """End when the validation accuracy has stopped rising; needs a validation_fraction."""


class Checkpoints(TypedDict, total=False):
    """When a run is saved as it goes on, so that whatever interrupts it costs no more than what it has done since."""

    interval: int
    """Epochs from one checkpoint to the next. From 1 to 10000. Unit: epochs. Default: 1."""
    minutes: float | None
    """Also save when this much time has passed since the last checkpoint, in the middle of an epoch, too; None: only
    at the end of epochs. At most 10080. Greater than 0. Unit: minutes. Default: 10."""
    keep: int
    """Keep the last so many: where the newest cannot be used, the one before is. From 1 to 100. Unit: checkpoints.
    Default: 2."""
    keep_best: bool
    """Keep that of the best epoch, too, by validation accuracy where there is one, otherwise by test accuracy.
    Default: True."""


ArchitectureName: TypeAlias = Literal[
    "pyramidnet-110-270",
    "pyramidnet-110-48",
    "pyramidnet-110-84",
    "pyramidnet-164-270",
    "pyramidnet-200-240",
    "pyramidnet-236-220",
    "pyramidnet-272-200",
    "resnet101",
    "resnet110",
    "resnet152",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnext101-32x8d",
    "resnext101-64x4d",
    "resnext29-16x64d",
    "resnext29-8x64d",
    "resnext50-32x4d",
    "wrn-16-1",
    "wrn-16-10",
    "wrn-16-2",
    "wrn-16-4",
    "wrn-16-8",
    "wrn-22-10",
    "wrn-22-2",
    "wrn-22-8",
    "wrn-28-10",
    "wrn-28-12",
    "wrn-28-2",
    "wrn-28-4",
    "wrn-28-8",
    "wrn-40-1",
    "wrn-40-10",
    "wrn-40-2",
    "wrn-40-4",
    "wrn-40-8",
]

ArchitectureSpec: TypeAlias = CifarResNet | ResNet | CifarResNext | ResNext | WideResNet | PyramidNet

OptimizerName: TypeAlias = Literal[
    "adadelta",
    "adagrad",
    "adam",
    "adamw",
    "gd",
    "lamb",
    "lion",
    "momentum",
    "muon",
    "nadam",
    "nesterov",
    "rmsprop",
    "sgd",
]

OptimizerSpec: TypeAlias = (
    GradientDescent
    | Sgd
    | HeavyBall
    | Nesterov
    | Adagrad
    | RmsProp
    | Adadelta
    | Adam
    | AdamW
    | NAdam
    | Lion
    | Lamb
    | Muon
)

ScheduleName: TypeAlias = Literal[
    "constant",
    "cosine",
    "exponential",
    "linear",
    "multistep",
    "one_cycle",
    "plateau",
    "polynomial",
    "range_test",
    "step",
    "warm_restarts",
]

ScheduleSpec: TypeAlias = (
    Constant
    | StepDecay
    | MultiStep
    | Exponential
    | Cosine
    | WarmRestarts
    | OneCycle
    | Linear
    | Polynomial
    | Plateau
    | RangeTest
)


class _TrainingSpecRequired(TypedDict):
    dataset: str
    """What to train on, a name from GET /v1/datasets: a data set that you have uploaded, a folder of the data sets'
    directory, or a known data set. Of an uploaded one, `pets` is the newest version that is ready when the job is
    submitted, and `pets@3` the third."""


class TrainingSpec(_TrainingSpecRequired, total=False):
    """A training job's hyperparameters, as somebody submits them: filled in from the recipe that they name, and
    refused where they do not go together, or not with a data set that ships with Epochal."""

    recipe: Literal["lab-baseline", "standard", "strong", "sprint", "state-of-the-art"] | None
    """A named starting point from GET /v1/recipes, which fills in what the spec does not say itself. Whatever the
    spec does say goes before; None takes one of the recipe's parts away."""
    image_size: int | None
    """Side to which images are brought. None: the images' own size where they all share one and it is square,
    otherwise the median of their shorter sides, 224 at most. From 8 to 1024. Unit: pixels."""
    resize: Literal["crop", "pad", "stretch"]
    """How an image that is not square becomes so: `crop` brings the shorter side to image_size and cuts out the
    centre, `pad` brings the longer side to it and fills up with black, `stretch` distorts. Default: 'crop'."""
    unreadable_images: Literal["refuse", "drop"]
    """What a broken image file does: fail the job, naming the file, or be left out; the job says how many were.
    Default: 'refuse'."""
    validation_fraction: float
    """Share that is split off, class by class, to choose the best epoch on; without, it is chosen on the test split.
    From 0 to 0.9. Unit: share of the training images. Default: 0."""
    validation_fold: ValidationFold | None
    """In place of validation_fraction, for cross-validation: hold out one of several equal parts of the training
    images, and keep the probabilities that the trained network gives to them and to the test images."""
    placement: Literal["auto", "resident", "streamed"]
    """Where the decoded images lie: all on the device, or read from a decoded cache on disk as they are needed.
    `auto`: resident where they fit into half of the free memory. Default: 'auto'."""
    architecture: ArchitectureName | ArchitectureSpec
    """The network. ResNet-18 is the usual reference on small images. Default: 'resnet18'."""
    starting_weights: str | None
    """What to start from; None: random weights. A trained model, by its id or as `cats`, `cats@3`,
    `cats@production`, which is the one that it stands for when the job is submitted; or the id of a job that has
    weights. Its architecture must be the same, the size of its images need not be: the stem `auto` is the one that
    these weights have. The last linear layer, the head, starts anew where the classes are others by name."""
    freeze: Literal["none", "stem", "all-but-head"]
    """Which layers keep their starting weights as they are, and their normalisations' statistics: none, the stem, or
    all but the head, which is the last linear layer alone. Default: 'none'."""
    starting_weights_learning_rate_factor: float
    """Layers that start from given weights learn at this share of the learning rate; a head that starts anew, at the
    whole. At most 1. Greater than 0. Unit: share of the learning rate. Default: 1."""
    epochs: int
    """Passes over the training images. From 1 to 10000. Unit: epochs. Default: 30."""
    batch_size: Literal["full"] | int
    """Images that a step takes in; He et al.'s 128 by default. Batch normalisation needs two at least; "full" takes
    all training images each step. From 2 to 65536. Unit: images. Default: 128."""
    micro_batch_size: int | None
    """Work through a batch in parts of this size and add up their gradients, which saves memory; normalisation sees
    one part at a time. None: whole batches, and 1,024 for "full". From 2 to 65536. Unit: images."""
    optimizer: OptimizerName | OptimizerSpec
    """How weights follow gradients. SGD generalises best on small images. Default: 'sgd'."""
    schedule: (
        Literal[
            "constant",
            "cosine",
            "exponential",
            "linear",
            "one_cycle",
            "plateau",
            "polynomial",
            "range_test",
            "step",
            "warm_restarts",
        ]
        | ScheduleSpec
    )
    """The learning rate over the run. Cosine has nothing to tune. Default: 'cosine'."""
    augmentation: AugmentationInput
    """How training images are changed, anew each epoch; not at all by default. Default: {'flip': False}."""
    regularisation: Regularisation
    """What else keeps the network from learning its images by heart; nothing by default. Default:
    {'label_smoothing': 0.0}."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Number format of the forward and backward pass; weights stay in fp32. `auto`: the fastest of fp32 and bf16 on
    the device. `fp16`, with a scaled loss, needs a CUDA device. Default: 'auto'."""
    compile: Literal["auto", "on", "off"]
    """Compile the network's forward and backward pass. `auto` tries it after the first steps, where the run is long
    enough to be worth the wait, and keeps it where it is faster; `on` compiles before the first. Default: 'auto'."""
    deterministic: bool
    """Repeat to the bit on the same kind of machine: one fixed way of computing a step, and algorithms that repeat,
    at some cost in speed. Default: False."""
    devices: int
    """Accelerators, or processes on a CPU, that train the network together, each on its share of every batch. From 1
    to 64. Unit: devices. Default: 1."""
    evaluation_interval: int
    """Epochs from one evaluation to the next; the last epoch is always evaluated. From 1 to 10000. Unit: epochs.
    Default: 1."""
    logging_interval: int
    """Steps from one recorded loss to the next, by default as many as in the lab exercise. From 1 to 100000. Unit:
    steps. Default: 10."""
    checkpoints: Checkpoints
    """When the run is saved as it goes on, and how much of that is kept. Default: {'interval': 1, 'minutes': 10.0,
    'keep': 2, 'keep_best': True}."""
    time_limit_minutes: float | None
    """End the job when it has had this much time with a worker, all attempts together; waiting and pauses do not
    count. None: no limit. At most 100000. Greater than 0. Unit: minutes."""
    seed: int
    """Decides the starting weights, the order of the images and their augmentation: two runs of one seed see the
    same. At least 0. Less than 4294967296. Default: 0."""


class _ResolvedSpecRequired(TypedDict):
    dataset: str
    """What to train on, a name from GET /v1/datasets: a data set that you have uploaded, a folder of the data sets'
    directory, or a known data set. Of an uploaded one, `pets` is the newest version that is ready when the job is
    submitted, and `pets@3` the third."""


class ResolvedSpec(_ResolvedSpecRequired, total=False):
    """A spec that was accepted, with every default resolved: what is stored, shown and trained. It is not judged
    again. It has no recipe filled in and no rule about which fields go together, so that neither a recipe that has
    changed since nor a rule that is new makes an old job unreadable or mean something else. The bounds of its fields
    may widen from release to release, and never narrow."""

    recipe: Literal["lab-baseline", "standard", "strong", "sprint", "state-of-the-art"] | None
    """A named starting point from GET /v1/recipes, which fills in what the spec does not say itself. Whatever the
    spec does say goes before; None takes one of the recipe's parts away."""
    image_size: int | None
    """Side to which images are brought. None: the images' own size where they all share one and it is square,
    otherwise the median of their shorter sides, 224 at most. From 8 to 1024. Unit: pixels."""
    resize: Literal["crop", "pad", "stretch"]
    """How an image that is not square becomes so: `crop` brings the shorter side to image_size and cuts out the
    centre, `pad` brings the longer side to it and fills up with black, `stretch` distorts. Default: 'crop'."""
    unreadable_images: Literal["refuse", "drop"]
    """What a broken image file does: fail the job, naming the file, or be left out; the job says how many were.
    Default: 'refuse'."""
    validation_fraction: float
    """Share that is split off, class by class, to choose the best epoch on; without, it is chosen on the test split.
    From 0 to 0.9. Unit: share of the training images. Default: 0."""
    validation_fold: ValidationFold | None
    """In place of validation_fraction, for cross-validation: hold out one of several equal parts of the training
    images, and keep the probabilities that the trained network gives to them and to the test images."""
    placement: Literal["auto", "resident", "streamed"]
    """Where the decoded images lie: all on the device, or read from a decoded cache on disk as they are needed.
    `auto`: resident where they fit into half of the free memory. Default: 'auto'."""
    architecture: ArchitectureSpec
    """The network. ResNet-18 is the usual reference on small images. Default: 'resnet18'."""
    starting_weights: str | None
    """What to start from; None: random weights. A trained model, by its id or as `cats`, `cats@3`,
    `cats@production`, which is the one that it stands for when the job is submitted; or the id of a job that has
    weights. Its architecture must be the same, the size of its images need not be: the stem `auto` is the one that
    these weights have. The last linear layer, the head, starts anew where the classes are others by name."""
    freeze: Literal["none", "stem", "all-but-head"]
    """Which layers keep their starting weights as they are, and their normalisations' statistics: none, the stem, or
    all but the head, which is the last linear layer alone. Default: 'none'."""
    starting_weights_learning_rate_factor: float
    """Layers that start from given weights learn at this share of the learning rate; a head that starts anew, at the
    whole. At most 1. Greater than 0. Unit: share of the learning rate. Default: 1."""
    epochs: int
    """Passes over the training images. From 1 to 10000. Unit: epochs. Default: 30."""
    batch_size: Literal["full"] | int
    """Images that a step takes in; He et al.'s 128 by default. Batch normalisation needs two at least; "full" takes
    all training images each step. From 2 to 65536. Unit: images. Default: 128."""
    micro_batch_size: int | None
    """Work through a batch in parts of this size and add up their gradients, which saves memory; normalisation sees
    one part at a time. None: whole batches, and 1,024 for "full". From 2 to 65536. Unit: images."""
    optimizer: OptimizerSpec
    """How weights follow gradients. SGD generalises best on small images. Default: 'sgd'."""
    schedule: ScheduleSpec
    """The learning rate over the run. Cosine has nothing to tune. Default: 'cosine'."""
    augmentation: Augmentation
    """How training images are changed, anew each epoch; not at all by default. Default: {'flip': False}."""
    regularisation: Regularisation
    """What else keeps the network from learning its images by heart; nothing by default. Default:
    {'label_smoothing': 0.0}."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Number format of the forward and backward pass; weights stay in fp32. `auto`: the fastest of fp32 and bf16 on
    the device. `fp16`, with a scaled loss, needs a CUDA device. Default: 'auto'."""
    compile: Literal["auto", "on", "off"]
    """Compile the network's forward and backward pass. `auto` tries it after the first steps, where the run is long
    enough to be worth the wait, and keeps it where it is faster; `on` compiles before the first. Default: 'auto'."""
    deterministic: bool
    """Repeat to the bit on the same kind of machine: one fixed way of computing a step, and algorithms that repeat,
    at some cost in speed. Default: False."""
    devices: int
    """Accelerators, or processes on a CPU, that train the network together, each on its share of every batch. From 1
    to 64. Unit: devices. Default: 1."""
    evaluation_interval: int
    """Epochs from one evaluation to the next; the last epoch is always evaluated. From 1 to 10000. Unit: epochs.
    Default: 1."""
    logging_interval: int
    """Steps from one recorded loss to the next, by default as many as in the lab exercise. From 1 to 100000. Unit:
    steps. Default: 10."""
    checkpoints: Checkpoints
    """When the run is saved as it goes on, and how much of that is kept. Default: {'interval': 1, 'minutes': 10.0,
    'keep': 2, 'keep_best': True}."""
    time_limit_minutes: float | None
    """End the job when it has had this much time with a worker, all attempts together; waiting and pauses do not
    count. None: no limit. At most 100000. Greater than 0. Unit: minutes."""
    seed: int
    """Decides the starting weights, the order of the images and their augmentation: two runs of one seed see the
    same. At least 0. Less than 4294967296. Default: 0."""
