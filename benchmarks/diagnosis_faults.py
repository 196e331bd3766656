"""Whether the first suggestion of a diagnosis makes a job better: five planted faults, before and after.

    python -m benchmarks.diagnosis_faults

ResNet-20 on the shipped digits, and for augmentation on 10 classes of CIFAR-100 with 100 training images each. Each
run is diagnosed without being told its fault; its first suggestion is merged as `rerun` does it, and trained. Where
that changes more than the number of epochs, a control has the epochs alone.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.cifar100 import load_cifar100
from benchmarks.diagnosis_recording import Planted, planted, record, ten_classes
from benchmarks.result import RESULTS, print_table, save
from training.diagnosis import Facts, Run, StepLoss, diagnose
from training.engine.data import Dataset, load_dataset
from training.spec import ResolvedSpec, TrainingSpec, merge_patch

BASE = {
    "architecture": "resnet20",
    "epochs": 15,
    "batch_size": 100,
    "optimizer": {"name": "nesterov", "learning_rate": 0.1},
    "schedule": {"name": "cosine", "warmup_epochs": 1},
    "augmentation": {"crop": {"padding": 1}},
    "compile": "off",
}
FAULTS: tuple[tuple[Planted, Mapping[str, Any]], ...] = (
    (Planted("learning rate times 30"), {"optimizer": {"learning_rate": 3.0}}),
    (Planted("learning rate over 100"), {"optimizer": {"learning_rate": 0.001}}),
    (Planted("far too few epochs"), {"epochs": 2}),
    (
        Planted("half of the labels shuffled", shuffled=0.5),
        {"epochs": 30, "augmentation": {"crop": None}, "optimizer": {"learning_rate": 0.05}},
    ),
    (
        Planted("no augmentation", dataset="cifar100"),
        {"augmentation": {"crop": None}, "batch_size": 50, "epochs": 15, "optimizer": {"learning_rate": 0.05}},
    ),
)


RESULT = RESULTS / "diagnosis_faults.json"


def run_of(spec: ResolvedSpec, recorded: Mapping[str, Any]) -> Run:
    """What the service would hand to a diagnosis."""
    columns = recorded["columns"]
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(columns["epoch"]))]
    return Run.from_rows(
        rows,
        steps=tuple(StepLoss(*step) for step in recorded["steps"]),
        spec=spec,
        facts=Facts(**recorded["facts"]),
        diverged=recorded["failure"] == "diverged",
        planned_epochs=spec.epochs,
    )


def tried(fault: Planted, changes: Mapping[str, Any], data: Dataset, seed: int) -> dict[str, Any]:
    """A fault, and its first suggestion."""
    made = planted(data, fault, seed)
    body = merge_patch(BASE, {"dataset": fault.dataset, "seed": seed, **changes})
    spec = TrainingSpec.model_validate(body)
    before = record(spec, made)
    findings = diagnose(run_of(spec, before))
    suggestion = next((found.suggestion for found in findings if found.suggestion), None)
    row: dict[str, Any] = {
        "fault": fault.name,
        "seed": seed,
        "findings": [found.code for found in findings],
        "before": _accuracies(before),
    }
    if suggestion is None:
        return {**row, "suggestion": None, "after": None, "better": False}
    accuracies = _trained(spec, suggestion.spec, made)
    better = accuracies["last"] > row["before"]["last"] and accuracies["best"] >= row["before"]["best"]
    row |= {"suggestion": dict(suggestion.spec), "after": accuracies, "better": better}
    if "epochs" in suggestion.spec and len(suggestion.spec) > 1:  # which of the two it was
        row["after_with_the_epochs_alone"] = _trained(spec, {"epochs": suggestion.spec["epochs"]}, made)
    return row


def _trained(spec: ResolvedSpec, patch: Mapping[str, Any], data: Dataset) -> dict[str, float]:
    return _accuracies(record(TrainingSpec.model_validate(merge_patch(spec.model_dump(mode="json"), patch)), data))


def _accuracies(recorded: Mapping[str, Any]) -> dict[str, float]:
    accuracies = [each for each in recorded["columns"].get("test_accuracy", ()) if isinstance(each, float)]
    return {"last": accuracies[-1] if accuracies else 0.0, "best": max(accuracies, default=0.0)}


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="one fault, by its name; the others stay as they were measured")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    rows = [row for row in json.loads(RESULT.read_text())["rows"] if row["fault"] != only] if only else []
    for fault, changes in FAULTS:
        if only and fault.name != only:
            continue
        data = load_dataset("digits") if fault.dataset == "digits" else ten_classes(load_cifar100())
        rows.append(tried(fault, changes, data, seed=3))
        print(rows[-1], file=sys.stderr, flush=True)
    print_table(
        ("fault", "first finding", "last before", "last after", "better"),
        [
            (
                row["fault"],
                row["findings"][0] if row["findings"] else "",
                f"{row['before']['last']:.1%}",
                f"{row['after']['last']:.1%}" if row["after"] else "",
                "yes" if row["better"] else "NO",
            )
            for row in rows
        ],
    )
    save("diagnosis_faults", ["torch"], {"base": BASE, "rows": rows})


if __name__ == "__main__":
    main()
