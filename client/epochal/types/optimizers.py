"""Types of the API: optimizers.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class Sam(TypedDict, total=False):
    """Sharpness-aware minimisation (Foret et al. 2020, arXiv:2010.01412): the gradient is taken where the loss is
    worst within `rho`, which doubles the work of a step."""

    rho: float
    """Radius of the search, in the norm of all weights; the paper's. At most 10. Greater than 0. Default: 0.05."""
    adaptive: bool
    """Measure the radius relative to each weight (ASAM, Kwon et al. 2021, arXiv:2102.11600). Default: False."""


class _GradientDescentRequired(TypedDict):
    name: Literal["gd"]
    """Which kind this is; the other fields depend on it. Default: 'gd'."""


class GradientDescent(_GradientDescentRequired, total=False):
    """Gradient descent over all training images a step: `batch_size` is "full"."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. As SGD's. At most 100. Greater than 0. Default: 0.1."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. From 0 to 1. Default: 0."""


class _SgdRequired(TypedDict):
    name: Literal["sgd"]
    """Which kind this is; the other fields depend on it. Default: 'sgd'."""


class Sgd(_SgdRequired, total=False):
    """Stochastic gradient descent, v = momentum * v + gradient; weight = weight - learning_rate * v."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. He et al.'s for batches of 128 and batch norm. At most 100. Greater
    than 0. Default: 0.1."""
    momentum: float
    """Share of the step before that a step keeps. He et al.'s; 0 is plain SGD. At least 0. Less than 1. Default:
    0.9."""
    nesterov: bool
    """Look ahead along the momentum (Sutskever et al. 2013); needs momentum. Default: False."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. 5e-4 is usual on CIFAR. From 0 to 1. Default:
    0.0005."""


class _HeavyBallRequired(TypedDict):
    name: Literal["momentum"]
    """Which kind this is; the other fields depend on it. Default: 'momentum'."""


class HeavyBall(_HeavyBallRequired, total=False):
    """SGD with momentum (Polyak 1964)."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. As SGD's. At most 100. Greater than 0. Default: 0.1."""
    momentum: float
    """Share of the step before that a step keeps. He et al.'s. Greater than 0, less than 1. Default: 0.9."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. 5e-4 is usual on CIFAR. From 0 to 1. Default:
    0.0005."""


class _NesterovRequired(TypedDict):
    name: Literal["nesterov"]
    """Which kind this is; the other fields depend on it. Default: 'nesterov'."""


class Nesterov(_NesterovRequired, total=False):
    """SGD with Nesterov's momentum (Sutskever et al. 2013)."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. As SGD's. At most 100. Greater than 0. Default: 0.1."""
    momentum: float
    """Share of the step before that a step keeps. He et al.'s. Greater than 0, less than 1. Default: 0.9."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. 5e-4 is usual on CIFAR. From 0 to 1. Default:
    0.0005."""


class _AdagradRequired(TypedDict):
    name: Literal["adagrad"]
    """Which kind this is; the other fields depend on it. Default: 'adagrad'."""


class Adagrad(_AdagradRequired, total=False):
    """Duchi et al. 2011: each weight's rate falls with the sum of its squared gradients."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. torch's. At most 100. Greater than 0. Default: 0.01."""
    epsilon: float
    """Added to the denominator, so that it is never 0. At most 1. Greater than 0. Default: 1e-10."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. From 0 to 1. Default: 0."""


class _RmsPropRequired(TypedDict):
    name: Literal["rmsprop"]
    """Which kind this is; the other fields depend on it. Default: 'rmsprop'."""


class RmsProp(_RmsPropRequired, total=False):
    """Hinton 2012 (lecture 6e): gradients over the root of the running mean of their squares."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. Hinton's. At most 100. Greater than 0. Default: 0.001."""
    decay: float
    """What the running mean of squares keeps each step; torch's. At least 0. Less than 1. Default: 0.99."""
    momentum: float
    """Share of the step before that a step keeps. Hinton has none. At least 0. Less than 1. Default: 0."""
    epsilon: float
    """Added to the denominator, so that it is never 0. At most 1. Greater than 0. Default: 1e-08."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. From 0 to 1. Default: 0."""


class _AdadeltaRequired(TypedDict):
    name: Literal["adadelta"]
    """Which kind this is; the other fields depend on it. Default: 'adadelta'."""


class Adadelta(_AdadeltaRequired, total=False):
    """Zeiler 2012 (arXiv:1212.5701): steps in units of the steps before."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. The paper's. At most 100. Greater than 0. Default: 1."""
    decay: float
    """What both running means keep each step; torch's. At least 0. Less than 1. Default: 0.9."""
    epsilon: float
    """Added to the denominator, so that it is never 0. The paper's. At most 1. Greater than 0. Default: 1e-06."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. From 0 to 1. Default: 0."""


class _AdamRequired(TypedDict):
    name: Literal["adam"]
    """Which kind this is; the other fields depend on it. Default: 'adam'."""


class Adam(_AdamRequired, total=False):
    """Kingma and Ba 2014 (arXiv:1412.6980); weight decay as an L2 penalty in the gradient."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. The paper's. At most 100. Greater than 0. Default: 0.001."""
    betas: Sequence[float]
    """What the running means of gradients and of their squares keep each step. Default: [0.9, 0.999]."""
    epsilon: float
    """Added to the denominator, so that it is never 0. At most 1. Greater than 0. Default: 1e-08."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. The paper has none. From 0 to 1. Default: 0."""


class _AdamWRequired(TypedDict):
    name: Literal["adamw"]
    """Which kind this is; the other fields depend on it. Default: 'adamw'."""


class AdamW(_AdamWRequired, total=False):
    """Loshchilov and Hutter 2017 (arXiv:1711.05101); weight decay apart from the gradient."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. Adam's. At most 100. Greater than 0. Default: 0.001."""
    betas: Sequence[float]
    """What the running means of gradients and of their squares keep each step. Default: [0.9, 0.999]."""
    epsilon: float
    """Added to the denominator, so that it is never 0. At most 1. Greater than 0. Default: 1e-08."""
    weight_decay: float
    """So many times the weight, times the learning rate, is taken off it each step. torch's. From 0 to 1. Default:
    0.01."""


class _NAdamRequired(TypedDict):
    name: Literal["nadam"]
    """Which kind this is; the other fields depend on it. Default: 'nadam'."""


class NAdam(_NAdamRequired, total=False):
    """Dozat 2016: Adam with Nesterov's momentum."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. The paper's. At most 100. Greater than 0. Default: 0.002."""
    betas: Sequence[float]
    """What the running means of gradients and of their squares keep each step. Default: [0.9, 0.999]."""
    epsilon: float
    """Added to the denominator, so that it is never 0. At most 1. Greater than 0. Default: 1e-08."""
    momentum_decay: float
    """How soon the momentum warms up to its full share; the paper's. From 0 to 1. Default: 0.004."""
    weight_decay: float
    """L2 penalty: so many times the weight is added to its gradient. From 0 to 1. Default: 0."""


class _LambRequired(TypedDict):
    name: Literal["lamb"]
    """Which kind this is; the other fields depend on it. Default: 'lamb'."""


class Lamb(_LambRequired, total=False):
    """You et al. 2019 (arXiv:1904.00962): AdamW whose step is scaled to each layer's norm, for large batches."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. ResNet Strikes Back's (arXiv:2110.00476). At most 100. Greater than
    0. Default: 0.005."""
    betas: Sequence[float]
    """What the running means of gradients and of their squares keep each step. Default: [0.9, 0.999]."""
    epsilon: float
    """Added to the denominator, so that it is never 0. The paper's. At most 1. Greater than 0. Default: 1e-06."""
    weight_decay: float
    """So many times the weight is added to the step, before the step is scaled to the layer's norm (the trust
    ratio), so that it does not shrink weights by a fixed share. The paper's. From 0 to 1. Default: 0.01."""


class _LionRequired(TypedDict):
    name: Literal["lion"]
    """Which kind this is; the other fields depend on it. Default: 'lion'."""


class Lion(_LionRequired, total=False):
    """Chen et al. 2023 (arXiv:2302.06675): the sign of an interpolated momentum."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. The paper's; a tenth to a third of AdamW's. At most 100. Greater
    than 0. Default: 0.0001."""
    betas: Sequence[float]
    """What a step keeps of the momentum, and what the momentum keeps each step; the paper's. Default: [0.9, 0.99]."""
    weight_decay: float
    """So many times the weight, times the learning rate, is taken off it each step. Three to ten times AdamW's. From
    0 to 1. Default: 0.1."""


class _MuonRequired(TypedDict):
    name: Literal["muon"]
    """Which kind this is; the other fields depend on it. Default: 'muon'."""


class Muon(_MuonRequired, total=False):
    """Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon): the momentum of each convolution's weights,
    made orthogonal. The stem, the last linear layer, norms and biases take SGD with Nesterov's momentum."""

    norm_weight_decay: float | None
    """Weight decay of normalisations' scales and shifts and of biases; None: the same as of weights. From 0 to 1."""
    sam: Sam | None
    """Sharpness-aware minimisation around the optimizer; None: none."""
    learning_rate: float
    """How far a step goes, before the schedule. Of the convolutions; the author's. At most 100. Greater than 0.
    Default: 0.02."""
    momentum: float
    """Share of the step before that a step keeps. The author's. At least 0. Less than 1. Default: 0.95."""
    weight_decay: float
    """Of the convolutions. So many times the weight, times the learning rate, is taken off it each step. From 0 to
    1. Default: 0.01."""
    rest_learning_rate: float
    """Of the weights that Muon does not take, before the same schedule. At most 100. Greater than 0. Default: 0.1."""
    rest_weight_decay: float
    """Of the weights that Muon does not take. L2 penalty: so many times the weight is added to its gradient. From 0
    to 1. Default: 0.0005."""
