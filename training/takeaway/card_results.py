"""What an evaluation found, as a model card tells it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.takeaway.description import Description, percent
from training.takeaway.markdown import escaped, table

MOST_CLASSES = 100  # in one table; of more, the BEST and the WORST
BEST = WORST = 20
NAMED = 3  # of the best and of the worst, in a sentence
MOST_PAIRS = 15


def results(described: Description, report: Mapping[str, Any] | None) -> Iterator[str]:
    """Overall, by class, and the most confused pairs of classes."""
    if report is None:
        metrics = described.metrics
        rows = [
            ("Accuracy", percent(metrics.get("test_accuracy"))),
            ("Top-5", percent(metrics.get("test_top5_accuracy"))),
        ]
        if shown := [(name, text) for name, text in rows if text]:
            yield "On the test split, measured while training:\n"
            yield table(["", ""], shown, numbers=1)
        return
    yield f"On {_count(report.get('images'))} images of the {escaped(str(report.get('split')))} split:\n"
    yield table(["", ""], [(name, text) for name, text in _overall(report) if text], numbers=1)
    yield from _by_class(report.get("classes") or [])
    yield from _confused(report)


def calibration(described: Description, report: Mapping[str, Any] | None) -> Iterator[str]:
    """Whether probabilities can be believed."""
    found = (report or {}).get("calibration") or described.calibration
    if not found:
        yield "No temperature was fitted: the probabilities are the network's own, and may be too sure of themselves.\n"
        return
    told = f"Logits are divided by a temperature of {described.temperature:.4g} before the softmax"
    if found.get("fitted_on"):
        told += (
            f"; it was fitted on {_count(found.get('images'))} images of the {escaped(str(found['fitted_on']))} split"
        )
    yield f"{told}.\n"
    if found.get("ece_before") is not None and found.get("ece_after") is not None:
        crossed = ", each half of them with the temperature of the other" if found.get("cross_fitted") else ""
        yield (
            "The expected calibration error, the mean distance between how sure the network is and how often it is "
            f"right, is {found['ece_before']:.4f} without the temperature and {found['ece_after']:.4f} with it, on "
            f"test images{crossed}.\n"
        )


def _overall(report: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    means = report.get("means") or {}
    yield "Accuracy", percent(report.get("accuracy"), 2)
    if interval := report.get("accuracy_interval"):
        yield "95 % interval", f"{percent(interval[0])} to {percent(interval[1])}"
    yield "Top-5 accuracy", percent(report.get("top5_accuracy"), 2)
    yield "Loss (cross-entropy)", None if report.get("loss") is None else f"{report['loss']:.4f}"
    yield "Precision, mean of classes", percent(means.get("precision"))
    yield "Recall, mean of classes", percent(means.get("recall"))
    yield "F1, mean of classes", percent(means.get("f1"))


def _by_class(classes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The best first, by F1; classes without images of theirs are left out."""
    measured = [each for each in classes if each.get("f1") is not None]
    ranked = sorted(measured, key=lambda each: -each["f1"])
    if not ranked:
        return
    yield "### By class\n"
    if len(ranked) > 2 * NAMED:
        yield f"Best: {_named(ranked[:NAMED])}. Worst: {_named(ranked[: -NAMED - 1 : -1])}.\n"
    heads = ["Class", "Images", "Precision", "Recall", "F1"]
    if len(ranked) <= MOST_CLASSES:
        yield table(heads, map(_class_row, ranked), numbers=4)
        return
    yield f"The best {BEST} of {len(ranked):,}:\n"
    yield table(heads, map(_class_row, ranked[:BEST]), numbers=4)
    yield f"The worst {WORST}:\n"
    yield table(heads, map(_class_row, ranked[-WORST:]), numbers=4)


def _named(classes: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{escaped(each['name'])} ({percent(each['f1'])})" for each in classes)


def _class_row(each: Mapping[str, Any]) -> Sequence[str]:
    shares = (percent(each.get(name)) or "" for name in ("precision", "recall", "f1"))
    return [escaped(each["name"]), _count(each.get("images")), *shares]


def _confused(report: Mapping[str, Any]) -> Iterator[str]:
    names = [escaped(each["name"]) for each in report.get("classes") or []]
    pairs = (report.get("pairs") or [])[:MOST_PAIRS]
    if pairs:
        yield "### Most confused\n"
        rows = [
            (names[label], names[taken], _count(images), percent(share) or "") for label, taken, images, share in pairs
        ]
        yield table(["Is", "Taken for", "Images", "Share of the class"], rows, numbers=2)


def _count(images: int | None) -> str:
    return "an unknown number of" if images is None else f"{images:,}"
