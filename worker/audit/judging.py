"""Finds images whose label is probably wrong, by confident learning (Northcutt, Jiang and Chuang 2021,
arXiv:1911.00068) as the library cleanlab does it, from what networks take images for that they were not trained on."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab.count import estimate_joint
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from training.image_checks import Features
from training.images.packs import SPLITS, ImageIndex
from training.images.predictions import Predictions
from worker.audit.leaks import leaked

MOST_SUSPECTS = 5000

Probabilities = NDArray[np.float32]  # [N, classes]


class AuditImpossible(ValueError):
    """The predictions are not of this version's images, or there is nothing that could be judged."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image whose label is probably wrong. Probabilities are those that the networks give to the two classes."""

    image: str
    split: str
    given: str
    likely: str
    given_probability: float
    likely_probability: float


@dataclass(frozen=True, slots=True)
class ClassSuspects:
    """Of one class: how many images have its label, how many of these are suspects, and how many suspects with another
    label are likely to belong to it."""

    name: str
    images: int
    suspects: int
    likely: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Over all images of a split, and without those that have a twin among what was trained on. None where no image is
    left."""

    images: int
    accuracy: float | None
    leaked: int
    without_leaked: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """`judged`: images of both splits whose label was judged; the rest has a class that one part holds alone.
    `noise_rate`: the estimated share of wrong labels. Accuracies are means over the networks; `train` is of the images
    that each was not trained on."""

    images: int
    judged: int
    suspects: int
    noise_rate: float
    classes: tuple[ClassSuspects, ...]
    train: Accuracy
    test: Accuracy


@dataclass(frozen=True, eq=False, slots=True)
class _Judgements:
    """Of every image of an index, row by row. `folds`: which part it was in, -1 for test images. `right`: the share of
    the networks, of those that judge it, that give it its label."""

    probabilities: Probabilities
    folds: NDArray[np.int64]
    right: NDArray[np.float64]


def judge(index: ImageIndex, features: Features, parts: Sequence[Predictions]) -> tuple[Summary, list[Suspect]]:
    """The summary, and the suspects by how little the networks believe in their label, at most MOST_SUSPECTS of them.
    `parts`: of the network that has held out part 0, 1 and so on. Raises AuditImpossible."""
    found = _gathered(index, parts)
    judged = _learnable(index, found.folds)
    rows = np.flatnonzero(judged)
    labels, probabilities = index.labels[rows].astype(np.int64), found.probabilities[rows]
    if len(np.unique(labels)) < 2:
        raise AuditImpossible("there are not two classes whose labels could be judged")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with hardly any image, of which it leaves the last one alone
        # Of its filters and orders, these: of 60 wrong labels planted in 3,000 images of CIFAR-100 they found 55, 26 of
        # them among the first 60. Other orders had 20 to 23 there, and other filters found 47 to 56 in all.
        ranked = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
        noise_rate = float(1 - np.trace(estimate_joint(labels, probabilities)))
    suspects = rows[ranked]
    is_leaked = leaked(features, index.digests, found.folds)
    summary = Summary(
        images=len(index),
        judged=len(rows),
        suspects=len(suspects),
        noise_rate=round(max(0.0, noise_rate), 6),
        classes=_by_class(index, suspects, found.probabilities),
        train=_accuracy(found.right, is_leaked, index.in_split("train")),
        test=_accuracy(found.right, is_leaked, index.in_split("test")),
    )
    return summary, [_suspect(index, row, found.probabilities[row]) for row in suspects[:MOST_SUSPECTS].tolist()]


def _gathered(index: ImageIndex, parts: Sequence[Predictions]) -> _Judgements:
    shape = (len(index), len(index.classes))
    found = _Judgements(np.zeros(shape, np.float32), np.full(len(index), -1), np.zeros(len(index)))
    times = np.zeros(len(index), np.int64)
    for number, part in enumerate(parts):
        if part.classes != index.classes or part.dataset_identity != index.identity:
            raise AuditImpossible("the predictions are of another version's images")
        rows = _rows_of(index, part)
        found.probabilities[rows] += part.probabilities
        found.right[rows] += part.probabilities.argmax(1) == part.labels
        times[rows] += 1
        found.folds[rows[part.splits == SPLITS.index("train")]] = number
    expected = np.where(index.in_split("train"), 1, len(parts))
    if not np.array_equal(times, expected):
        raise AuditImpossible("the predictions do not cover every image of the version as often as they should")
    found.probabilities[:] /= times[:, None]
    found.right[:] /= times
    return found


def _rows_of(index: ImageIndex, part: Predictions) -> NDArray[np.int64]:
    """The row of each predicted image, int64 [n]. Copies under one label in one split are in one part: which of them is
    which makes no difference. Raises AuditImpossible."""
    mine = _keys(index.splits, index.labels, index.digests)
    _, numbers = np.unique(np.concatenate([mine, _keys(part.splits, part.labels, part.digests)]), return_inverse=True)
    there, wanted = numbers[: len(index)], numbers[len(index) :]
    place, order = np.argsort(there, kind="stable"), np.argsort(wanted, kind="stable")
    wanted = wanted[order]
    copy = np.arange(len(wanted)) - np.searchsorted(wanted, wanted)
    at = np.searchsorted(there[place], wanted) + copy
    if len(at) and (at.max() >= len(index) or not np.array_equal(there[place][at], wanted)):
        raise AuditImpossible("the predictions are of images that the version does not have")
    rows = np.empty(len(part), np.int64)
    rows[order] = place[at]
    return rows


def _keys(splits: NDArray[np.uint8], labels: NDArray[np.int32], digests: NDArray[np.uint8]) -> NDArray[np.void]:
    """An image's split, label and content as one value."""
    columns = [splits[:, None], np.ascontiguousarray(labels, "<i4").view(np.uint8).reshape(-1, 4), digests]
    whole = np.ascontiguousarray(np.concatenate(columns, axis=1))
    keys: NDArray[np.void] = whole.view(f"V{whole.shape[1]}").reshape(-1)
    return keys


def _learnable(index: ImageIndex, folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the networks that judge an image were trained on its class, bool [N]."""
    trained = folds >= 0
    counts = np.zeros((int(folds.max()) + 1, len(index.classes)), np.int64)
    np.add.at(counts, (folds[trained], index.labels[trained]), 1)
    others = counts.sum(axis=0) - counts
    learnable: NDArray[np.bool_] = counts.sum(axis=0)[index.labels] > 0
    learnable[trained] = others[folds[trained], index.labels[trained]] > 0
    return learnable


def _by_class(
    index: ImageIndex, suspects: NDArray[np.int64], probabilities: Probabilities
) -> tuple[ClassSuspects, ...]:
    counts = (
        np.bincount(labels, minlength=len(index.classes)).tolist()
        for labels in (index.labels, index.labels[suspects], probabilities[suspects].argmax(1))
    )
    return tuple(map(ClassSuspects, index.classes, *counts))


def _accuracy(right: NDArray[np.float64], is_leaked: NDArray[np.bool_], of: NDArray[np.bool_]) -> Accuracy:
    def mean(rows: NDArray[np.bool_]) -> float | None:
        return round(float(right[rows].mean()), 6) if rows.any() else None

    return Accuracy(int(of.sum()), mean(of), int((of & is_leaked).sum()), mean(of & ~is_leaked))


def _suspect(index: ImageIndex, row: int, probabilities: NDArray[np.float32]) -> Suspect:
    given, likely = int(index.labels[row]), int(probabilities.argmax())
    return Suspect(
        image=index.ids[row],
        split=SPLITS[index.splits[row]],
        given=index.classes[given],
        likely=index.classes[likely],
        given_probability=round(float(probabilities[given]), 6),
        likely_probability=round(float(probabilities[likely]), 6),
    )
