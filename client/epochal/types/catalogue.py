"""Types of the API: catalogue.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Any, Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class NetworkSize(Record):
    """How large an architecture is on a reference task."""

    stem: Literal["cifar", "imagenet"]
    dataset: str
    """The reference task."""
    image_size: int
    channels: int
    classes: int
    parameters: int
    flops: int
    """Multiply-accumulate operations of one image's forward pass, the count in papers on ResNets."""


@record(frozen=True, slots=True, kw_only=True)
class Architecture(Record):
    """An architecture that a job can name."""

    name: str
    family: Literal["cifar_resnet", "resnet", "cifar_resnext", "resnext", "wide_resnet", "pyramidnet"]
    title: str
    """The family's name."""
    description: str
    """What the networks of the family consist of."""
    paper: str
    options: tuple[str, ...]
    """Fields of the spec's `architecture` that it accepts beside `name`."""
    stems: tuple[Literal["cifar", "imagenet"], ...]
    """Its possible first layers. Where there are two, the option `stem` chooses."""
    sizes: tuple[NetworkSize, ...]
    """One for each stem, with every other option at its default."""


@record(frozen=True, slots=True, kw_only=True)
class RecipeResult(Record):
    """One measurement of a recipe, over one seed or several. Accuracies are fractions in [0, 1] of the test split,
    after the last epoch, without test-time augmentation."""

    recipe: Literal["lab-baseline", "standard", "strong", "sprint", "state-of-the-art"]
    architecture: str
    """Name of the network, which need not be the recipe's own."""
    dataset: str
    epochs: int
    """Epochs trained, which need not be the recipe's own. At least 1."""
    seeds: tuple[int, ...]
    """One run each. At least 1 item."""
    test_accuracy_mean: float
    """Over the seeds, after the last epoch. From 0 to 1."""
    test_accuracy_deviation: float | None = None
    """Standard deviation over the seeds, with n - 1; None of a single seed. From 0 to 1."""
    seconds: float
    """Wall time of one run, the mean over the seeds. At least 0."""
    device: str
    """What it ran on: an accelerator's name, or a processor's."""
    torch_version: str
    date: datetime.date


@record(frozen=True, slots=True, kw_only=True)
class Recipe(Record):
    """A named starting point for a spec."""

    name: Literal["lab-baseline", "standard", "strong", "sprint", "state-of-the-art"]
    """The value of a spec's `recipe`."""
    title: str
    description: str
    spec: dict[str, Any]
    """The values of fields that a spec leaves out. All other fields have their defaults."""
    results: tuple[RecipeResult, ...]
    """Measured results; empty if there are none."""
