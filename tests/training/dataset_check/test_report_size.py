"""A version's answer has a bounded size, whatever its names are."""

import json
from typing import Any

import numpy as np

from training.archives.classes import LONGEST_CLASS, MOST_CLASSES, MOST_NAMES_BYTES, check_names
from training.archives.member_names import LONGEST_NAME
from training.dataset_check.assembly import report_of
from training.image_checks.features import FEATURES
from training.image_checks.files import SkippedFiles
from training.images.identity import DIGEST_BYTES
from training.images.packs import ImageIndex

IMAGES, UNREADABLE = 200, 1000
LARGEST_ANSWER = 8_000_000  # bytes


def answer(classes: list[str]) -> dict[str, Any]:
    """What grows in a version's answer: the classes, and the report on a few images of them, in which everything is
    wrong."""
    check_names(classes, "The archive")
    numbers = np.arange(IMAGES)
    index = ImageIndex(
        tuple(classes),
        3,
        splits=(numbers % 2).astype(np.uint8),
        labels=(numbers % len(classes)).astype(np.int32),
        packs=np.zeros(IMAGES, np.int32),
        offsets=np.zeros(IMAGES, np.int64),
        lengths=np.zeros(IMAGES, np.int64),
        digests=np.zeros((IMAGES, DIGEST_BYTES), np.uint8),
        names=("a.png",) * IMAGES,
    )
    features = np.zeros(IMAGES, FEATURES)
    features["width"] = features["height"] = features["pixels"] = 1
    broken = [("\U000e0001" * (LONGEST_NAME // 4), "it is damaged")] * UNREADABLE
    skipped = [SkippedFiles(f"{number} {'x' * 200}", 10**6, ["y" * LONGEST_NAME] * 20) for number in range(1000)]
    return {"classes": classes, "report": report_of(index, features, broken, skipped, notes=["x" * 2000] * 10)}


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def test_as_many_classes_as_there_may_be_with_the_longest_names() -> None:
    length = MOST_NAMES_BYTES // MOST_CLASSES
    found = answer([f"{number:05}".ljust(length, '"') for number in range(MOST_CLASSES)])  # JSON writes two for each
    digits = MOST_CLASSES * len("1000000" * 2)  # that the counts may have
    assert size(found) + digits < LARGEST_ANSWER


def test_the_longest_names_in_every_example() -> None:
    longest = MOST_NAMES_BYTES // LONGEST_CLASS
    found = answer([f"{number:05}".ljust(LONGEST_CLASS, '"') for number in range(longest)])
    assert size(found) < LARGEST_ANSWER
    assert found["report"]["findings"]
    assert size(found["report"]["findings"]) < 500_000
