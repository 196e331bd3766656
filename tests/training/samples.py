"""What the tests train on, and how they look at a run."""

from pathlib import Path
from typing import Any

import torch

from training.engine.data import Dataset, Split, load_dataset
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, StepMetrics
from training.spec import ResolvedSpec

NOWHERE = Path("nowhere")
TIMED = {"seconds", "images_per_second", "device_memory_bytes", "loading_share"}  # differ from run to run


def digits(train: int | None = None, test: int | None = 40) -> Dataset:
    """The data set that ships, or some of its images; of any class."""
    whole = load_dataset("digits", datasets_dir=NOWHERE, downloads_dir=NOWHERE)
    mixed = torch.randperm(len(whole.train.labels), generator=torch.Generator().manual_seed(0))
    test_order = torch.arange(0, len(whole.test.labels), len(whole.test.labels) // (test or len(whole.test.labels)))
    return Dataset(
        whole.name, whole.classes, some(whole.train, mixed[:train]), some(whole.test, test_order[:test]), whole.source
    )


def some(split: Split, rows: torch.Tensor) -> Split:
    return Split(split.images[rows], split.labels[rows])


def spec(**fields: object) -> ResolvedSpec:
    """Of ResNet-20 on digits, in fp32. Runs here may be too short for what they try: no rule for callers holds."""
    defaults = {"dataset": "digits", "architecture": "resnet20", "epochs": 2, "batch_size": 64, "precision": "fp32"}
    return ResolvedSpec.model_validate({**defaults, **fields})


def epochs_of(run: Trainer) -> list[EpochMetrics]:
    """Train to the end."""
    return [measured for measured in run.epochs() if isinstance(measured, EpochMetrics)]


def figures_of(run: Trainer) -> list[Any]:
    """Train to the end: every loss, and every epoch without its times."""
    return [
        measured.model_dump(exclude=TIMED)
        for measured in run.epochs()
        if isinstance(measured, EpochMetrics | StepMetrics)
    ]


def weights_of(run: Trainer) -> torch.Tensor:
    """Every parameter and buffer of the network and of its average, in one vector."""
    networks = [run.network] + ([run.average.network] if run.average else [])
    return torch.cat([value.double().flatten() for network in networks for value in network.state_dict().values()])
