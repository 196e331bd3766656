"""What is told of an evaluation without its report. Torch-free."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from training.evaluation import Report, calibration_facts


def figures(found: Report) -> Mapping[str, Any]:
    """What is told without reading the report."""
    low, high = found.accuracy_interval
    names = ("images", "undecided", "accuracy", "top5_accuracy", "loss")
    return {
        **{name: getattr(found, name) for name in names},
        "accuracy_interval": {"low": low, "high": high},
        "means": asdict(found.means),
        "ece": found.reliability.ece,
        "calibration": calibration_facts(found),
        "dataset_identity": found.dataset_identity,
    }
