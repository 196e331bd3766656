"""Checks of names: splits that were taken as train or as test, and classes that look alike."""

from collections.abc import Iterator, Sequence

from training.archives.members import OtherSplit
from training.image_checks.findings import Example, Finding, Severity, counted
from training.names import difference, listed, shown, skeleton

MOST_TOLD = 5  # that a message names


def naming_findings(
    classes: Sequence[str], other_splits: Sequence[OtherSplit], most_examples: int
) -> Iterator[Finding]:
    """One for each check that found something."""
    if other_splits:
        yield _other_splits(other_splits, most_examples)
    if pairs := _look_alikes(classes):
        yield _similar_names(pairs, most_examples)


def _other_splits(splits: Sequence[OtherSplit], most_examples: int) -> Finding:
    """All of them are taken as the same one."""
    names, count = listed([shown(each.name) for each in splits], MOST_TOLD), sum(each.images for each in splits)
    is_one = len(splits) == 1
    verb, whose = ("is", "its") if is_one else ("are", "their")
    what = f"{'The split' if is_one else 'The splits'} {names} {verb}"
    used = f"{whose} {counted(count)} {'is' if count == 1 else 'are'}"
    severity: Severity
    if splits[0].taken_as == "train":
        severity, use = "warning", "trained on"
        message = f"{what} not tested on, since there is a split test: {used} trained on."
        hint = "To test on them, call them test. To train without them, leave them out."
    else:
        severity, use = "info", "tested on"
        message = f"{what} taken as test, since there is no split test: {used} tested on and not trained on."
        hint = "Nothing needs to be done, unless they are to be trained on: send others as test then."
    examples = [
        Example(None, None, float(each.images), f"{shown(each.name)}: {counted(each.images)}, {use}") for each in splits
    ]
    return Finding("other_splits", severity, count, message, hint, tuple(examples[:most_examples]))


def _look_alikes(classes: Sequence[str]) -> list[tuple[str, str]]:
    """Each class whose name looks like an earlier one's, behind that."""
    first: dict[str, str] = {}
    return [(other, name) for name in sorted(classes) if (other := first.setdefault(skeleton(name), name)) != name]


def _similar_names(pairs: Sequence[tuple[str, str]], most_examples: int) -> Finding:
    told = [difference(*pair) for pair in pairs]
    count = len({name for pair in pairs for name in pair})
    return Finding(
        "similar_class_names",
        "warning",
        count,
        f"{counted(count, 'class')} have names that look alike, and are different ones: {listed(told, MOST_TOLD)}.",
        "If they are one class, give it one name in all files: the network is taught to tell them apart.",
        tuple(Example(None, None, None, each) for each in told[:most_examples]),
    )
