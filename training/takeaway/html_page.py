"""One HTML file that classifies offline what is dropped on it, with the network and what runs it inside."""

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from training.takeaway import runtime
from training.takeaway.description import IN_WORDS, Description, facts_of, percent, pixels

INT8 = "model.int8.onnx"  # the file in a manifest whose accuracy the page states

_PARTS = Path(__file__).parent / "page"
_LOADING, _WORKING, _READY = (
    "Loading the model…",
    "Looking…",
    "Drop pictures anywhere on this page, paste one, or choose files.",
)
_GZIP_LEVEL = 6  # weights in 8 bits give little away: the highest takes three times as long for a thousandth


def html_page(onnx: bytes, manifest: Mapping[str, Any], *, facts: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """The file in pieces, about 5 MB and 1.3 times the network. `onnx` is a network under the contract of exports
    (uint8 NHWC `images`; `logits`, and perhaps `activation_maps`), best in int8. `facts` are what is known of that file
    (accuracy, accuracy_fp32, images), where the manifest does not list it yet. The page may use no network, and no
    script but its own: names of classes are text. Raises KeyError and ValueError, as Description.of does.
    """
    described = Description.of(manifest)
    known = facts_of(manifest, INT8) if facts is None else facts
    scripts = [runtime.loader_source(), _own_script()]
    yield _head(described, known, scripts).encode()
    yield from _block("notices", runtime.packed_notices())
    yield from _block("runtime", runtime.packed_wasm())
    yield from _block("network", base64.b64encode(gzip.compress(onnx, _GZIP_LEVEL, mtime=0)))
    for script in scripts:
        yield f'<script type="module">{script}</script>\n'.encode()
    yield b"</body>\n</html>\n"


def _block(name: str, content: bytes) -> Iterator[bytes]:
    yield f'<script type="application/octet-stream" id="{name}">'.encode()
    yield content
    yield b"</script>\n"


@cache
def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _own_script() -> str:
    return "\n".join(_part(name) for name in ("pixels.js", "classifier.js", "page.js"))


def _head(described: Description, known: Mapping[str, Any], scripts: list[str]) -> str:
    style = _part("style.css")
    return Template(_part("page.html")).substitute(
        policy=_policy(scripts, style),
        title=html.escape(described.title),
        style=style,
        lead=html.escape(_lead(described, known)),
        loading=_LOADING,
        about="\n".join(
            f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in _about(described, known)
        ),
        facts=_as_script_text(_facts(described)),
    )


def _policy(scripts: list[str], style: str) -> str:
    """Nothing may be loaded from anywhere, and of scripts and styles those alone run that are the page's."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed} 'wasm-unsafe-eval'; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _facts(described: Description) -> dict[str, Any]:
    return {
        "classes": list(described.classes),
        "input": {"size": described.size, "channels": described.channels, "resize": described.resize},
        "temperature": described.temperature,
        "text": {"loading": _LOADING, "working": _WORKING, "ready": _READY},
    }


def _as_script_text(value: Any) -> str:
    """JSON in which nothing ends the element that it stands in."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _images(known: Mapping[str, Any]) -> str:
    return f"{known['images']:,} test images" if known.get("images") else "the test images"


def _lead(described: Description, known: Mapping[str, Any]) -> str:
    lead = f"Tells {len(described.classes):,} classes of pictures apart"
    if right := percent(known.get("accuracy")):
        return f"{lead}, and was right on {right} of {_images(known)}."
    if right := percent(described.metrics.get("test_accuracy")):
        return f"{lead}. Before its weights were brought to 8 bits, it was right on {right} of the test images."
    return f"{lead}."


def _about(described: Description, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Architecture", described.architecture
    if described.data:
        yield "Trained on", described.data
    yield "Sees", f"{pixels(described)}: {IN_WORDS[described.resize]}"
    before = known.get("accuracy_fp32", described.metrics.get("test_accuracy"))
    if right := percent(known.get("accuracy")):
        yield "Accuracy", f"{right} of {_images(known)}"
        if before is not None:
            cost = _cost(before - known["accuracy"])
            yield "8-bit weights", f"{cost}: {percent(before)} with the weights as they were trained"
    elif right := percent(before):
        yield "Accuracy", f"{right} with the weights as they were trained; not measured in 8 bits"
    if described.calibration:
        yield "Probabilities", _probabilities(described, described.calibration)
    else:
        yield "Probabilities", "not calibrated: they may be too sure of themselves"
    if described.model_id:
        yield "Model", described.model_id


def _cost(lost: float) -> str:
    """Of the share of images that it is right on: as a verb."""
    points = f"{100 * abs(lost):.1f}"
    if float(points) == 0:
        return "cost nothing"
    return f"cost {points} points" if lost > 0 else f"are {points} points better"


def _probabilities(described: Description, calibration: Mapping[str, Any]) -> str:
    text = f"calibrated by a temperature of {described.temperature:.3g}"
    if calibration.get("images") and calibration.get("fitted_on"):
        text += f", fitted on {calibration['images']:,} images of the {calibration['fitted_on']} split"
    if calibration.get("ece_before") is not None and calibration.get("ece_after") is not None:
        text += f"; their error is {calibration['ece_after']:.3f}, and without it {calibration['ece_before']:.3f}"
    return text
