"""The report on a data set: each finding where it was planted, nothing where there is nothing, and the same again."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from pydantic import TypeAdapter

from tests.training.image_checks.scenes import Pictures, digests_of, measured, scene
from training.image_checks import TEST, Features, Finding, Report, SkippedFiles, duplicates_of, mended_by
from training.image_checks.files import file_findings
from training.image_checks.findings import MOST_EXAMPLES

CLEAN = Pictures.clean()
FEATURES, DIGESTS = CLEAN.measured()


def measured_with_more(pictures: Pictures) -> tuple[Features, NDArray[np.uint8]]:
    """Of CLEAN and what was added to it."""
    added = pictures.images[len(CLEAN.images) :]
    features = np.concatenate([FEATURES, measured(added, pictures.modes[len(CLEAN.images) :])])
    return features, np.concatenate([DIGESTS, digests_of(added)])


def with_more(pictures: Pictures) -> dict[str, Finding]:
    """The findings in CLEAN and what was added to it, by code."""
    return {finding.code: finding for finding in pictures.report_of(*measured_with_more(pictures)).findings}


def on_white() -> Image.Image:
    """A tool on a white ground."""
    image = Image.new("RGB", (120, 90), "white")
    image.paste(scene(77, 60, 20), (30, 40))
    return image


def night() -> Image.Image:
    """Lights in the dark."""
    image = ImageEnhance.Brightness(scene(78, 120, 90)).enhance(0.2)
    ImageDraw.Draw(image).ellipse((50, 40, 62, 52), fill=(250, 230, 180))
    return image


def backlit(image: Image.Image) -> Image.Image:
    return image.point(lambda level: 235 + level // 13)


PLANTED: dict[str, tuple[str, Callable[[], Pictures]]] = {
    "exact_duplicates": ("warning", lambda: CLEAN.add(scene(4), label=0, name="x")),
    "near_duplicates": ("info", lambda: CLEAN.add(ImageOps.mirror(scene(4)), label=0, name="x")),
    "leaked_exact": ("error", lambda: CLEAN.add(scene(4), label=0, split=TEST, name="x")),
    "leaked_near": (
        "warning",
        lambda: CLEAN.add(ImageEnhance.Brightness(scene(4)).enhance(0.8), label=0, split=TEST, name="x"),
    ),
    "conflicting_labels": ("error", lambda: CLEAN.add(scene(4), label=1, name="x")),
    "conflicting_labels_near": ("warning", lambda: CLEAN.add(scene(4).resize((54, 54)), label=1, name="x")),
    "too_dark": ("warning", lambda: CLEAN.add(ImageEnhance.Brightness(scene(900)).enhance(0.2), name="x")),
    "too_bright": ("warning", lambda: CLEAN.add(backlit(scene(900)), name="x")),
    "blurred": ("warning", lambda: CLEAN.add(scene(900).filter(ImageFilter.GaussianBlur(2)), name="x")),
    "low_information": ("warning", lambda: CLEAN.add(ImageOps.posterize(scene(900).convert("L"), 1), name="x")),
    "blank": ("warning", lambda: CLEAN.add(Image.new("RGB", (64, 64), (10, 120, 200)), name="x")),
    "odd_size": ("info", lambda: CLEAN.add(scene(900, 300, 300), name="x")),
    "odd_aspect": ("warning", lambda: CLEAN.add(scene(900, 170, 50), name="x")),
    "grey_among_colour": ("info", lambda: CLEAN.add(scene(900).convert("L").convert("RGB"), name="x")),
}


def test_there_is_nothing_to_say_of_clean_images() -> None:
    assert CLEAN.report_of(FEATURES, DIGESTS).findings == ()


@pytest.mark.parametrize("code", PLANTED)
def test_what_was_planted_is_found(code: str) -> None:
    severity, plant = PLANTED[code]
    found = with_more(plant())
    also = {"low_information": {"grey_among_colour"}}
    assert found.keys() - also.get(code, set()) == {code}
    assert found[code].severity == severity
    assert found[code].examples[0].image == "x" or found[code].examples[0].other == "x"
    assert found[code].message.endswith(".")
    assert found[code].hint.endswith(".")


def mended(pictures: Pictures, code: str, features: Features, digests: NDArray[np.uint8]) -> list[int]:
    """Places of the images that an edit by this finding changes."""
    labels, splits = np.array(pictures.labels), np.array(pictures.splits, np.uint8)
    classes, ids = pictures.classes, pictures.ids
    found: list[int] = mended_by(
        code, features, digests, labels=labels, splits=splits, classes=classes, ids=ids
    ).tolist()
    return found


@pytest.mark.parametrize("code", PLANTED)
def test_without_the_images_that_mend_a_finding_it_is_gone(code: str) -> None:
    pictures = PLANTED[code][1]()
    features, digests = measured_with_more(pictures)
    gone = mended(pictures, code, features, digests)
    assert [pictures.ids[place] for place in gone] == {
        "leaked_exact": ["train 004"],
        "leaked_near": ["train 004"],
        "conflicting_labels": ["train 004", "x"],
        "conflicting_labels_near": ["train 004", "x"],
    }.get(code, ["x"])
    left = [place for place in range(len(features)) if place not in gone]
    report = pictures.take(left).report_of(features[left], digests[left])
    assert code not in {finding.code for finding in report.findings}


def test_of_many_copies_one_is_kept() -> None:
    turned = ImageOps.mirror(scene(4))
    pictures = CLEAN.add(scene(4), name="b").add(turned, name="c").add(turned, name="d").add(turned, split=TEST)
    features, digests = measured_with_more(pictures)
    gone = {
        code: [pictures.ids[place] for place in mended(pictures, code, features, digests)]
        for code in ("exact_duplicates", "near_duplicates", "leaked_exact", "leaked_near", "too_dark", "imbalanced")
    }
    # By id, "b" is the first of all. The image in test is found as the same, and therefore not as nearly the same.
    assert gone == {
        "exact_duplicates": ["train 004", "d"],
        "near_duplicates": ["c", "d"],
        "leaked_exact": ["c", "d"],
        "leaked_near": [],
        "too_dark": [],
        "imbalanced": [],
    }


def test_what_drops_copies_and_leaks_does_not_decide_between_two_labels() -> None:
    turned, split = ImageOps.mirror(scene(4)), TEST
    pictures = CLEAN.add(scene(4), label=1, name="other label").add(turned, label=1, name="other label, turned")
    pictures = pictures.add(scene(4), label=1, name="other label, again")
    pictures = pictures.add(scene(6), label=1, split=split, name="leak, other label")
    pictures = pictures.add(ImageOps.mirror(scene(8)), label=1, split=split, name="near leak, other label")
    features, digests = measured_with_more(pictures)
    gone = {
        code: [pictures.ids[place] for place in mended(pictures, code, features, digests)]
        for code in ("exact_duplicates", "near_duplicates", "leaked_exact", "leaked_near")
    }
    assert gone == {
        "exact_duplicates": ["other label, again"],
        "near_duplicates": ["other label, turned"],
        "leaked_exact": [],
        "leaked_near": [],
    }
    found = with_more(pictures)
    assert found["conflicting_labels"].count == 5
    assert found["exact_duplicates"].examples[0].other == "other label"
    assert found.keys().isdisjoint({"leaked_exact", "leaked_near"})


def test_classes_whose_names_look_alike_are_named_also_without_what_was_uploaded() -> None:
    pictures = replace(CLEAN, classes=["cat", "c\u0430t"])
    found = {each.code: each for each in pictures.report_of(FEATURES, DIGESTS).findings}
    assert found.keys() == {"similar_class_names"}
    assert r"'cat' and 'c\u0430t' differ in characters that look alike" in found["similar_class_names"].message


@pytest.mark.parametrize("image", [on_white(), night(), scene(79, 120, 45), scene(80, 60, 60)])
def test_pictures_of_their_own_kind_are_no_fault(image: Image.Image) -> None:
    assert with_more(CLEAN.add(image)) == {}


def test_twins_are_counted_by_the_images_that_a_user_would_look_at() -> None:
    pictures = CLEAN
    for name in ("copy 1", "copy 2"):
        pictures = pictures.add(scene(4), label=0, split=TEST, name=name)
    for name in ("mirrored 1", "mirrored 2"):
        pictures = pictures.add(ImageOps.mirror(scene(6)), label=0, split=TEST, name=name)
    pictures = pictures.add(ImageOps.mirror(scene(8)), label=1, split=TEST, name="mirrored 3")
    found = with_more(pictures)
    assert {code: finding.count for code, finding in found.items()} == {
        "leaked_exact": 2,
        "leaked_near": 2,
        "conflicting_labels_near": 2,
        "exact_duplicates": 2,
    }
    assert [(each.image, each.other) for each in found["leaked_exact"].examples] == [
        ("copy 1", "train 004"),
        ("copy 2", "train 004"),
    ]
    near = found["leaked_near"].examples
    assert [(each.image, each.other) for each in near] == [("mirrored 1", "train 006"), ("mirrored 2", "train 006")]
    assert "mirrored" in near[0].detail


def test_what_is_found_as_the_same_is_not_found_as_nearly_the_same_again() -> None:
    darker = ImageEnhance.Brightness(scene(4)).enhance(0.8)
    pictures = CLEAN.add(scene(4), label=1, split=TEST, name="copy").add(darker, label=0, name="twin")
    found = with_more(pictures)
    assert {code: finding.count for code, finding in found.items()} == {
        "conflicting_labels": 2,
        "conflicting_labels_near": 1,
        "near_duplicates": 2,
    }


def test_copies_of_a_twin_are_its_twins() -> None:
    darker = ImageEnhance.Brightness(scene(4)).enhance(0.9)
    pictures = CLEAN
    for name in ("twin 1", "twin 2", "twin 3"):
        pictures = pictures.add(darker, label=0, name=name)
    found = with_more(pictures)
    assert (found["exact_duplicates"].count, found["near_duplicates"].count) == (2, 4)
    assert {name for each in found["near_duplicates"].examples for name in (each.image, each.other)} == {
        "train 004",
        "twin 1",
        "twin 2",
        "twin 3",
    }


def test_what_is_true_of_most_images_is_how_they_are() -> None:
    dark = Pictures()
    for number in range(50):
        dark = dark.add(ImageEnhance.Brightness(scene(number)).enhance(0.2), label=number % 2)
    found = dark.findings()["too_dark"]
    assert (found.severity, found.count) == ("info", 50)
    assert len(found.examples) == 20
    assert len(dark.findings(most_examples=50)["too_dark"].examples) == 50


def test_grey_images_among_grey_ones_are_no_finding() -> None:
    grey = Pictures()
    for number in range(50):
        grey = grey.add(scene(number).convert("L"), label=number % 2)
    report = grey.report()
    assert {finding.code for finding in report.findings} == {"tiny_test_split"}
    assert (len(report.mean), len(report.deviation), report.modes) == (1, 1, {"L": 50})


def test_examples_are_the_worst_first() -> None:
    pictures = CLEAN
    for number, share in enumerate((0.25, 0.1, 0.2)):
        pictures = pictures.add(ImageEnhance.Brightness(scene(900 + number)).enhance(share), name=str(number))
    found = with_more(pictures)["too_dark"]
    assert [each.image for each in found.examples] == ["1", "2", "0"]
    assert [each.value for each in found.examples] == sorted(each.value or 0 for each in found.examples)


def few(*counts: int, test: int = 200) -> Pictures:
    """Of each class so many in train."""
    numbers = iter(range(1000))
    pictures = Pictures(classes=[f"class {number}" for number in range(len(counts))])
    for label, count in enumerate(counts):
        for _ in range(count):
            pictures = pictures.add(scene(next(numbers), 32, 32), label=label)
    for _ in range(test):
        pictures = pictures.add(scene(next(numbers), 32, 32), split=TEST)
    return pictures


def test_a_class_with_few_images_is_named() -> None:
    found = few(30, 9, 0).findings()
    assert found["few_images"].count == 2
    assert [each.detail for each in found["few_images"].examples] == [
        "class class 2: 0 images",
        "class class 1: 9 images",
    ]
    assert "few_images" not in few(30, 10).findings()


def test_classes_that_differ_much_in_size_are_named() -> None:
    found = few(100, 10).findings()
    assert found.keys() == {"imbalanced"}
    assert "class 0 has 100 images" in found["imbalanced"].message
    assert found["imbalanced"].examples[0].detail == "class class 1: 10 images"
    assert "imbalanced" not in few(99, 10).findings()


@pytest.mark.parametrize(
    ("test", "severity"), [(0, "warning"), (49, "warning"), (50, "info"), (199, "info"), (200, None)]
)
def test_a_small_test_split_is_named(test: int, severity: str | None) -> None:
    found = few(20, 20, test=test).findings().get("tiny_test_split")
    assert (found and found.severity) == severity
    if test == 49:
        assert found
        assert "± 14 percentage points" in found.message


def test_files_are_told_of() -> None:
    hidden = SkippedFiles("hidden files", 3, [".a", ".b"])
    files = {
        "unreadable": [("b.png", "it is cut off"), ("a.png", "it is a PDF")],
        "skipped": [SkippedFiles("none", 0), SkippedFiles(".txt files", 1, ["1.txt"]), hidden],
    }
    pictures = Pictures(CLEAN.images, CLEAN.labels, CLEAN.splits, CLEAN.ids, CLEAN.modes, files=files)
    unreadable, skipped = pictures.report_of(FEATURES, DIGESTS).findings
    assert (unreadable.code, unreadable.severity, unreadable.count) == ("unreadable_files", "error", 2)
    assert [(each.image, each.detail) for each in unreadable.examples] == [
        (None, "a.png: it is a PDF"),
        (None, "b.png: it is cut off"),
    ]
    assert (skipped.code, skipped.severity, skipped.count) == ("skipped_files", "info", 4)
    assert skipped.message == "4 files were passed over: hidden files (3); .txt files (1)."
    assert [each.detail for each in skipped.examples] == [".a: hidden files", ".b: hidden files", "1.txt: .txt files"]


def test_of_each_reason_for_passing_over_files_some_are_named() -> None:
    many = SkippedFiles("hidden files", 100, [f".{number}" for number in range(20)])
    skipped = [many, *(SkippedFiles(f".{suffix} files", 1, [f"1.{suffix}"]) for suffix in ("avi", "pdf"))]
    [finding] = file_findings([], skipped, MOST_EXAMPLES)
    assert [each.detail for each in finding.examples[17:]] == [
        ".17: hidden files",
        "1.avi: .avi files",
        "1.pdf: .pdf files",
    ]


def everything() -> Pictures:
    """CLEAN and one of each fault."""
    pictures = CLEAN
    for code, (_, plant) in PLANTED.items():
        planted = plant()
        pictures = pictures.add(
            planted.images[-1], label=planted.labels[-1], split=planted.splits[-1], name=code, mode="P"
        )
    return pictures


def test_the_report_does_not_depend_on_the_order_of_the_images() -> None:
    pictures = everything()
    features, digests = pictures.measured()
    report = pictures.report_of(features, digests)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(features))
        assert pictures.take(order.tolist()).report_of(features[order], digests[order]) == report


def test_another_label_needs_no_decoding() -> None:
    pictures = everything()
    features, digests = pictures.measured()
    known = duplicates_of(features, digests, pictures.ids)
    labels = np.random.default_rng(0).integers(0, 2, len(features)).tolist()
    splits = np.random.default_rng(1).integers(0, 2, len(features)).tolist()
    edited = Pictures(pictures.images, labels, splits, pictures.ids, pictures.modes)
    assert edited.report_of(features, digests, duplicates=known) == edited.report()
    assert edited.report_of(features, digests) != pictures.report_of(features, digests)


def test_a_finding_of_images_that_were_not_all_compared_says_so() -> None:
    pictures = everything()
    features, digests = pictures.measured()
    known = replace(duplicates_of(features, digests, pictures.ids), is_whole=False)
    report = pictures.report_of(features, digests, duplicates=known)
    unsure = {finding.code for finding in report.findings if "There may be more" in finding.message}
    found = {finding.code for finding in report.findings}
    assert unsure == found & {"leaked_near", "conflicting_labels_near", "near_duplicates"}
    assert unsure


def test_mean_and_deviation_are_those_of_all_pixels_of_train() -> None:
    pictures = Pictures().add(scene(1, 40, 30)).add(scene(2, 90, 20)).add(scene(3), split=TEST)
    pixels = np.concatenate([np.asarray(image).reshape(-1, 3) for image in pictures.images[:2]]) / 255
    report = pictures.report()
    assert report.mean == pytest.approx(pixels.mean(axis=0))
    assert report.deviation == pytest.approx(pixels.std(axis=0))


def test_sizes_modes_and_counts_are_told() -> None:
    pictures = (
        Pictures().add(scene(1, 40, 30), label=1).add(scene(2, 90, 20), mode="RGBA").add(scene(3, 64, 64), split=TEST)
    )
    report = pictures.report()
    assert report.sizes
    assert (report.sizes.smallest, report.sizes.median, report.sizes.largest) == ((40, 30), (90, 20), (64, 64))
    assert (report.sizes.distinct, report.images, report.encoded_bytes) == (3, 3, 3000)
    assert report.modes == {"RGB": 2, "RGBA": 1}
    assert [(each.name, each.train, each.test) for each in report.classes] == [("a", 1, 1), ("b", 1, 0)]


def test_it_can_be_sent_as_json_and_read_again() -> None:
    pictures = everything()
    report = pictures.report()
    sent = json.dumps(report.as_json())
    assert TypeAdapter(Report).validate_json(sent) == report
