"""What the confusion matrix says: a class that is never predicted, classes that are taken for each other."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.diagnosis.finding import Finding
from training.diagnosis.reading import Reading

LEAST_IMAGES = 5  # of a class, so that none predicted is no accident
CONFUSED = 0.2  # of a class's images are taken for one other
SHARE_OF_MISTAKES = 0.5  # of a class go to that other one; of three classes or fewer, more
LEAST_CONFUSED = 5  # images
MOST_NAMED = 3


def class_never_predicted(reading: Reading) -> Iterator[Finding]:
    """Classes that have images, and are never the answer, while others are right."""
    confusion = reading.run.confusion
    if confusion is None or not _has_learnt(confusion):
        return
    images = confusion.sum(axis=1)
    never = np.flatnonzero((confusion.sum(axis=0) == 0) & (images >= LEAST_IMAGES))
    if not len(never):
        return
    names = ", ".join(_name(reading, int(label)) for label in never[:MOST_NAMED])
    more = f" and {len(never) - MOST_NAMED} more" if len(never) > MOST_NAMED else ""
    yield Finding(
        code="class_never_predicted",
        severity="problem",
        since_epoch=None,
        sentence=f"The network never answers {names}{more}, although the test split has such images. Either "
        "there are too few of them to learn from, or they are labelled as another class: look at them, and add some.",
        evidence={"classes_never_predicted": len(never), "test_images_of_the_first": int(images[never[0]])},
        epochs=(reading.run.last_epoch,) if reading.rows else (),
    )


def classes_confused(reading: Reading) -> Iterator[Finding]:
    """Pairs that take far more than their share of the mistakes."""
    confusion = reading.run.confusion
    if confusion is None or len(confusion) < 3 or not _has_learnt(confusion):
        return
    pairs = _confused_pairs(confusion)
    if not pairs:
        return
    said = [
        f"{_name(reading, label)} for {_name(reading, taken)} ({share:.0%})"
        for label, taken, share in pairs[:MOST_NAMED]
    ]
    yield Finding(
        code="classes_confused",
        severity="hint",
        since_epoch=None,
        sentence="Some classes are taken for others, by the share of their images: "
        f"{'; '.join(said)}. Look at these images first: their labels may be mixed up, the classes may be one, or they "
        "differ in details that a larger image_size would show.",
        evidence={"confused_pairs": len(pairs), "largest_share_of_a_class_as_a_fraction": pairs[0][2]},
        epochs=(reading.run.last_epoch,) if reading.rows else (),
    )


def _confused_pairs(confusion: NDArray[np.int64]) -> list[tuple[int, int, float]]:
    """Label, what it is taken for, and which share of its images is; the largest share first."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    images, mistakes = np.maximum(confusion.sum(axis=1), 1), np.maximum(wrong.sum(axis=1), 1)
    taken = wrong.argmax(axis=1)
    most = wrong[np.arange(len(wrong)), taken]
    share, of_mistakes = most / images, most / mistakes
    needed = SHARE_OF_MISTAKES if len(confusion) > 4 else 0.8
    found = np.flatnonzero((most >= LEAST_CONFUSED) & (share >= CONFUSED) & (of_mistakes >= needed))
    found = found[np.argsort(-share[found], kind="stable")]
    return [(int(label), int(taken[label]), float(share[label])) for label in found]


def _has_learnt(confusion: NDArray[np.int64]) -> bool:
    """Whether it is right clearly more often than by chance: otherwise its answers say nothing of classes."""
    images = int(confusion.sum())
    return images > 0 and float(np.trace(confusion)) / images > 2 / max(3, len(confusion))


def _name(reading: Reading, label: int) -> str:
    names = reading.run.class_names
    return names[label] if label < len(names) else f"class {label}"
