"""Checks of how many images there are, by class and split."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.image_checks.findings import (
    SPLITS,
    TEST,
    TRAIN,
    Checked,
    Example,
    Finding,
    Severity,
    counted,
)
from training.names import listed, shown

IMBALANCE = 10  # the largest class by a small one, in images of train
FEW = 10  # images of a class in train
TINY_TEST = 200  # images of test: an accuracy that they give is right to 7 points, in 19 of 20 cases
VERY_TINY_TEST = 50  # 14 points


def counts_by_class(checked: Checked) -> NDArray[np.intp]:
    """How many images each class has in each split, [splits, classes]."""
    return np.stack(
        [
            np.bincount(checked.labels[checked.splits == split], minlength=len(checked.classes))
            for split in (TRAIN, TEST)
        ]
    )


def balance_findings(checked: Checked) -> Iterator[Finding]:
    """One for each check that found something."""
    counts = counts_by_class(checked)
    train, test = counts[TRAIN], counts[TEST]
    if train.any():
        yield from _few_images(checked, train)
        yield from _imbalanced(checked, train)
    if test.sum() < TINY_TEST:
        yield _tiny_test(int(test.sum()))


def _class_examples(checked: Checked, places: NDArray[np.intp], counts: NDArray[np.intp]) -> tuple[Example, ...]:
    return tuple(
        Example(
            None, None, float(counts[place]), f"class {shown(checked.classes[place])}: {counted(int(counts[place]))}"
        )
        for place in places[: checked.most_examples].tolist()
    )


def _classes_have(count: int) -> str:
    return f"{counted(count, 'class')} {'has' if count == 1 else 'have'}"


def _few_images(checked: Checked, train: NDArray[np.intp]) -> Iterator[Finding]:
    order = np.argsort(train, kind="stable")
    few = order[train[order] < FEW]
    if len(few):
        names = listed([shown(checked.classes[place]) for place in few.tolist()])
        yield Finding(
            "few_images",
            "warning",
            len(few),
            f"{_classes_have(len(few))} fewer than {FEW} images to train on: {names}.",
            "Add images to them, or leave these classes out.",
            _class_examples(checked, few, train),
        )


def _imbalanced(checked: Checked, train: NDArray[np.intp]) -> Iterator[Finding]:
    order = np.argsort(-train, kind="stable")
    largest, smallest = order[0], order[-1]
    small = int((train * IMBALANCE <= train[largest]).sum())
    if small:
        yield Finding(
            "imbalanced",
            "warning",
            small,
            f"{_classes_have(small)} at most a tenth of the largest one's images: {shown(checked.classes[largest])} "
            f"has {counted(int(train[largest]))} to train on, and {shown(checked.classes[smallest])} has "
            f"{train[smallest]:,}.",
            "Look at each class's own accuracy: that of all images says little of small classes. Add images to these.",
            _class_examples(checked, order[::-1][:small], train),
        )


def _tiny_test(count: int) -> Finding:
    if count == 0:
        message = f"There are no images in {SPLITS[TEST]}, so that no accuracy can be measured."
    else:
        margin = min(50.0, 98.0 / count**0.5)
        message = (
            f"{SPLITS[TEST].capitalize()} has {counted(count)}: an accuracy that is measured on so few is known to "
            f"± {margin:.0f} percentage points."
        )
    severity: Severity = "warning" if count < VERY_TINY_TEST else "info"
    return Finding("tiny_test_split", severity, count, message, "Move images from train to test.", ())
