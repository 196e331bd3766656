"""What a model card has to say against its model."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.takeaway.description import IN_WORDS, Description, facts_of, percent
from training.takeaway.markdown import escaped

FEW_IMAGES = 30  # of a class: with fewer, its recall is known to no better than about a sixth


def limits(manifest: Mapping[str, Any], described: Description, report: Mapping[str, Any] | None) -> Iterator[str]:
    """One list."""
    yield "\n".join(f"- {each}" for each in _each(manifest, described, report)) + "\n"


def _each(manifest: Mapping[str, Any], described: Description, report: Mapping[str, Any] | None) -> Iterator[str]:
    yield (
        f"It knows its {len(described.classes):,} classes and no others: whatever else a picture shows, it answers "
        "with one of them, perhaps with a high probability."
    )
    yield (
        f"It sees {described.size} x {described.size} pixels ({IN_WORDS[described.resize]}): what is too small there, "
        f"or outside, it cannot see.{' It sees no colours.' if described.channels == 1 else ''}"
    )
    yield from _of_measuring(manifest, described, report)
    yield (
        "It was not tested on pictures from other sources than this data set, on damaged, blurred or manipulated ones, "
        "nor for how its mistakes fall on groups of people."
    )
    yield from _of_int8(manifest)


def _of_measuring(
    manifest: Mapping[str, Any], described: Description, report: Mapping[str, Any] | None
) -> Iterator[str]:
    if report is None:
        yield (
            "What it does was measured while it trained, and not since."
            if described.metrics
            else "It was not measured at all."
        )
        return
    split = escaped(str(report.get("split")))
    if split == "train":
        yield "Its figures are of images that it was trained on: on others, it is worse."
    else:
        yield f"Its figures are of the {split} split of its data set, which is like the images that it was trained on."
    if _chosen_by_test(manifest):
        yield "Its epoch was chosen by the test split, for want of a validation split: its figures flatter it a little."
    if (report.get("calibration") or {}).get("fitted_on") == "test":
        yield "Its temperature was fitted on the test split, for want of a validation split."
    if report.get("undecided"):
        yield f"For {report['undecided']:,} images it gave no numbers at all; they count as wrong."
    few = sum((each.get("images") or 0) < FEW_IMAGES for each in report.get("classes") or [])
    if few:
        yield f"{few:,} of its classes have fewer than {FEW_IMAGES} images in this split: their figures are rough."


def _chosen_by_test(manifest: Mapping[str, Any]) -> bool:
    is_best = (manifest.get("model") or {}).get("which") == "best"
    facts, spec = manifest.get("environment") or {}, manifest.get("spec") or {}
    is_held_out = bool(facts.get("validation_images") or spec.get("validation_fraction") or spec.get("validation_fold"))
    return is_best and not is_held_out


def _of_int8(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where there is a file in 8 bits, what that costs."""
    known = facts_of(manifest, "model.int8.onnx")
    if not known:
        return
    if known.get("accuracy") is None:
        yield "Its files in 8 bits (model.int8.onnx, model.html) were not measured, and may be worse."
        return
    told = f"Its files in 8 bits (model.int8.onnx, model.html) were right on {percent(known['accuracy'])}"
    told += f" of {known['images']:,} images" if known.get("images") else ""
    if known.get("accuracy_fp32") is not None:
        told += f"; with its weights as they were trained, it is {percent(known['accuracy_fp32'])}"
    yield f"{told}."
