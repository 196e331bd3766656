"""Checks of images that are the same or look the same: within a split, across splits, and under two labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.image_checks.duplicates import Duplicates
from training.image_checks.findings import TEST, TRAIN, Checked, Example, Finding, Severity, counted
from training.image_checks.kinds import Alike, Kinds, alike_kinds, copies_of_kept, twins

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Check:
    """`what` follows "12 images ", with the verb and its object for one and for more."""

    code: str
    severity: Severity
    what: tuple[str, str]
    hint: str

    def finding(self, count: int, examples: Sequence[Example], mends: Mask, *, is_whole: bool = True) -> Finding:
        """Of `count` images; where not `is_whole`, of so many at least."""
        message = f"{counted(count)} {self.what[count != 1]}."
        if not is_whole:
            message += " There may be more: so many images are alike that only the nearest pairs were compared."
        changed = tuple(np.flatnonzero(mends).tolist())
        return Finding(self.code, self.severity, count, message, self.hint, tuple(examples), changed)


_LEAK_HINT = "The accuracy comes out too high: the network is tested on what it learned. Exclude them from train."
_LABEL_HINT = "At least one of the labels is wrong, or the classes overlap: relabel or exclude them."
_COPY_HINT = "Exclude all but one of each: copies weigh more in training, and there are fewer images than it seems."

_LEAKED = _Check("leaked_exact", "error", ("of test is in train as well", "of test are in train as well"), _LEAK_HINT)
_CONFLICTING = _Check(
    "conflicting_labels",
    "error",
    ("is there again under another label", "are there again under another label"),
    _LABEL_HINT,
)
_COPIED = _Check(
    "exact_duplicates",
    "warning",
    ("is a copy of another one in the same split", "are copies of others in the same split"),
    _COPY_HINT,
)
_LEAKED_NEAR = _Check(
    "leaked_near", "warning", ("of test looks like one of train", "of test look like ones of train"), _LEAK_HINT
)
_CONFLICTING_NEAR = _Check(
    "conflicting_labels_near",
    "warning",
    ("looks like one with another label", "look like ones with another label"),
    _LABEL_HINT,
)
_COPIED_NEAR = _Check(
    "near_duplicates",
    "info",
    ("looks like another one in the same split", "look like others in the same split"),
    "Look at the examples. Where they are copies, exclude all but one of each. Frames of one film belong in one split.",
)


def twin_findings(checked: Checked, duplicates: Duplicates) -> Iterator[Finding]:
    """One for each check that found images. An image that is the same as another one is not found as one that looks
    like it again.

    Images under two labels are found as that, and neither as copies nor as leaks: who leaves out all copies but one
    must not decide by that, unseen, which of the labels is right.
    """
    content, places = duplicates.content, np.arange(len(checked))
    same = _numbered(content, checked.labels)
    first = np.full((2, len(checked)), len(checked))  # of each split, by content and label
    np.minimum.at(first, (checked.splits, same), places)
    leaked = (checked.splits == TEST) & (first[TRAIN][same] < len(checked))
    leaks = (checked.splits == TRAIN) & (first[TEST][same] < len(checked))
    yield from _exact(checked, _LEAKED, leaked, leaked, first[TRAIN][same], leaks)
    other_label = checked.labels != checked.labels[content]
    conflicting = (np.bincount(content, weights=other_label, minlength=len(checked)) > 0)[content]
    yield from _exact(checked, _CONFLICTING, conflicting, other_label, content, conflicting)
    copied = first[checked.splits, same] != places
    yield from _exact(checked, _COPIED, copied, copied, first[checked.splits, same], copied)

    kinds = Kinds.of(duplicates, checked.splits, checked.labels)
    alike = alike_kinds(kinds, duplicates.pairs, content)
    one, other = alike.first, alike.second
    apart = kinds.label[one] != kinds.label[other]
    across = (kinds.split[one] == TEST) & (kinds.split[other] == TRAIN) & ~apart
    back = (kinds.split[one] == TRAIN) & (kinds.split[other] == TEST) & ~apart
    leaks = (twins(kinds, alike, back, content)[0] >= 0) & ~leaks
    near = partial(_near, checked, alike=alike, is_whole=duplicates.is_whole)
    yield from near(_LEAKED_NEAR, twins(kinds, alike, across, content), leaks, known=leaked)
    yield from near(_CONFLICTING_NEAR, twins(kinds, alike, apart, content), known=conflicting)
    within = (kinds.split[one] == kinds.split[other]) & ~apart
    copies = copies_of_kept(kinds, alike, within, content)
    yield from near(_COPIED_NEAR, twins(kinds, alike, within, content), copies)


def _numbered(content: Places, labels: Places) -> Places:
    """A number for each pair of content and label, intp [images]."""
    numbers: Places = np.unique(content * (labels.max() + 1) + labels, return_inverse=True)[1]
    return numbers


def _exact(checked: Checked, check: _Check, found: Mask, told: Mask, others: Places, mends: Mask) -> Iterator[Finding]:
    """`told`: which images examples name, each beside the one of `others`."""
    if not found.any():
        return
    examples = [
        _example(checked, place, int(others[place]), 0, "the same pixels")
        for place in np.flatnonzero(told)[: checked.most_examples].tolist()
    ]
    yield check.finding(int(found.sum()), examples, mends)


def _near(
    checked: Checked,
    check: _Check,
    found: tuple[Places, Places],
    mends: Mask | None = None,
    known: Mask | None = None,
    *,
    alike: Alike,
    is_whole: bool,
) -> Iterator[Finding]:
    """`found`: the twin of each image, or -1, and by which pair. Images that are `known` from an exact finding do not
    count. All that count are to be mended, unless `mends` says it."""
    twin, by = found
    images = twin >= 0 if known is None else (twin >= 0) & ~known
    if not images.any():
        return
    places = np.flatnonzero(images)
    # Of two that are each other's twin, one example is enough.
    other = twin[places]
    places = places[~((twin[other] == places) & images[other] & (other < places))]
    distance = alike.distance[by[places]]
    examples = []
    for place in places[np.argsort(distance, kind="stable")[: checked.most_examples]].tolist():
        bits = int(alike.distance[by[place]])
        how = f"{bits} of 64 bits differ" + (", mirrored" if alike.mirrored[by[place]] else "")
        examples.append(_example(checked, place, int(twin[place]), bits, how))
    yield check.finding(int(images.sum()), examples, images if mends is None else mends, is_whole=is_whole)


def _example(checked: Checked, image: int, other: int, bits: int, how: str) -> Example:
    detail = f"{checked.where(image)} and {checked.where(other)}: {how}"
    return Example(checked.ids[image], checked.ids[other], float(bits), detail)
