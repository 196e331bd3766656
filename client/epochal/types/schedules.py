"""Types of the API: schedules.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class _ConstantRequired(TypedDict):
    name: Literal["constant"]
    """Which kind this is; the other fields depend on it. Default: 'constant'."""


class Constant(_ConstantRequired, total=False):
    """The optimizer's learning rate throughout."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""


class _StepDecayRequired(TypedDict):
    name: Literal["step"]
    """Which kind this is; the other fields depend on it. Default: 'step'."""


class StepDecay(_StepDecayRequired, total=False):
    """The learning rate is multiplied by `gamma` every `step_epochs` epochs."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    step_epochs: int
    """Epochs from one step to the next, and from the warm-up to the first: by default a third of the default run, as
    He et al. have it on ImageNet. From 1 to 10000. Unit: epochs. Default: 10."""
    gamma: float
    """What the learning rate is multiplied by; He et al.'s. At most 1. Greater than 0. Default: 0.1."""


class _MultiStepRequired(TypedDict):
    name: Literal["multistep"]
    """Which kind this is; the other fields depend on it. Default: 'multistep'."""
    milestones: Sequence[int]
    """Epochs at whose start the learning rate falls, ascending, counted from 0. 1 to 1000 items. Unit: epochs."""


class MultiStep(_MultiStepRequired, total=False):
    """The learning rate is multiplied by `gamma` at the start of each epoch in `milestones`."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    gamma: float
    """What the learning rate is multiplied by; He et al.'s. At most 1. Greater than 0. Default: 0.1."""


class _ExponentialRequired(TypedDict):
    name: Literal["exponential"]
    """Which kind this is; the other fields depend on it. Default: 'exponential'."""


class Exponential(_ExponentialRequired, total=False):
    """The learning rate is multiplied by `gamma` each epoch."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    gamma: float
    """What the learning rate is multiplied by; 0.95 leaves a hundredth after 90 epochs. At most 1. Greater than 0.
    Default: 0.95."""


class _CosineRequired(TypedDict):
    name: Literal["cosine"]
    """Which kind this is; the other fields depend on it. Default: 'cosine'."""


class Cosine(_CosineRequired, total=False):
    """Half a cosine from the optimizer's learning rate to `final_learning_rate`, step by step (Loshchilov and Hutter
    2016, arXiv:1608.03983, without restarts)."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    final_learning_rate: float
    """Learning rate of the step that would follow the last; the paper's. From 0 to 100. Default: 0."""


class _WarmRestartsRequired(TypedDict):
    name: Literal["warm_restarts"]
    """Which kind this is; the other fields depend on it. Default: 'warm_restarts'."""


class WarmRestarts(_WarmRestartsRequired, total=False):
    """Cosines in a row, each from the optimizer's learning rate (Loshchilov and Hutter 2016, arXiv:1608.03983)."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    first_cycle_epochs: int
    """Length of the first cycle; the paper's T0. From 1 to 10000. Unit: epochs. Default: 10."""
    cycle_factor: int
    """Each cycle is so many times as long as the one before. From 1 to 10. Default: 2."""
    final_learning_rate: float
    """Learning rate to which each cycle falls; the paper's. From 0 to 100. Default: 0."""


class _LinearRequired(TypedDict):
    name: Literal["linear"]
    """Which kind this is; the other fields depend on it. Default: 'linear'."""


class Linear(_LinearRequired, total=False):
    """A straight line from the optimizer's learning rate to `final_learning_rate`, step by step."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    final_learning_rate: float
    """Learning rate of the step that would follow the last. From 0 to 100. Default: 0."""


class _PolynomialRequired(TypedDict):
    name: Literal["polynomial"]
    """Which kind this is; the other fields depend on it. Default: 'polynomial'."""


class Polynomial(_PolynomialRequired, total=False):
    """From the optimizer's learning rate to `final_learning_rate` as (1 - progress) ** `power`, step by step."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    power: float
    """Exponent of what is left of the run; 1 is linear. At most 10. Greater than 0. Default: 2."""
    final_learning_rate: float
    """Learning rate of the step that would follow the last. From 0 to 100. Default: 0."""


class _OneCycleRequired(TypedDict):
    name: Literal["one_cycle"]
    """Which kind this is; the other fields depend on it. Default: 'one_cycle'."""


class OneCycle(_OneCycleRequired, total=False):
    """Smith and Topin 2017 (arXiv:1708.07120): rise from a fraction of the optimizer's learning rate, then fall far
    below it. The momentum stays as it is."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    rise: float
    """Share of all steps that the rise takes; torch's. Greater than 0, less than 1. Unit: share of the steps.
    Default: 0.3."""
    start_divisor: float
    """The optimizer's learning rate over the first one; torch's. From 1 to 1000000000. Default: 25."""
    final_divisor: float
    """The first learning rate over the last one; torch's. From 1 to 1000000000. Default: 10000."""
    shape: Literal["cosine", "linear"]
    """Shape of rise and fall; torch's. Default: 'cosine'."""


class _PlateauRequired(TypedDict):
    name: Literal["plateau"]
    """Which kind this is; the other fields depend on it. Default: 'plateau'."""


class Plateau(_PlateauRequired, total=False):
    """The learning rate is multiplied by `gamma` when the watched loss has not fallen for `patience` epochs."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    watch: Literal["train_loss", "validation_loss", "test_loss"]
    """Which loss to watch; `validation_loss` needs a validation_fraction. A schedule that watches the test split has
    seen it: the test accuracy no longer is of unseen images. Default: 'train_loss'."""
    gamma: float
    """What the learning rate is multiplied by; torch's. Greater than 0, less than 1. Default: 0.1."""
    patience: int
    """So many epochs without a fall are borne; the next lowers the learning rate. torch's. From 0 to 10000. Unit:
    epochs. Default: 10."""
    threshold: float
    """The loss must fall by more than this share to count as fallen; torch's. At least 0. Less than 1. Unit: share
    of the best loss. Default: 0.0001."""
    cooldown: int
    """Epochs after a lowering in which none without a fall is counted. From 0 to 10000. Unit: epochs. Default: 0."""
    minimum: float
    """Learning rate below which it is not lowered. From 0 to 100. Default: 0."""


class _RangeTestRequired(TypedDict):
    name: Literal["range_test"]
    """Which kind this is; the other fields depend on it. Default: 'range_test'."""


class RangeTest(_RangeTestRequired, total=False):
    """The learning-rate range test (Smith 2015, arXiv:1506.01186): the learning rate rises exponentially over the
    run's steps, from `first_learning_rate` to the optimizer's. The losses of the steps say from which one the
    network learns, and from which one the loss grows; a loss that is no longer finite ends the run, and is no
    failure. Nothing is evaluated, and the weights that it leaves are those that it started from."""

    warmup_epochs: int
    """Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before the schedule
    begins. From 0 to 10000. Unit: epochs. Default: 0."""
    first_learning_rate: float
    """Learning rate of the first step; fastai's, which rises to 10. At most 100. Greater than 0. Default: 1e-07."""
