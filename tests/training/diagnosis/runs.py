"""Runs that tests diagnose."""

from typing import Any

from training.diagnosis import Finding, Run, diagnose
from training.spec import TrainingSpec


def run_of(**columns: Any) -> Run:
    """`known` holds the other fields of a Run."""
    known = columns.pop("known", {})
    length = max(len(values) for values in columns.values())
    rows = [{"epoch": epoch, **{name: values[epoch] for name, values in columns.items()}} for epoch in range(length)]
    return Run.from_rows(rows, **known)


def codes(run: Run) -> list[str]:
    return [finding.code for finding in diagnose(run)]


def only(run: Run) -> Finding:
    (finding,) = diagnose(run)
    return finding


def spec(**fields: Any) -> TrainingSpec:
    return TrainingSpec.model_validate({"dataset": "cifar100", "epochs": 30, "architecture": "resnet20", **fields})
