"""Wrong labels and leaked twins, planted in made-up predictions."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from training.image_checks import FEATURES, Features
from training.images.folds import fold_numbers
from training.images.packs import ImageIndex
from training.images.predictions import Predictions
from worker.audit import judging
from worker.audit.judging import AuditImpossible, judge
from worker.audit.leaks import leaked

CLASSES = ("ant", "bee", "cow")
FOLDS = 3


def index_of(labels: NDArray[np.int32], splits: NDArray[np.uint8], seed: int = 0) -> ImageIndex:
    count = len(labels)
    digests = np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)
    zeros = np.zeros(count, np.int32)
    names = tuple(f"{number}.png" for number in range(count))
    index = ImageIndex(
        CLASSES, 3, splits, labels, zeros, zeros.astype(np.int64), zeros.astype(np.int64), digests, names
    )
    return index.take(index.canonical_order())


def features_of(count: int, seed: int = 0) -> Features:
    """Of images of noise, none of which looks like another."""
    drawn, found = np.random.default_rng(seed), np.zeros(count, FEATURES)
    found["hashes"] = drawn.integers(0, 2**64, found["hashes"].shape, np.uint64)
    found["luma"] = drawn.integers(0, 256, found["luma"].shape, np.uint8)
    return found


def predicted(index: ImageIndex, truth: NDArray[np.int32], sharpness: float = 0.9) -> list[Predictions]:
    """By networks that see through wrong labels."""
    folds = fold_numbers(*_train(index), FOLDS, 0)
    numbers = np.full(len(index), -1)
    numbers[index.in_split("train")] = folds
    parts = []
    for fold in range(FOLDS):
        rows = np.flatnonzero((numbers == fold) | index.in_split("test"))[::-1]
        chances = np.full((len(rows), len(CLASSES)), (1 - sharpness) / 2, np.float32)
        chances[np.arange(len(rows)), truth[rows]] = sharpness
        about = index.splits[rows], index.labels[rows], index.digests[rows]
        parts.append(Predictions(CLASSES, index.identity, *about, chances))
    return parts


def _train(index: ImageIndex) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    train = index.in_split("train")
    return index.labels[train], index.digests[train]


@pytest.fixture
def index() -> ImageIndex:
    labels = np.arange(240, dtype=np.int32) % 3
    return index_of(labels, (np.arange(240) % 5 == 0).astype(np.uint8))


def test_wrong_labels_are_found_in_both_splits_the_worst_first(index: ImageIndex) -> None:
    truth, labels = index.labels.copy(), index.labels.copy()
    wrong = [int(np.flatnonzero(index.in_split(split))[7]) for split in ("train", "test")]
    labels[wrong] = (labels[wrong] + 1) % 3
    mislabelled = replace(index, labels=labels)
    order = mislabelled.canonical_order()
    mislabelled, truth = mislabelled.take(order), truth[order]
    summary, suspects = judge(mislabelled, features_of(240), predicted(mislabelled, truth))
    assert {suspect.image for suspect in suspects} == {index.ids[row] for row in wrong}
    for suspect in suspects:
        row = mislabelled.rows_by_id[suspect.image]
        assert (suspect.given, suspect.likely) == (CLASSES[mislabelled.labels[row]], CLASSES[truth[row]])
        assert (suspect.given_probability, suspect.likely_probability) == pytest.approx((0.05, 0.9))
    assert (summary.images, summary.judged, summary.suspects) == (240, 240, 2)
    assert summary.noise_rate == pytest.approx(2 / 240, abs=1e-3)
    assert [each.images for each in summary.classes] == np.bincount(mislabelled.labels).tolist()
    assert sum(each.suspects for each in summary.classes) == sum(each.likely for each in summary.classes) == 2
    assert (summary.train.images, summary.test.images) == (192, 48)
    assert summary.train.accuracy == pytest.approx(191 / 192, abs=1e-5)
    assert summary.test.accuracy == pytest.approx(47 / 48, abs=1e-5)
    assert summary.train.without_leaked == summary.train.accuracy


def test_only_so_many_are_told_and_all_are_counted(index: ImageIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_SUSPECTS", 2)
    drawn = np.random.default_rng(3)
    truth = np.where(drawn.random(240) < 0.1, (index.labels + 1) % 3, index.labels).astype(np.int32)
    summary, suspects = judge(index, features_of(240), predicted(index, truth))
    assert len(suspects) == 2
    assert summary.suspects == int((truth != index.labels).sum())


def test_copies_are_matched_and_a_class_of_one_image_is_not_judged() -> None:
    labels = np.array([0] * 30 + [1] * 30 + [2] + [0, 1, 2], np.int32)
    index = index_of(labels, np.array([0] * 61 + [1] * 3, np.uint8))
    digests = index.digests.copy()
    digests[3] = digests[5]  # of one class and split
    index = replace(index, digests=digests)
    index = index.take(index.canonical_order())
    summary, suspects = judge(index, features_of(64), predicted(index, index.labels))
    assert (summary.images, summary.judged, suspects) == (64, 63, [])
    assert (summary.train.accuracy, summary.test.accuracy) == (1, 1)


def test_predictions_of_other_images_are_refused(index: ImageIndex) -> None:
    parts = predicted(index, index.labels)
    with pytest.raises(AuditImpossible, match="do not cover every image"):
        judge(index, features_of(240), parts[:-1])
    with pytest.raises(AuditImpossible, match="do not cover every image"):
        judge(index, features_of(240), [parts[0], *parts[:-1]])
    with pytest.raises(AuditImpossible, match="another version's images"):
        judge(index_of(index.labels, index.splits, 1), features_of(240), parts)
    forged = replace(parts[0], digests=parts[0].digests[::-1])
    with pytest.raises(AuditImpossible, match="that the version does not have"):
        judge(index, features_of(240), [forged, *parts[1:]])


def test_a_twin_leaks_where_its_look_was_trained_on() -> None:
    """0 and 1 look alike and are in two parts, 2 and 3 in one part; 4, of the test split, looks like 0, and 5 like
    nothing but 6, which is in the test split as well."""
    features, digests = features_of(8), np.random.default_rng(1).integers(0, 256, (8, 32), np.uint8)
    for copy, of in ((1, 0), (4, 0), (3, 2), (6, 5)):
        features[copy] = features[of]
    folds = np.array([0, 1, 2, 2, -1, -1, -1, 0])
    assert leaked(features, digests, folds).tolist() == [True, True, False, False, True, False, False, False]
    features["hashes"][4] ^= np.uint64(3)  # near, and not the same
    assert leaked(features, digests, folds)[4]


def test_an_exact_copy_of_a_training_image_in_the_test_split_leaks() -> None:
    features, digests = features_of(3), np.zeros((3, 32), np.uint8)
    digests[2] = 1
    features["luma"][:] = 0  # plain images have no look: only their content tells
    assert leaked(features, digests, np.array([0, -1, -1])).tolist() == [False, True, False]
