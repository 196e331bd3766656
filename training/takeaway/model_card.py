"""MODEL_CARD.md: what a trained model is, how it was trained, what it can and cannot do, and how it is called
(after Mitchell and others 2019, arXiv:1810.03993)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.takeaway.card_curves import curves
from training.takeaway.card_limits import limits
from training.takeaway.card_results import calibration, results
from training.takeaway.description import IN_WORDS, Description, facts_of, percent, pixels
from training.takeaway.markdown import escaped, table

Section = tuple[str, Iterator[str]]

# Settings of a job that do not change what its network learns; and the recipe, which is told by itself.
_NOT_OF_LEARNING = ("recipe", "placement", "logging_interval", "checkpoints")


def model_card(
    manifest: Mapping[str, Any], report: Mapping[str, Any] | None, epochs: Sequence[Mapping[str, Any]]
) -> str:
    """Markdown. `report` is what evaluation.json holds (training/evaluation), None where the model was not evaluated.
    `epochs` are the job's metrics in their order, as training.metrics.EpochMetrics has them, none of a model that was
    brought. Any part may be missing or None: then the card does not speak of it. Equal inputs give equal text. Raises
    KeyError and ValueError, as Description.of does.
    """
    described = Description.of(manifest)
    sections: list[Section] = [
        ("Data", _data(manifest)),
        ("Training", _training(manifest, epochs)),
        ("Curves", curves(epochs)),
        ("Results", results(described, report)),
        ("Calibration", calibration(described, report)),
        ("Limits", limits(manifest, described, report)),
        ("How to call it", _calls(manifest, described)),
    ]
    parts = [f"# {escaped(described.title)}\n", *_summary(manifest, described, report)]
    for title, paragraphs in sections:
        if found := list(paragraphs):
            parts += [f"## {title}\n", *found]
    return "\n".join(parts)


def _summary(manifest: Mapping[str, Any], described: Description, report: Mapping[str, Any] | None) -> Iterator[str]:
    right = (report or {}).get("accuracy", described.metrics.get("test_accuracy"))
    told = f"An image classifier that tells {len(described.classes):,} classes apart"
    if accuracy := percent(right):
        of = f"{report['images']:,} {escaped(str(report['split']))} images" if report else "the test images"
        told += f", and was right on **{accuracy}** of {of}"
    yield f"{told}. This page was made from what its training and its evaluation recorded.\n"
    facts, model = manifest.get("environment") or {}, manifest.get("model") or {}
    rows = {
        "Architecture": escaped(described.architecture),
        "Parameters": f"{facts['parameters']:,}" if facts.get("parameters") else None,
        "Input": f"{pixels(described)}; of any picture, {IN_WORDS[described.resize]}",
        "Weights": {"best": "of the best epoch", "last": "of the last epoch"}.get(model.get("which", "")),
        "Model": escaped(str(model["id"])) if model.get("id") else None,
        "Job": escaped(str(model["job"])) if model.get("job") else None,
    }
    yield table(["", ""], [(term, text) for term, text in rows.items() if text])


def _data(manifest: Mapping[str, Any]) -> Iterator[str]:
    data, facts = manifest.get("data") or {}, manifest.get("environment") or {}
    counts = {
        name: facts.get(f"{name}_images") for name in ("train", "validation", "test") if facts.get(f"{name}_images")
    }
    rows = {
        "Data set": escaped(str(data["name"])) if data.get("name") else None,
        "Version": escaped(str(data["version"])) if data.get("version") is not None else None,
        "Images": ", ".join(f"{count:,} {name}" for name, count in counts.items()),
        "Identity": f"`{data['identity']}`" if str(data.get("identity") or "").isalnum() else None,
    }
    if shown := [(term, text) for term, text in rows.items() if text]:
        yield table(["", ""], shown)
        if rows["Identity"]:
            yield "The identity is a SHA-256 over all classes and images, by their pixels: equal of equal data.\n"


def _training(manifest: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    spec, facts = manifest.get("spec") or {}, manifest.get("environment") or {}
    if spec.get("recipe"):
        yield f"Recipe: {escaped(str(spec['recipe']))}.\n"
    if facts.get("device"):
        told = f"On {escaped(str(facts['device']))}, in {escaped(str(facts.get('precision', 'fp32')))}"
        seconds = sum(each.get("seconds") or 0 for each in epochs)
        yield f"{told}{f', {seconds / 60:,.0f} minutes' if seconds >= 60 else ''}.\n"
    if settings := list(_settings(spec)):
        yield table(["Hyperparameter", "Value"], settings)


def _settings(spec: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each that is set, by its path in the spec."""
    for name, value in spec.items():
        path = f"{prefix}{name}"
        if path in _NOT_OF_LEARNING or value is None:
            continue
        if isinstance(value, Mapping):
            yield from _settings(value, f"{path}.")
        else:
            yield escaped(path), escaped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _calls(manifest: Mapping[str, Any], described: Description) -> Iterator[str]:
    """In the service, with the Python file, and with the ONNX file alone."""
    reference = described.model_id or "MODEL"
    yield "At the service, with `URL` and `KEY` set to its address and to an API key:\n"
    yield (
        "```sh\n"
        f'curl -s "$URL/v1/models/{reference}/predict?top=5" -H "Authorization: Bearer $KEY" '
        '-H "Content-Type: image/jpeg" --data-binary @picture.jpg\n```\n'
    )
    program, network = _file(manifest, "model.py", "python"), _file(manifest, "model.onnx", "onnx")
    yield f'Anywhere, with {program}, after `pip install "onnxruntime>=1.17" numpy "pillow>=10.1"`:\n'
    yield "```sh\npython model.py picture.jpg\n```\n"
    yield (
        f"With {network}: its input `images` is uint8 (n, {described.size}, {described.size}, "
        f"{described.channels}), decoded and made square as `pixels_of` in model.py does it; "
        "normalisation is inside.\n"
    )
    yield (
        "```python\n"
        "import numpy as np\n"
        "import onnxruntime\n"
        "from model import CLASSES, pixels_of\n\n"
        'session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])\n'
        'images = np.stack([pixels_of("picture.jpg")])\n'
        '(logits,) = session.run(["logits"], {"images": images})\n'
        f"scaled = logits / np.float32({described.temperature!r})  # the temperature\n"
        "powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))\n"
        "probabilities = powers / powers.sum(axis=1, keepdims=True)\n"
        "print(CLASSES[probabilities[0].argmax()], probabilities[0].max())\n"
        "```\n"
    )


def _file(manifest: Mapping[str, Any], name: str, export_format: str) -> str:
    """Its name, and how it is made where the model does not have it yet."""
    return name if facts_of(manifest, name) else f"{name} (which an export to `{export_format}` makes)"
