"""The report on a data set's images: what is in it, what is wrong with it, and what to do.

It is made of what was measured while the images were decoded (`features`, `digests`) and of what may be edited later
(labels, splits), so that a report on an edited data set costs no decoding.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.archives.members import OtherSplit
from training.image_checks.balance import balance_findings, counts_by_class
from training.image_checks.duplicates import Duplicates, Tell, find_duplicates
from training.image_checks.features import Features
from training.image_checks.files import SkippedFiles, file_findings
from training.image_checks.findings import MOST_EXAMPLES, TEST, TRAIN, Checked, Finding
from training.image_checks.naming import naming_findings
from training.image_checks.quality import quality_findings
from training.image_checks.twins import twin_findings

WHITE = 255  # the highest level


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many images a class has in each split."""

    name: str
    train: int
    test: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """Width and height in pixels, as the files say: of the images with the fewest, the median and the most pixels, and
    how many different sizes there are."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    distinct: int


@dataclass(frozen=True, slots=True)
class Report:
    """`modes`: how many images have which mode. `encoded_bytes`: of all files together.

    `mean` and `deviation`: of each channel, from 0 to 1, over all pixels of the images of train (of all, where train
    has none) as they were decoded, before they are made equal in size: exact, and a large image counts more. One
    channel where all images are grey, else three. `sizes`, `mean` and `deviation` are empty where no image was read.

    `findings`: errors first; none where there is nothing to say.
    """

    images: int
    classes: tuple[ClassCount, ...]
    sizes: Sizes | None
    modes: dict[str, int]
    encoded_bytes: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """In plain values: dicts, tuples, strings and numbers."""
        plain = asdict(self)
        for finding in plain["findings"]:
            del finding["mends"]
        return plain


_SEVERITIES = ("error", "warning", "info")


def make_report(
    features: Features,
    digests: NDArray[np.uint8],
    *,
    labels: NDArray[np.integer[Any]],
    splits: NDArray[np.uint8],
    classes: Sequence[str],
    ids: Sequence[str],
    unreadable: Sequence[tuple[str, str]] = (),
    skipped: Sequence[SkippedFiles] = (),
    other_splits: Sequence[OtherSplit] = (),
    duplicates: Duplicates | None = None,
    most_examples: int = MOST_EXAMPLES,
    tell: Tell = lambda _share: None,
) -> Report:
    """Of images in any order; the report is the same in each.

    `features` [images] of FEATURES, `digests` uint8 [images, 32] of their content, `labels` [images] places in
    `classes`, `splits` [images] 0 for train and 1 for test, `ids` [images] unique. `unreadable`: file and reason.
    `skipped`: files that were passed over, each reason once. `other_splits`: those that are called neither train nor
    test. `duplicates`: what `duplicates_of` found among these images, where it is known; it takes most of the time.
    `most_examples`: of each finding. `tell` hears which share of the work is done.
    """
    checked, order = _in_order(features, labels, splits, classes, ids, most_examples)
    known = duplicates if duplicates is not None else find_duplicates(checked.features, digests[order], tell)
    findings = [
        *file_findings(unreadable, skipped, most_examples),
        *naming_findings(classes, other_splits, most_examples),
        *_image_findings(checked, known),
    ]
    counts = counts_by_class(checked)
    mean, deviation = _mean_and_deviation(checked)
    return Report(
        images=len(checked),
        classes=tuple(
            ClassCount(name, int(counts[TRAIN, place]), int(counts[TEST, place])) for place, name in enumerate(classes)
        ),
        sizes=_sizes(checked.features),
        modes=dict(sorted(Counter(mode.decode() for mode in checked.features["mode"].tolist()).items())),
        encoded_bytes=int(checked.features["encoded_bytes"].sum()),
        mean=mean,
        deviation=deviation,
        findings=tuple(sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity))),
    )


def mended_by(
    code: str,
    features: Features,
    digests: NDArray[np.uint8],
    *,
    labels: NDArray[np.integer[Any]],
    splits: NDArray[np.uint8],
    classes: Sequence[str],
    ids: Sequence[str],
    tell: Tell = lambda _share: None,
) -> NDArray[np.intp]:
    """The images that an edit by the finding with this code changes (Finding.mends), as places in what was given,
    ascending; none where it is not found. Arguments as of `make_report`."""
    checked, order = _in_order(features, labels, splits, classes, ids)
    found = _image_findings(checked, find_duplicates(checked.features, digests[order], tell))
    mends = next((finding.mends for finding in found if finding.code == code), ())
    return np.sort(order[list(mends)])


def _in_order(
    features: Features,
    labels: NDArray[np.integer[Any]],
    splits: NDArray[np.uint8],
    classes: Sequence[str],
    ids: Sequence[str],
    most_examples: int = MOST_EXAMPLES,
) -> tuple[Checked, NDArray[np.intp]]:
    """With the place that each image had before."""
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.intp)
    in_order = [ids[place] for place in order]
    checked = Checked(features[order], in_order, labels[order].astype(np.intp), splits[order], classes, most_examples)
    return checked, order


def duplicates_of(features: Features, digests: NDArray[np.uint8], ids: Sequence[str]) -> Duplicates:
    """What `make_report` takes as `duplicates`, for reports on other labels or splits of the same images."""
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return find_duplicates(features[order], digests[order])


def _image_findings(checked: Checked, duplicates: Duplicates) -> Iterator[Finding]:
    if not len(checked):
        return
    yield from twin_findings(checked, duplicates)
    yield from balance_findings(checked)
    yield from quality_findings(checked)


def _sizes(features: Features) -> Sizes | None:
    if not len(features):
        return None
    sizes = np.stack([features["width"], features["height"]], axis=1).astype(np.int64)
    order = np.lexsort((sizes[:, 0], sizes.prod(axis=1)))
    least, middle, most = (tuple(sizes[order[place]].tolist()) for place in (0, (len(order) - 1) // 2, -1))
    return Sizes(least, middle, most, len(np.unique(sizes, axis=0)))


def _mean_and_deviation(checked: Checked) -> tuple[tuple[float, ...], tuple[float, ...]]:
    chosen = checked.features[checked.splits == TRAIN]
    if not len(chosen):
        chosen = checked.features
    if not len(chosen):
        return (), ()
    channels = 1 if (checked.features["channels"] == 1).all() else 3
    # Whole numbers of any size: a sum of squares of a million large images does not fit into 64 bits.
    pixels = sum(chosen["pixels"].tolist())
    sums, squares = ([sum(column) for column in chosen[name].T.tolist()[:channels]] for name in ("sums", "squares"))
    means = [total / pixels for total in sums]
    variances = [
        (square * pixels - total * total) / (pixels * pixels) for square, total in zip(squares, sums, strict=True)
    ]
    return tuple(mean / WHITE for mean in means), tuple(variance**0.5 / WHITE for variance in variances)
