"""Reads a run from a file: CSV as GET /v1/jobs/{id}/metrics or another tool gives it, a list of objects, or a log such
as the lab's.

The lab's form is a JSON list with an object for each epoch: `epoch`, `step_losses` (loss by step) and
`test_accuracy_percent`.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.diagnosis.columns import as_rows
from training.diagnosis.run import Run, StepLoss

Rows = Iterable[Mapping[str, Any]]


def from_lab(log: Rows, **known: Any) -> Run:
    """From the lab's form. `known`: other fields of a Run. Raises ValueError for what is not of that form."""
    steps: list[StepLoss] = []
    rows = []
    for place, entry in enumerate(log):
        try:
            epoch = int(entry["epoch"])
            losses = {int(step): float(loss) for step, loss in entry["step_losses"].items()}
            percent = float(entry["test_accuracy_percent"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"Entry {place} should have an epoch, step_losses by step, and a test_accuracy_percent."
            ) from error
        steps += [StepLoss(epoch, step, losses[step]) for step in sorted(losses)]
        rows.append({"epoch": epoch, "test_accuracy": percent / 100})
    return Run.from_rows(rows, steps=tuple(steps), **known)


def from_csv(text: str, **known: Any) -> Run:
    """From CSV with a header: `epoch` and any of the columns, or of their usual synonyms. Raises ValueError as as_rows
    and Run.from_rows do."""
    reader = csv.DictReader(text.splitlines())
    if "epoch" not in {name.strip().lower() for name in reader.fieldnames or ()}:
        raise ValueError("The first line should name the columns, `epoch` among them.")
    return Run.from_rows(as_rows(reader), **known)


def from_file(path: Path, **known: Any) -> Run:
    """From a file of any of these forms, and of a page of the API's rows (`data`). Raises OSError and ValueError."""
    text = path.read_text(encoding="utf-8")
    if not text.lstrip().startswith(("[", "{")):
        return from_csv(text, **known)
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ValueError(f"It is no JSON: {error}.") from error
    rows = body.get("data") if isinstance(body, dict) else body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("It should be a list with an object for each epoch, or have one as `data`.")
    if any("step_losses" in row for row in rows):
        return from_lab(rows, **known)
    return Run.from_rows(as_rows(rows), **known)
