"""What the pictures show, read as XML."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.training.evaluation.made import predictions
from training.evaluation import confusion_svg, of_predictions, reliability_svg

SVG = "{http://www.w3.org/2000/svg}"


def _texts(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("classes", [2, 100, 300])
def test_the_most_confused_pairs_come_first_and_then_the_matrix(classes: int) -> None:
    report = of_predictions(predictions(3000, classes, skill=2))
    picture = confusion_svg(report, "a network")

    texts = _texts(picture)
    listed = [text for text in texts if " → " in text and text.startswith("class ")]
    assert listed[0] == f"class {report.pairs[0].label} → class {report.pairs[0].predicted}"
    assert len(listed) == min(20, len(report.pairs))
    assert any(f"accuracy {report.accuracy:.2%}" in text for text in texts)
    names = [text for text in texts if re.fullmatch(r"class \d+", text)]
    assert len(names) == 2 * min(classes, 100)
    shown = sum("→" in (each.text or "") for each in ElementTree.fromstring(picture).iter(f"{SVG}title"))
    if classes <= 100:
        assert shown == len(report.confusion.counts)  # a cell for each that has images
    assert len(picture) < 600_000


def test_names_of_classes_are_text_and_nothing_else() -> None:
    names = ("<script>alert(1)</script>", 'a" onload="x', "dog\x00\x1b\ud800", "]]>&amp;", "x" * 500)
    found = replace(predictions(200, 5), classes=names)
    report = of_predictions(found)

    for picture in (confusion_svg(report, names[0]), reliability_svg(report, names[1])):
        root = ElementTree.fromstring(picture.encode())
        assert {each.tag for each in root.iter()} <= {
            f"{SVG}{name}" for name in ("svg", "title", "style", "text", "path", "rect")
        }
        assert not any(name.startswith("on") for each in root.iter() for name in each.attrib)
    assert "<script>alert(1)</script>" in _texts(confusion_svg(report, "of it"))


def test_reliability_shows_each_bin_before_and_after_and_says_what_it_was_fitted_on() -> None:
    report = of_predictions(predictions(2000, 6, temperature=2, held_out=500))
    picture = reliability_svg(report, "a network")

    assert report.calibration is not None
    assert f"ECE {report.calibration.ece_before:.4f}, adaptive {report.reliability.adaptive_ece:.4f}" in _texts(picture)
    assert any("500 images of the validation split" in text for text in _texts(picture))
    bins = [*report.reliability.bins, *report.calibration.reliability.bins]
    told = [each.text or "" for each in ElementTree.fromstring(picture).iter(f"{SVG}title")][1:]
    assert [text.split(" images")[0] for text in told[::3]] == [f"{each.images:,}" for each in bins if each.images]


def test_equal_reports_give_equal_bytes_and_a_network_without_numbers_is_drawn_too() -> None:
    found = predictions(50, 3)
    assert confusion_svg(of_predictions(found), "x") == confusion_svg(of_predictions(found), "x")
    nothing = of_predictions(replace(found, probabilities=np.full((50, 3), np.nan, np.float32)))
    assert "No image is taken for another class." in confusion_svg(nothing, "x")
    assert "no images" in reliability_svg(nothing, "x")
