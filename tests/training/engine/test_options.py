"""Every option of a spec changes what is trained, or is refused: nothing that is asked for is ignored.

Each option of each part is set to another value, one at a time, and the run's weights are compared. An option that is
new is found by itself.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tests.training.samples import weights_of
from training.engine.data import Dataset
from training.engine.resuming import WITHOUT_EFFECT
from training.engine.trainer import Trainer
from training.spec import Part, TrainingSpec

# How it is computed, on which machines, and what is measured and kept of it: each has tests of its own.
NOT_WHAT_IS_LEARNED = WITHOUT_EFFECT | {
    "dataset", "image_size", "resize", "unreadable_images", "starting_weights", "micro_batch_size", "precision",
    "compile", "deterministic", "devices", "evaluation_interval",
}  # fmt: skip

BASE: Mapping[str, Any] = {
    "dataset": "noise", "architecture": "wrn-16-1", "epochs": 1, "batch_size": 8, "precision": "fp32", "compile": "off",
}  # fmt: skip

SCHEDULES: tuple[dict[str, Any], ...] = (
    {"name": "constant", "warmup_epochs": 1},
    {"name": "step", "step_epochs": 1},
    {"name": "multistep", "milestones": [1, 2]},
    {"name": "exponential"},
    {"name": "cosine"},
    {"name": "warm_restarts", "first_cycle_epochs": 1},
    {"name": "one_cycle"},
    {"name": "linear"},
    {"name": "polynomial"},
)

# Each part of several kinds once of each kind, each part that is null by itself once: where all its options count.
WITH: Mapping[str, Mapping[str, Any]] = {
    "architecture": {"architecture": {"name": "wrn-16-1", "dropout": 0.1, "stochastic_depth": 0.2}, "batch_size": 16},
    **{
        f"optimizer.{name}": {"optimizer": {"name": name, "weight_decay": 0.01}}
        for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "lion")
    },
    "optimizer.gd": {"optimizer": {"name": "gd", "weight_decay": 0.01}, "batch_size": "full"},
    "optimizer.lamb": {"optimizer": {"name": "lamb", "weight_decay": 0.01}},
    "optimizer.muon": {"optimizer": {"name": "muon", "weight_decay": 0.01}},
    "optimizer.sam": {"optimizer": {"name": "sgd", "sam": {"rho": 0.1}}},
    **{f"schedule.{schedule['name']}": {"schedule": schedule, "epochs": 4, "batch_size": 16} for schedule in SCHEDULES},
    "schedule.plateau": {
        "schedule": {
            "name": "plateau", "patience": 0, "cooldown": 1, "threshold": 0.2, "watch": "test_loss", "minimum": 0.002,
        },
        "epochs": 7,
        "batch_size": 16,
    },
    "augmentation.crop": {"augmentation": {"crop": {"padding": 2}}},
    "augmentation.resized_crop": {"augmentation": {"resized_crop": {}}},
    "augmentation.autoaugment": {"augmentation": {"policy": "autoaugment"}},
    "augmentation.randaugment": {"augmentation": {"policy": "randaugment"}},
    "augmentation.trivialaugment": {"augmentation": {"policy": "trivialaugment"}},
    "augmentation.rotation": {"augmentation": {"rotation": {}}},
    "augmentation.colour": {
        "augmentation": {"colour": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1}}
    },
    "augmentation.cutout": {"augmentation": {"cutout": {"size": 3}}},
    "augmentation.erasing": {"augmentation": {"erasing": {"smallest_area": 0.1}}},
    "augmentation.mixup": {"augmentation": {"mixup": {}}},
    "augmentation.cutmix": {"augmentation": {"cutmix": {}}},
    "regularisation": {"regularisation": {"label_smoothing": 0.1, "gradient_clipping": 0.5}},
    "regularisation.ema": {"regularisation": {"ema": {"decay": 0.3}}},
    "regularisation.swa": {"regularisation": {"swa": {"start_epoch": 2, "learning_rate": 0.02}}, "epochs": 4},
    "regularisation.early_stopping": {
        "regularisation": {"early_stopping": {"patience": 1, "minimum_rise": 0.3}},
        "validation_fraction": 0.5,
        "epochs": 6,
    },
}  # fmt: skip


@cache
def noise() -> Dataset:
    drawn = np.random.default_rng(0)
    labels = np.arange(32) % 4
    images = drawn.integers(0, 256, (32, 8, 8, 3), np.uint8) // 2 + (labels * 32)[:, None, None, None].astype(np.uint8)
    return Dataset.of_arrays("noise", images, labels, images[:8], labels[:8], ["a", "b", "c", "d"])


@cache
def trained(spec: TrainingSpec) -> torch.Tensor:
    """The weights after the run, those that it keeps."""
    run = Trainer(spec, noise())
    for _ in run.epochs():
        pass
    return weights_of(run)


def toggled(part: Part) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every option within `part`, with another value than it has."""
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            for path, other in toggled(value):
                yield (name, *path), other
        elif name not in NOT_WHAT_IS_LEARNED and name not in {"name", "recipe"}:
            for other in other_values(field, value):
                yield (name,), other


def other_values(field: FieldInfo, value: Any) -> Iterator[Any]:
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1)
        case float():
            yield from (value * 0.5, value * 0.9 + 0.05)
        case tuple():
            yield from ([*value[:-1], value[-1] * 0.9], [value[0] * 0.9, *value[1:]])
        case str():
            yield from (other for other in get_args(field.annotation) if other != value)


def changed(spec: TrainingSpec, path: tuple[str, ...], value: Any) -> TrainingSpec | None:
    """None where it is refused."""
    body = spec.model_dump(mode="json")
    within = body
    for name in path[:-1]:
        within = within[name]
    within[path[-1]] = value
    try:
        return TrainingSpec.model_validate(body)
    except ValidationError:
        return None


def ways_to_change(spec: TrainingSpec, part: str) -> Iterator[tuple[tuple[str, ...], TrainingSpec]]:
    """Each option within `part` once, with another value that is accepted, if there is one."""
    done = set()
    for path, value in toggled(getattr(spec, part)):
        other = changed(spec, (part, *path), value) if path not in done else None
        if other is not None and other != spec:
            done.add(path)
            yield path, other


@pytest.mark.parametrize(("case", "options"), WITH.items(), ids=WITH)
def test_every_option_counts(case: str, options: Mapping[str, Any]) -> None:
    spec = TrainingSpec.model_validate({**BASE, **options})
    changes = dict(ways_to_change(spec, case.partition(".")[0]))
    assert changes or case == "augmentation.trivialaugment"
    ineffective = [path for path, other in changes.items() if torch.equal(trained(other), trained(spec))]
    assert ineffective == []
