"""What the experiments have in common."""

from typing import Any

SGD: dict[str, Any] = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4}

# On digits, ResNet-20 learns nearly everything within ten epochs, a few seconds each on one core.
SMALL: dict[str, Any] = {
    "architecture": {"name": "resnet20"},
    "epochs": 10,
    "batch_size": 64,
    "optimizer": SGD,
    "schedule": {"name": "cosine"},
    "seed": 0,
}
# On CIFAR-100, a GPU trains ResNet-18 as the literature does.
FULL: dict[str, Any] = {
    "architecture": {"name": "resnet18"},
    "epochs": 60,
    "batch_size": 128,
    "optimizer": {**SGD, "learning_rate": 0.1, "nesterov": True},
    "schedule": {"name": "cosine", "warmup_epochs": 1},
    "augmentation": {"crop": {"padding": 4}, "flip": True},
    "seed": 0,
}


def without(spec: dict[str, Any], *fields: str) -> dict[str, Any]:
    """`spec` without what varies: a field that every trial sets says nothing in what they have in common."""
    return {field: value for field, value in spec.items() if field not in fields}
