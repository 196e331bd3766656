"""Every experiment, by its name."""

from collections.abc import Mapping
from typing import Any

from sweeps.errors import ExperimentNotFound
from sweeps.experiments.definition import Experiment, Preset, TrialDefinition
from sweeps.experiments.questions import (
    activations,
    augmentation,
    batch_size,
    epochs_and_overfitting,
    learning_rate,
    optimizers,
    residual_blocks,
)
from sweeps.space import spec_with

EXPERIMENTS: Mapping[str, Experiment] = {
    each.EXPERIMENT.name: each.EXPERIMENT
    for each in (
        batch_size,
        epochs_and_overfitting,
        residual_blocks,
        activations,
        optimizers,
        learning_rate,
        augmentation,
    )
}


def find(name: str) -> Experiment:
    """An experiment. Raises ExperimentNotFound."""
    if name not in EXPERIMENTS:
        raise ExperimentNotFound(name)
    return EXPERIMENTS[name]


def spec_of(preset: Preset, trial: TrialDefinition, dataset: str) -> dict[str, Any]:
    """The spec of one of its jobs, as somebody would submit it."""
    return spec_with({"dataset": dataset, **preset.spec}, trial.values)
