"""Draws reliability diagrams: how often a network is right, by its confidence, as it is and with the temperature."""

from collections.abc import Iterator

from training.evaluation.calibration import VALIDATION, Reliability
from training.evaluation.report import Report
from training.evaluation.svg import MARGIN, TITLE_HEIGHT, box, document, line, text

SIDE = 360  # of a diagram, in pixels
COUNTS_HEIGHT = 70  # of the bars that say how many images there are
AXIS = 46  # left of a diagram
HEAD_HEIGHT, GAP, FOOT = 40, 40, 92
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reliability_svg(report: Report, title: str) -> str:
    """`title`: which network, and of what."""
    diagrams = [("As it is", report.reliability)]
    if report.calibration is not None:
        diagrams.append((f"With temperature {report.calibration.temperature:.3f}", report.calibration.reliability))
    parts: list[str] = []
    for number, (name, found) in enumerate(diagrams):
        parts += _diagram(MARGIN + AXIS + number * (SIDE + AXIS + GAP), TITLE_HEIGHT + HEAD_HEIGHT, name, found)
    width = 2 * MARGIN + 2 * (AXIS + SIDE) + GAP  # of two: the summary needs the room
    height = TITLE_HEIGHT + HEAD_HEIGHT + SIDE + GAP + COUNTS_HEIGHT + FOOT
    base = height - FOOT + 58
    parts += [text(MARGIN, base + 18 * number, told, "grey") for number, told in enumerate(_told(report))]
    summary = f"{report.images:,} {report.split} images · accuracy {report.accuracy:.2%}"
    return document(width, height, title, summary, parts)


def _told(report: Report) -> Iterator[str]:
    yield "Bars: accuracy. Orange: mean confidence. ECE: the mean gap between the two, weighted by images."
    found = report.calibration
    if found is None:
        yield "No temperature was fitted: there are too few images."
    elif found.fitted_on == VALIDATION:
        yield f"The temperature was fitted on {found.images:,} images of the validation split."
    else:
        yield (
            f"Without a validation split, the temperature was fitted on {found.images:,} images of the {report.split} "
            "split; each half was measured with that of the other."
        )


def _diagram(left: float, top: float, name: str, found: Reliability) -> Iterator[str]:
    ece = "no images" if found.ece is None else f"ECE {found.ece:.4f}, adaptive {found.adaptive_ece:.4f}"
    yield text(left, top - 26, name, "head")
    yield text(left, top - 9, ece, "grey")
    counts_top = top + SIDE + GAP
    for tick in TICKS:
        x, y = left + tick * SIDE, top + (1 - tick) * SIDE
        yield line([(left, y), (left + SIDE, y)], "rule")
        yield line([(x, top), (x, top + SIDE)], "rule")
        yield text(left - 8, y + 4, f"{tick:.0%}", "grey end", 11)
        yield text(x, counts_top + COUNTS_HEIGHT + 16, f"{tick:.0%}", "grey middle", 11)
    most = max(1, *(each.images for each in found.bins))
    for each in found.bins:
        x, width = left + each.low * SIDE + 1, (each.high - each.low) * SIDE - 2
        if each.accuracy is None or each.confidence is None:
            continue
        told = f"{each.images:,} images: confidence {each.confidence:.1%}, right {each.accuracy:.1%}"
        right, believed = top + (1 - each.accuracy) * SIDE, top + (1 - each.confidence) * SIDE
        yield box(x, right, width, each.accuracy * SIDE, "right", 0.55, told)
        yield box(x + width / 2 - 1, min(right, believed), 2, abs(right - believed), "wrong", 0.9)
        yield box(x, believed - 1.5, width, 3, "wrong", 1, told)
        tall = max(1.0, each.images / most * COUNTS_HEIGHT)
        yield box(x, counts_top + COUNTS_HEIGHT - tall, width, tall, "count", 0.7, told)
    yield line([(left, top + SIDE), (left + SIDE, top)], "line", "5 4")
    yield text(left, counts_top - 8, f"images a bin, at most {most:,}", "grey", 11)
    yield text(left + SIDE / 2, counts_top + COUNTS_HEIGHT + 33, "confidence", "grey middle")
    yield text(left - 38, top + SIDE / 2, "accuracy", "grey middle", upwards=True)
