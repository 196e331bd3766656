"""Draws a confusion matrix: the most confused pairs, and then the matrix, readable up to 100 classes."""

from collections.abc import Iterator, Sequence

import numpy as np

from training.evaluation.confusion import Pair
from training.evaluation.outcomes import Labels
from training.evaluation.report import Report
from training.evaluation.svg import MARGIN, TITLE_HEIGHT, box, document, line, shortened, text, width_of

MOST_CLASSES = 100  # in the matrix; of more, those with the most mistakes
MOST_PAIRS = 20
PAIR_HEIGHT, PAIR_WIDTH, PAIR_GAP = 20, 500, 40
PAIR_NAMES, PAIR_BAR = 290, 120  # of a pair's width; the rest is for its numbers
ONE_COLUMN = 8  # pairs; more stand in two columns
LEAST_WIDTH = 720
LARGEST_CELL, SMALLEST_CELL, MATRIX_SIDE = 46, 9.5, 620
NAMES_ROOM = 150  # for the names of rows and of columns
LEAST_OPACITY = 0.14  # of a cell with an image
HEAD_HEIGHT = 30


def confusion_svg(report: Report, title: str) -> str:
    """`title`: which network, and of what."""
    chosen = _chosen(report)
    cell = min(LARGEST_CELL, max(SMALLEST_CELL, MATRIX_SIDE / len(chosen)))
    size = min(12.0, cell * 0.86)
    names = [report.classes[label].name for label in chosen.tolist()]
    room = min(NAMES_ROOM, max(width_of(name, size) for name in names)) + 10
    pairs = report.pairs[:MOST_PAIRS]
    columns = 1 if len(pairs) <= ONE_COLUMN else 2
    lines = -(-len(pairs) // columns)
    top = TITLE_HEIGHT + HEAD_HEIGHT + lines * PAIR_HEIGHT + 24
    left = MARGIN + 20 + room
    side = cell * len(chosen)
    height = top + HEAD_HEIGHT + 18 + room + side + MARGIN + 16
    pairs_width = 2 * MARGIN + columns * PAIR_WIDTH + (columns - 1) * PAIR_GAP
    width = max(LEAST_WIDTH, pairs_width, left + side + MARGIN)
    parts = [
        *_pairs(report, pairs, lines, TITLE_HEIGHT),
        *_heading(report, len(chosen), top),
        *_matrix(report, chosen, names, (left, top + HEAD_HEIGHT + 18 + room), cell, size, room),
    ]
    return document(width, height, title, _summary(report), parts)


def _summary(report: Report) -> str:
    low, high = report.accuracy_interval
    told = [
        f"{report.images:,} {report.split} images",
        f"{len(report.classes):,} classes",
        f"accuracy {report.accuracy:.2%} ({low:.1%} to {high:.1%})",
    ]
    if report.undecided:
        told.append(f"{report.undecided:,} images without numbers are in no cell")
    return " · ".join(told)


def _pairs(report: Report, pairs: Sequence[Pair], lines: int, top: float) -> Iterator[str]:
    if not pairs:
        yield text(MARGIN, top + 14, "No image is taken for another class.", "head")
        return
    yield text(MARGIN, top + 14, "Most confused", "head")
    yield text(MARGIN + 112, top + 14, "label → predicted, images, and their share of the label's images", "grey")
    most = max(pair.images for pair in pairs)
    for number, pair in enumerate(pairs):
        left = MARGIN + (number // lines) * (PAIR_WIDTH + PAIR_GAP)
        base = top + HEAD_HEIGHT + (number % lines) * PAIR_HEIGHT + 14
        label, predicted = report.classes[pair.label].name, report.classes[pair.predicted].name
        half = (PAIR_NAMES - width_of(" → ", 12)) / 2
        room = max(half, PAIR_NAMES - width_of(" → ", 12) - width_of(predicted, 12))
        label = shortened(label, 12, room)
        predicted = shortened(predicted, 12, PAIR_NAMES - width_of(f"{label} → ", 12))
        yield text(left, base, f"{label} → {predicted}")
        yield box(left + PAIR_NAMES + 8, base - 10, max(1, PAIR_BAR * pair.images / most), 12, "wrong", 0.75)
        yield text(left + PAIR_WIDTH - 44, base, f"{pair.images:,}", "end")
        yield text(left + PAIR_WIDTH, base, f"{pair.share:.1%}", "grey end")


def _heading(report: Report, shown: int, top: float) -> Iterator[str]:
    yield text(MARGIN, top + 14, "Matrix", "head")
    whole = "all classes" if shown == len(report.classes) else f"the {shown} classes with the most mistakes"
    rule = f"{whole}; rows: labels, columns: predicted; the stronger, the larger a share of the label's images"
    yield text(MARGIN + 60, top + 14, rule, "grey")


def _matrix(
    report: Report,
    chosen: Labels,
    names: Sequence[str],
    place: tuple[float, float],
    cell: float,
    size: float,
    room: float,
) -> Iterator[str]:
    left, top = place
    side = cell * len(chosen)
    for number, name in enumerate(names):
        middle = (number + 0.5) * cell
        told = shortened(name, size, room - 8)
        yield text(left - 6, top + middle + size * 0.35, told, "end", size)
        yield text(left + middle + size * 0.35, top - 6, told, "", size, upwards=True)
    step = 1 if len(chosen) <= 30 else 10
    for number in range(0, len(chosen) + 1, step):
        at = number * cell
        yield line([(left, top + at), (left + side, top + at)], "rule")
        yield line([(left + at, top), (left + at, top + side)], "rule")
    yield line([(left, top), (left + side, top), (left + side, top + side), (left, top + side), (left, top)], "rule")
    yield text(left + side / 2, top + side + 18, "predicted", "grey middle")
    yield text(MARGIN + 8, top + side / 2, "label", "grey middle", upwards=True)
    matrix, support = report.confusion.matrix(chosen), report.confusion.support[chosen]
    rows, columns = np.nonzero(matrix)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        images = int(matrix[row, column])
        share = images / int(support[row])
        told = f"{names[row]} → {names[column]}: {images:,} ({share:.1%})"
        opacity = LEAST_OPACITY + (1 - LEAST_OPACITY) * share**0.5
        x, y = left + column * cell, top + row * cell
        yield box(x + 0.5, y + 0.5, cell - 1, cell - 1, "right" if row == column else "wrong", opacity, told)
        if cell >= 22 and width_of(f"{images}", 11) <= cell - 4:
            yield text(x + cell / 2, y + cell / 2 + 4, f"{images}", "light middle" if opacity > 0.6 else "middle", 11)


def _chosen(report: Report) -> Labels:
    """Classes that the matrix shows, in their order."""
    classes = len(report.classes)
    if classes <= MOST_CLASSES:
        return np.arange(classes)
    confusion = report.confusion
    mistakes = confusion.support + confusion.predictions - 2 * confusion.correct
    return np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES])
