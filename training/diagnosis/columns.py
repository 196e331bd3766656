"""What other tools call the columns that a diagnosis reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.diagnosis.run import COLUMNS

# Of Keras, Lightning, timm, Hugging Face and notebooks. What they evaluate on as they train is called validation.
SYNONYMS: Mapping[str, str] = {
    **{name: name for name in ("epoch", *COLUMNS)},
    **dict.fromkeys(("loss", "training_loss", "train/loss"), "train_loss"),
    **dict.fromkeys(("acc", "accuracy", "train_acc", "training_accuracy", "train/accuracy"), "train_accuracy"),
    **dict.fromkeys(("val_loss", "valid_loss", "eval_loss", "val/loss"), "validation_loss"),
    **dict.fromkeys(
        ("val_acc", "val_accuracy", "valid_acc", "valid_accuracy", "eval_acc", "eval_accuracy", "eval_top1", "val/acc"),
        "validation_accuracy",
    ),
    **dict.fromkeys(("test_acc", "test_top1", "top1", "top-1", "acc1"), "test_accuracy"),
    "lr": "learning_rate",
}
PERCENT = 100.0


def as_rows(table: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`table` with the names of COLUMNS, and accuracies as fractions: a column of which a value lies above 1 is one of
    percentages. Other columns are left out. Raises ValueError where no column is known, or two are one."""
    table = list(table)
    known = _known(dict.fromkeys(name for row in table for name in row if isinstance(name, str)))
    if table and not set(known) - {"epoch"}:
        raise ValueError(
            f"None of its columns is known. It should have an epoch and any of: {', '.join(COLUMNS)}; or what Keras "
            "and others call them: loss, val_loss, accuracy, val_accuracy, top1, lr."
        )
    rows = [{ours: row.get(theirs) for ours, theirs in known.items()} for row in table]
    for name in known:
        if name.endswith("accuracy") and any(1 < value <= PERCENT for value in _numbers(rows, name)):
            for row in rows:
                row[name] = _as_fraction(row[name])
    return rows


def _known(names: Iterable[str]) -> dict[str, str]:
    """What a column is called in the table, by our name."""
    found: dict[str, str] = {}
    for name in names:
        ours = SYNONYMS.get(name.strip().lower())
        if ours in found:
            raise ValueError(f"The columns {found[ours]} and {name} are both read as {ours}: leave one out.")
        if ours:
            found[ours] = name
    return found


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    found = []
    for row in rows:
        try:
            found.append(float(row[name]))
        except (TypeError, ValueError):
            continue  # missing; or refused where the row is read
    return found


def _as_fraction(value: Any) -> Any:
    try:
        return float(value) / PERCENT
    except (TypeError, ValueError):
        return value
