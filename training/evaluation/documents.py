"""A report as JSON and back, and the confusion matrix as CSV."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any

import numpy as np

from training.evaluation.calibration import Bin, Calibration, Reliability
from training.evaluation.confusion import Confusion, Pair
from training.evaluation.report import ClassResult, Means, Mistake, Report
from training.images.mistakes_sheet import ShownMistake

MOST_SQUARE = 500  # classes: of more, a matrix with a cell for each pair would be larger than 250,000 cells

_CELLS = ("labels", "predicted", "counts")


def to_json(report: Report) -> bytes:
    """UTF-8. Equal reports give equal bytes. The confusion matrix stands there as `labels`, `predicted` and `counts` of
    the cells that have images."""
    told = asdict(_without_arrays(report))
    told["confusion"] = {name: getattr(report.confusion, name).tolist() for name in _CELLS}
    return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()


def from_json(content: bytes) -> Report:
    """The inverse of `to_json`."""
    told = json.loads(content)
    classes = tuple(ClassResult(**each) for each in told["classes"])
    labels, predicted, counts = (np.array(told["confusion"][name], np.int64) for name in _CELLS)
    support = np.array([each.images for each in classes], np.int64)
    calibration = told["calibration"]
    if calibration is not None:
        calibration = Calibration(**{**calibration, "reliability": _reliability(calibration["reliability"])})
    return Report(
        **{
            **told,
            "accuracy_interval": tuple(told["accuracy_interval"]),
            "means": Means(**told["means"]),
            "classes": classes,
            "pairs": tuple(Pair(*each) for each in told["pairs"]),
            "reliability": _reliability(told["reliability"]),
            "calibration": calibration,
            "mistakes": _mistakes(told["mistakes"]),
            "suspects": None if told["suspects"] is None else _mistakes(told["suspects"]),
            "confusion": Confusion(labels, predicted, counts, support),
        }
    )


def calibration_facts(report: Report) -> Mapping[str, Any] | None:
    """What a trained model's manifest says of the calibration."""
    found = report.calibration
    if found is None:
        return None
    names = ("temperature", "fitted_on", "images", "cross_fitted", "ece_before", "ece_after")
    return {name: getattr(found, name) for name in names}


def shown_mistakes(report: Report, mistakes: Sequence[Mistake]) -> list[ShownMistake]:
    """With the names of classes."""
    names = [each.name for each in report.classes]
    named = ({**asdict(each), "label": names[each.label], "predicted": names[each.predicted]} for each in mistakes)
    return [ShownMistake(**each) for each in named]


def mistakes_subtitle(report: Report) -> str:
    """Of a sheet with the most confident mistakes."""
    wrong = report.images - sum(each.correct for each in report.classes)
    return f"the most confident of {wrong:,} mistakes in {report.images:,} {report.split} images"


def confusion_csv(report: Report) -> str:
    """As in RFC 4180. Up to MOST_SQUARE classes the whole matrix: a row for each true class, a column for each
    predicted one. Of more classes, the cells that have images: `label`, `predicted`, `images`."""
    names, confusion = [each.name for each in report.classes], report.confusion
    text = StringIO()
    writer = csv.writer(text)
    if len(names) <= MOST_SQUARE:
        writer.writerow(["label", *map(_plain_text, names)])
        for name, row in zip(names, confusion.matrix().tolist(), strict=True):
            writer.writerow([_plain_text(name), *row])
    else:
        writer.writerow(["label", "predicted", "images"])
        cells = zip(confusion.labels.tolist(), confusion.predicted.tolist(), confusion.counts.tolist(), strict=True)
        writer.writerows([_plain_text(names[a]), _plain_text(names[b]), images] for a, b, images in cells)
    return text.getvalue()


def _plain_text(name: str) -> str:
    """A class's name that a spreadsheet takes for no formula: OWASP's rule against CSV injection."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _without_arrays(report: Report) -> Report:
    fields = {name: getattr(report, name) for name in report.__dataclass_fields__}
    return Report(**{**fields, "confusion": None})


def _reliability(told: Mapping[str, Any]) -> Reliability:
    return Reliability(**{**told, "bins": tuple(Bin(**each) for each in told["bins"])})


def _mistakes(told: Sequence[Mapping[str, Any]]) -> tuple[Mistake, ...]:
    return tuple(Mistake(**each) for each in told)
