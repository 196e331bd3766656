"""The card is Markdown that any renderer shows alike, whatever a model's owner has called things."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from tests.training.takeaway.networks import int8_network, manifest
from training.evaluation import Judged, Outcomes, to_json
from training.evaluation import report as evaluated
from training.takeaway.card_curves import MOST_ROWS
from training.takeaway.markdown import sparkline
from training.takeaway.model_card import model_card
from training.takeaway.python_file import python_file

HOSTILE = [
    "<img src=x onerror=alert(1)>", "[click](javascript:alert(1))", "a | b\n\n# Heading", "`code", "https://evil.example",
    "www.evil.example", "$x$ **bold** ~~gone~~", "\u202egnp.elif", "&lt;b&gt; \\", "<!--",
]  # fmt: skip


def report(classes: list[str]) -> dict[str, Any]:
    """As training.evaluation writes it into evaluation.json."""
    results = [
        {"name": name, "images": 20 + place, "predicted": 20, "correct": 18, "precision": 0.9,
         "recall": 0.9 - place / 500, "f1": 0.9 - place / 500}
        for place, name in enumerate(classes)
    ]  # fmt: skip
    return {
        "format": "epochal-evaluation/1", "dataset_identity": "a" * 64, "split": "test", "images": 3669, "undecided": 0,
        "accuracy": 0.9123, "accuracy_interval": [0.9027, 0.921], "top5_accuracy": 0.994, "loss": 0.3104,
        "means": {"classes": len(classes), "precision": 0.91, "recall": 0.9, "f1": 0.905},
        "classes": results, "pairs": [[1, 0, 7, 0.35], [0, 1, 3, 0.15]],
        "calibration": {
            "temperature": 1.37, "fitted_on": "validation", "images": 736, "cross_fitted": False,
            "measured_images": 3669, "ece_before": 0.061, "ece_after": 0.012, "loss_before": 0.31, "loss_after": 0.29,
        },
    }  # fmt: skip


def epochs(count: int) -> list[dict[str, Any]]:
    return [
        {"epoch": each, "train_loss": 2 / (each + 1), "train_accuracy": each / count, "test_accuracy": each / count / 2,
         "test_loss": None if each % 2 else 1.5, "validation_loss": None, "seconds": 61.0}
        for each in range(count)
    ]  # fmt: skip


def rendered(card: str) -> str:
    html: str = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(card)
    return html


def test_names_mean_nothing_in_it() -> None:
    data = {"name": HOSTILE[2], "version": 1, "identity": "a" * 64}
    told = manifest(32, 3, HOSTILE) | {"data": data, "architecture": HOSTILE[0]}
    card = model_card(told, report(HOSTILE), epochs(3))
    html = rendered(card)
    plain = rendered(model_card(manifest(32, 3, ["a"] * 10), report(["a"] * 10), epochs(3)))
    assert re.findall(r"</?\w+", html) == re.findall(r"</?\w+", plain), "the same elements as with harmless names"
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "<td>a | b # Heading</td>" in html, "one cell"
    assert not re.search(r"https?://|www\.", card), "nor anything that GitHub makes a link of"
    assert "\u202e" not in card


def test_it_tells_what_is_known() -> None:
    card = model_card(manifest(32, 3, ["cat", "dog", "owl"]), report(["cat", "dog", "owl"]), epochs(30))
    for part in (
        "right on **91.2 %** of 3,669 test images", "optimizer.learning_rate | 0.1", "| cat | 20 | 90.0 % |",
        "| dog | cat | 7 | 35.0 % |", "0.0610 without the temperature and 0.0120 with it",
        "right on 89.9 % of 3,669 images",
        "3 of its classes have fewer than 30 images", "Train loss",
    ):  # fmt: skip
        assert part in card, part
    curve_rows = card.partition("| Epoch")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(curve_rows) == MOST_ROWS
    assert curve_rows[0].startswith("| 0 ")
    assert curve_rows[-1].startswith("| 29 ")


def test_of_many_classes_it_shows_the_best_and_the_worst() -> None:
    names = [f"class {each:03}" for each in range(140)]
    card = model_card(manifest(32, 3, names), report(names), [])
    by_class = card.partition("### By class")[2].partition("### Most confused")[0]
    assert "| class 000 |" in by_class
    assert "| class 139 |" in by_class
    assert "| class 070 |" not in by_class
    assert by_class.count("| class ") == 40


@pytest.mark.parametrize(
    ("which", "held_out", "warned"), [("best", None, True), ("best", 500, False), ("last", None, False)]
)
def test_it_says_where_the_test_split_chose_the_epoch(which: str, held_out: int | None, warned: bool) -> None:
    told = manifest(32, 3, ["cat", "dog"])
    told |= {"model": told["model"] | {"which": which}, "environment": {"validation_images": held_out}}
    assert ("chosen by the test split" in model_card(told, report(["cat", "dog"]), [])) is warned


def test_what_is_not_known_is_not_spoken_of() -> None:
    bare = {"classes": ["cat", "dog"], "input": {"size": 8, "channels": 1, "resize": None}}
    card = model_card(bare, None, [])
    assert "None" not in card
    assert "nan" not in card.lower()
    assert model_card(bare, None, []) == card
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert headings == ["# Trained model", "## Calibration", "## Limits", "## How to call it"]
    nothing = dict.fromkeys(report(["cat", "dog"])) | {"images": 5, "split": "test"}
    assert "None" not in model_card(bare, nothing, [{"epoch": 0, "train_loss": float("nan")}])


def test_it_says_how_a_file_is_made_that_is_not_there() -> None:
    told = manifest(32, 3, ["cat", "dog"])
    assert "with model.py (which an export to `python` makes), after" in model_card(told, None, [])
    told["files"].append({"name": "model.py"})
    assert "with model.py, after" in model_card(told, None, [])


def test_it_reads_what_an_evaluation_writes() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    probabilities = random.dirichlet([1, 1, 1], 60).astype(np.float32)
    probabilities[np.arange(60), labels] += 0.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    names = ["cat", "dog", "owl"]
    outcomes = Outcomes.of(labels, probabilities)
    found = evaluated(
        Judged(names, "a" * 64, "test", np.zeros((60, 32), np.uint8), outcomes, np.arange(60), probabilities, None)
    )
    card = model_card(manifest(32, 3, names), json.loads(to_json(found)), [])
    assert f"right on **{100 * found.accuracy:.1f} %** of 60 test images" in card
    worst, best = found.pairs[0], max(found.classes, key=lambda each: each.f1 or 0)
    assert f"| {names[worst.label]} | {names[worst.predicted]} | {worst.images} |" in card
    assert card.index(f"| {best.name} | 20 |") < min(
        card.index(f"| {name} | 20 |") for name in names if name != best.name
    )
    assert "each half of them with the temperature of the other" in card
    assert "fitted on the test split" in card


def test_its_lines_of_python_run(tmp_path: Path) -> None:
    told = manifest(32, 3, ["cat", "dog", "owl"])
    network = int8_network(32, 3, 3)
    (tmp_path / "model.onnx").write_bytes(network)
    (tmp_path / "model.py").write_bytes(python_file(network, told))
    make = "from PIL import Image; Image.new('RGB', (40, 30), 'teal').save('picture.jpg')\n"
    (tmp_path / "lines.py").write_text(
        make + model_card(told, None, []).partition("```python\n")[2].partition("```")[0]
    )
    outputs = [
        subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for command in (["lines.py"], ["model.py", "picture.jpg"])
    ]
    label, probability = outputs[0].split()
    assert f"{100 * float(probability):.1f} %  {label}" in outputs[1]


def test_sparklines() -> None:
    assert sparkline([0, 1, float("nan"), 7]) == "▁▂█"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline(range(400)) == "".join(sorted(sparkline(range(400))))
    assert len(sparkline(range(400))) == 40
