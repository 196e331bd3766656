"""Figures against a loop over images that anyone can follow."""

import math
from collections import Counter

import numpy as np
import pytest

from tests.training.evaluation.made import predictions
from training.evaluation import confusion_csv, from_json, of_predictions, to_json
from training.images.predictions import Predictions
from training.intervals import wilson_interval


def _of(classes: int, labels: list[int], rows: list[list[float]]) -> Predictions:
    return Predictions(
        classes=tuple("abcdefgh"[:classes]),
        dataset_identity="made",
        splits=np.ones(len(labels), np.uint8),
        labels=np.array(labels, np.int32),
        digests=np.zeros((len(labels), 32), np.uint8),
        probabilities=np.array(rows, np.float32).reshape(len(labels), classes),
    )


@pytest.mark.parametrize("classes", [2, 7, 40])
def test_every_figure_is_that_of_a_loop_over_images(classes: int) -> None:
    found = predictions(500, classes, skill=1.5, seed=classes)
    report = of_predictions(found)

    labels = found.labels.tolist()
    taken = [max(range(classes), key=row.__getitem__) for row in found.probabilities.tolist()]
    cells = Counter(zip(labels, taken, strict=True))
    for number, result in enumerate(report.classes):
        true, predicted = labels.count(number), taken.count(number)
        assert (result.images, result.predicted, result.correct) == (true, predicted, cells[number, number])
        assert result.precision == (cells[number, number] / predicted if predicted else None)
        assert result.recall == (cells[number, number] / true if true else None)
        assert result.f1 == (pytest.approx(2 * cells[number, number] / (true + predicted)) if true else None)
    there = [each for each in report.classes if each.images]
    assert report.means.precision == pytest.approx(sum(each.precision or 0 for each in there) / len(there))
    assert report.accuracy == sum(map(int.__eq__, labels, taken)) / 500
    places = [
        sorted(row, reverse=True).index(row[label]) for row, label in zip(found.probabilities, labels, strict=True)
    ]
    assert report.top5_accuracy == (sum(place < 5 for place in places) / 500 if classes > 5 else None)
    given = [float(row[label]) for row, label in zip(found.probabilities, labels, strict=True)]
    assert report.loss == pytest.approx(-sum(map(math.log, given)) / 500)
    assert report.confusion.matrix().tolist() == [[cells[a, b] for b in range(classes)] for a in range(classes)]
    wrong = sorted((count for (a, b), count in cells.items() if a != b), reverse=True)
    assert [pair.images for pair in report.pairs] == wrong[:100]
    wrongly = found.probabilities[[a != b for a, b in zip(labels, taken, strict=True)]]
    sure = sorted(wrongly.max(axis=1).tolist(), reverse=True)
    assert [mistake.probability for mistake in report.mistakes] == sure[:100]
    for mistake in report.mistakes:
        assert (labels[mistake.index], taken[mistake.index]) == (mistake.label, mistake.predicted)


def test_of_equal_probabilities_the_first_class_comes_first() -> None:
    report = of_predictions(_of(6, [0, 1, 1, 5], [[1 / 6] * 6] * 4))

    assert report.accuracy == 1 / 4  # the first class is right once
    assert report.top5_accuracy == 3 / 4  # the sixth class is the sixth
    assert of_predictions(_of(6, [0, 5, 5], [[1 / 6] * 6] * 3)).top5_accuracy == pytest.approx(1 / 3)


def test_an_image_without_numbers_is_wrong_and_in_no_cell() -> None:
    nan = math.nan
    report = of_predictions(_of(2, [0, 1, 1], [[nan, nan], [0.25, 0.75], [0.5, nan]]))

    assert report.undecided == 2
    assert report.accuracy == pytest.approx(1 / 3)
    assert report.confusion.matrix().tolist() == [[0, 0], [0, 1]]
    assert report.loss == pytest.approx(-math.log(0.75))
    assert [each.images for each in report.classes] == [1, 2]
    assert report.reliability.ece == pytest.approx(0.25)
    assert not report.mistakes
    assert of_predictions(_of(2, [0], [[nan, nan]])).loss is None
    assert to_json(of_predictions(_of(2, [0], [[nan, nan]])))  # with no number that JSON has not


def test_a_class_without_images_has_no_recall_and_does_not_count_in_the_means() -> None:
    report = of_predictions(_of(3, [0, 1], [[0.9, 0.1, 0], [0.2, 0.1, 0.7]]))

    assert [each.recall for each in report.classes] == [1, 0, None]
    assert [each.precision for each in report.classes] == [1, None, 0]
    assert report.means.classes == 2
    assert report.means.precision == 0.5


def test_no_test_image_is_refused() -> None:
    with pytest.raises(ValueError, match="no test images"):
        of_predictions(_of(2, [], []))


def test_wilson_s_interval_of_known_counts() -> None:
    """As Wilson's formula gives it for 81 of 263, an example of Newcombe (1998), and at the ends."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson_interval(20, 20)[1] == 1


@pytest.mark.parametrize("classes", [3, 600])
def test_a_report_comes_back_from_json_and_its_matrix_as_csv(classes: int) -> None:
    found = predictions(300, classes, held_out=40)
    report = of_predictions(found)

    assert to_json(from_json(to_json(report))) == to_json(report)
    lines = confusion_csv(report).splitlines()
    if classes == 3:
        assert lines[0] == "label,class 0,class 1,class 2"
        assert sum(int(count) for line in lines[1:] for count in line.split(",")[1:]) == 300
    else:
        assert lines[0] == "label,predicted,images"
        assert sum(int(line.split(",")[2]) for line in lines[1:]) == 300
