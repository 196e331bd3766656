"""`python -m api.views.evaluations`: the process that computes evaluations from predictions, and shows them.

It is given the bytes of files, and has neither the database nor the storage, nor what the service's environment holds.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from api.views.evaluations_data import REPORT, made, refused
from api.views.pipe_messages import read, write
from training.evaluation import (
    Report,
    confusion_csv,
    confusion_svg,
    from_json,
    mistakes_subtitle,
    of_predictions,
    reliability_svg,
    shown_mistakes,
    to_json,
)
from training.evaluation.confusion import Pair
from training.evaluation.documents import MOST_SQUARE
from training.evaluation.report import Mistake
from training.images.predictions import Predictions, PredictionsInvalid

NICENESS = 10  # requests for evaluations take a little longer, so that no other request does
MOST_PAIRS = 10_000  # on the wire; the CSV has every cell


def main() -> None:
    """Answer each request on standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    while True:
        try:
            form, title, content = (read(sys.stdin.buffer) for _ in range(3))
        except EOFError:
            return
        write(sys.stdout.buffer, answer(form.decode(), title.decode(), content))


def answer(form: str, title: str, content: bytes) -> bytes:
    """As `api.views.evaluations_data` says."""
    try:
        if form == REPORT:
            return made(to_json(of_predictions(Predictions.from_bytes(content))))
        return made(_shown(form, title, from_json(content)))
    except PredictionsInvalid:
        return refused("Its predictions are damaged, or of a release that is not known here.")
    except ValueError as error:
        return refused(f"{error}."[:1].upper() + f"{error}."[1:])


def _shown(form: str, title: str, report: Report) -> bytes:
    match form:
        case "evaluation":
            return _json(_evaluation(report))
        case "confusion":
            return _json(_confusion(report))
        case "confusion.csv":
            return confusion_csv(report).encode()
        case "confusion.svg":
            return confusion_svg(report, title).encode()
        case "mistakes":
            return _json({"subtitle": mistakes_subtitle(report), "mistakes": _mistakes(report, report.mistakes)})
        case _:
            return reliability_svg(report, title).encode()


def _evaluation(report: Report) -> Mapping[str, Any]:
    """As `api.schemas.Evaluation` has it."""
    names = [each.name for each in report.classes]
    low, high = report.accuracy_interval
    whole = {
        name: getattr(report, name) for name in ("split", "images", "undecided", "accuracy", "top5_accuracy", "loss")
    }
    return {
        **whole,
        "accuracy_interval": {"low": low, "high": high},
        "means": asdict(report.means),
        "classes": [asdict(each) for each in report.classes],
        "pairs": _pairs(report.pairs, names),
        "reliability": asdict(report.reliability),
        "calibration": asdict(report.calibration) if report.calibration else None,
        "mistakes": _mistakes(report, report.mistakes),
        "suspects": None if report.suspects is None else _mistakes(report, report.suspects),
    }


def _confusion(report: Report) -> Mapping[str, Any]:
    """As `api.schemas.Confusion` has it."""
    names = [each.name for each in report.classes]
    return {
        "split": report.split,
        "images": report.images,
        "undecided": report.undecided,
        "pairs": _pairs(report.confusion.pairs(MOST_PAIRS), names),
        "classes": names,
        "matrix": report.confusion.matrix().tolist() if len(names) <= MOST_SQUARE else None,
    }


def _pairs(pairs: Iterable[Pair], names: list[str]) -> list[Mapping[str, Any]]:
    return [
        {"label": names[pair.label], "predicted": names[pair.predicted], "images": pair.images, "share": pair.share}
        for pair in pairs
    ]


def _mistakes(report: Report, mistakes: Sequence[Mistake]) -> list[Mapping[str, Any]]:
    return [asdict(each) for each in shown_mistakes(report, mistakes)]


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
