"""Where a trained network is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.views.report.document import Block, Inline, Paragraph, Table
from api.views.report.text import count, shortened, tenths

MOST_ROWS = 10
MOST_CHARACTERS = 60  # of a class's name


def where_it_is_wrong(evaluation: Mapping[str, Any] | None) -> Sequence[Block]:
    """Of an evaluation as the API answers it: the most confused pairs, and the weakest classes."""
    if evaluation is None:
        return []
    images, pairs = evaluation["images"], evaluation["pairs"][:MOST_ROWS]
    wrong = images - round(evaluation["accuracy"] * images)
    split = evaluation["split"]
    if not wrong:
        return [
            Paragraph([f"On the {split} split nothing is: all of {count(images, 'image')} are classified correctly."])
        ]
    blocks: list[Block] = [
        Paragraph([f"Of {count(images, 'image')} of the {split} split, {wrong:,} are taken for another class."])
    ]
    if pairs:
        heads = ["Is", "Is taken for", "Images", "Of the class"]
        blocks.append(Table(heads, [*map(_pair, pairs)], numbers=2, caption="The most confused pairs"))
    if weakest := _weakest(evaluation["classes"]):
        caption = (
            "The weakest classes. Recall: of the images of the class, those that are found. "
            "Precision: of the images that are taken for it, those that are."
        )
        blocks.append(
            Table(["Class", "Found", "Recall", "Precision"], [*map(_class, weakest)], numbers=3, caption=caption)
        )
    return blocks


def _pair(pair: Mapping[str, Any]) -> Sequence[Inline]:
    return _named(pair["label"]), _named(pair["predicted"]), f"{pair['images']:,}", tenths(pair["share"])


def _class(told: Mapping[str, Any]) -> Sequence[Inline]:
    found = f"{told['correct']:,} of {told['images']:,}"
    return _named(told["name"]), found, tenths(told["recall"]), tenths(told["precision"])


def _weakest(classes: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Those that have images of which not all are found, the least found first."""
    missed = [each for each in classes if each["images"] and each["correct"] < each["images"]]
    return sorted(missed, key=lambda each: (each["recall"], each["name"]))[:MOST_ROWS]


def _named(name: str) -> str:
    return shortened(name, MOST_CHARACTERS)
