"""Splits off images to test on where a data set comes without them. Torch-free."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.archives.members import shown_names
from training.errors import DatasetInvalid

DIGEST_BYTES = 32
SEED_BYTES = 8


def split_off_test(
    labels: ArrayLike, digests: NDArray[np.uint8], fraction: float, seed: int, classes: Sequence[str] = ()
) -> NDArray[np.bool_]:
    """Which images to test on: bool [N], of images with `labels`, ints [N], and `digests`, uint8 [N, 32].

    A pure function of the content and the seed: the order of the images does not matter. Each class gives its share:
    `fraction` of its images, rounded, one at least and not all. It gives those with the smallest SHA-256 of the seed (8
    bytes, big-endian) and the digest. Equal images stay on one side: a class gives less than its share where the next
    ones are too many, and images that are in several classes are not tested on. Raises DatasetInvalid, with names from
    `classes`, where a class cannot be split.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"a fraction of {fraction} splits nothing")
    content, own = digests.tobytes(), np.asarray(labels).tolist()
    rows = [content[at : at + DIGEST_BYTES] for at in range(0, len(content), DIGEST_BYTES)]
    by_class: dict[int, dict[bytes, int]] = {}
    owners: dict[bytes, int | None] = {}  # None where several classes have it
    for label, digest in zip(own, rows, strict=True):
        counts = by_class.setdefault(label, {})
        counts[digest] = counts.get(digest, 0) + 1
        if owners.setdefault(digest, label) != label:
            owners[digest] = None
    tested: set[bytes] = set()
    unsplit = []
    for label, counts in sorted(by_class.items()):
        candidates = {digest: count for digest, count in counts.items() if owners[digest] is not None}
        if len(counts) < 2 or not candidates:
            unsplit.append(classes[label] if label < len(classes) else f"number {label}")
        else:
            tested.update(_share(candidates, sum(counts.values()), fraction, seed))
    if unsplit:
        raise DatasetInvalid(
            f"Classes have too few different images of their own to split some off to test on: {shown_names(unsplit)}.",
            "Add images to them, two different ones at least that are in no other class; or send train and test.",
        )
    return np.fromiter((digest in tested for digest in rows), np.bool_, len(rows))


def _share(counts: Mapping[bytes, int], images: int, fraction: float, seed: int) -> list[bytes]:
    """Of a class with so many `images`, the digests to test on; `counts` says how often each is there that may be."""
    front = seed.to_bytes(SEED_BYTES, "big", signed=seed < 0)
    ordered = sorted(counts, key=lambda digest: (sha256(front + digest).digest(), digest))
    share = min(max(1, round(images * fraction)), images - 1)
    chosen, taken = [], 0
    for digest in ordered:
        if taken + counts[digest] <= share:
            chosen.append(digest)
            taken += counts[digest]
    return chosen or [min(ordered, key=lambda digest: counts[digest])]
