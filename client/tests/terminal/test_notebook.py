"""Jobs in a notebook."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from epochal import LocalError
from epochal.notebook import comparison_html, job_html, plot, watch

Make = Callable[..., Any]
EVIL = '<script>alert(1)</script>"\u202e&\x1b[31m'


class Checked(HTMLParser):
    """The tags and the text of a fragment, whose tags are all closed in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_job_is_shown_with_its_curves(job: Make, attempt: Make, row: Make, best: Make) -> None:
    rows = [row(epoch, train_loss=1 / (epoch + 1), test_accuracy=epoch / 20) for epoch in range(20)]
    trains = {"attempts": (attempt(),), "latest": rows[-1], "best": best(rows[-1])}
    page = Checked(job_html(job(status="running", **trains), rows))
    assert page.tags.count("svg") == 2
    assert page.tags.count("polyline") == 4
    assert "Training on cpu in fp32" in page.text
    assert "95.00% in epoch 19" in page.text
    assert "prefers-color-scheme:dark" in page.text


def test_before_the_first_epoch_there_is_no_picture(job: Make) -> None:
    page = Checked(job_html(job(), []))
    assert "svg" not in page.tags
    assert "Queued, place 1" in page.text


def test_foreign_text_is_harmless(job: Make, comparison: Any) -> None:
    page = Checked(job_html(job(name=EVIL, queue=EVIL), []))
    shown = r'<script>alert(1)</script>"\u202e&\x1b[31m'
    assert page.text.count(shown) == 2
    assert "script" not in page.tags
    assert "\u202e" not in page.text
    both = Checked(comparison_html(comparison))
    assert "\x1b" not in both.text
    assert r"B evil\x1b[31m (mean of 3)" in both.text


def test_a_curve_goes_through_its_values_and_every_spike_counts(job: Make, row: Make) -> None:
    losses = [1.0] * 10_000
    losses[7_000], losses[3_000] = 9.0, -1.0
    rows = [row(epoch, train_loss=loss, test_loss=None) for epoch, loss in enumerate(losses)]
    html = job_html(job(), rows)
    svg = ElementTree.fromstring(re.findall("<svg.*?</svg>", html)[0])
    (line,) = svg.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert len(points) < 2_000
    left, right = points[0][0], points[-1][0]
    assert [x for x, y in points if y == min(y for _, y in points)] == [
        pytest.approx(left + (right - left) * 7_000 / 9_999, abs=0.06)
    ]
    assert [x for x, y in points if y == max(y for _, y in points)] == [
        pytest.approx(left + (right - left) * 3_000 / 9_999, abs=0.06)
    ]


def test_what_is_not_finite_interrupts_a_curve(job: Make, row: Make) -> None:
    losses = [1.0, 2.0, float("nan"), 3.0, 4.0, float("inf"), 5.0]
    rows = [row(epoch, train_loss=loss, test_loss=None, test_accuracy=None) for epoch, loss in enumerate(losses)]
    page = Checked(job_html(job(), rows))
    assert page.tags.count("polyline") == 2 + 1  # and the accuracy
    assert page.tags.count("circle") == 1


def test_a_comparison_is_shown(comparison: Any) -> None:
    page = Checked(comparison_html(comparison))
    for text in ("optimizer.learning_rate", '{"size": 8}', "A and B: One run each", "digits-baseline", "88.00%"):
        assert text in page.text
    assert page.tags.count("svg") == 2


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """A notebook's cell: what is displayed in it, and how."""
    shown: list[tuple[str, str]] = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]

    def first(content: str, *, display_id: bool) -> Any:
        assert display_id
        shown.append(("display", content))
        return SimpleNamespace(display_id="it")

    def update(content: str, *, display_id: str) -> None:
        shown.append((display_id, content))

    vars(display).update(HTML=str, display=first, update_display=update)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_cell_shows_a_live_curve(cell: list[tuple[str, str]], job: Make, attempt: Make, row: Make) -> None:
    rows = [row(epoch) for epoch in range(3)]
    asked = []

    def after(epoch: int) -> list[Any]:
        asked.append(epoch)
        return [one for one in rows if one.epoch > epoch]

    trains = {"status": "running", "attempts": (attempt(),)}
    again = {"status": "running", "attempts": (attempt(), attempt(2))}
    looks = [job(), job(**trains, latest=rows[1]), job(**trains, latest=rows[1]), job(**again, latest=rows[2])]
    ended = watch([*looks, job(status="succeeded", attempts=again["attempts"], latest=rows[2])], after)
    assert ended.status == "succeeded"
    assert [how for how, _ in cell] == ["display", "it", "it", "it", "it"]
    assert ["<svg" in content for _, content in cell] == [False, True, True, True, True]
    assert asked[0] == -1
    assert asked[1:] == [-1, 2]  # the second attempt may have measured again what is known


def test_elsewhere_a_job_is_followed_in_the_terminal(capsys: pytest.CaptureFixture[str], job: Make, row: Make) -> None:
    rows = [row(0)]
    assert watch([job(status="succeeded", latest=rows[0])], lambda _: rows).status == "succeeded"
    assert capsys.readouterr().out.startswith("Epoch   0:  train loss")


class Axes:
    """What `plot` calls of matplotlib's axes."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.labels: dict[str, str] = {}

    def plot(self, epochs: Any, values: Any, **options: Any) -> None:
        self.lines.append((options["label"], epochs, values))

    def set_xlabel(self, text: str) -> None:
        self.labels["x"] = text

    def set_ylabel(self, text: str) -> None:
        self.labels["y"] = text

    def legend(self) -> None:
        self.labels["legend"] = "yes"


def test_rows_are_plotted_into_given_axes(row: Make) -> None:
    rows = [row(0, test_loss=None), row(1)]
    ax = plot(rows, Axes(), figure="loss")
    assert ax.lines == [("train", (0, 1), (0.5, 0.5)), ("test", (1,), (0.25,))]
    assert ax.labels == {"x": "epoch", "y": "loss", "legend": "yes"}
    assert plot(rows, Axes()).labels["y"] == "accuracy"
    assert plot([], Axes()).lines == []
    with pytest.raises(LocalError, match="'f1' is no figure"):
        plot(rows, Axes(), figure="f1")


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, row: Make) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(LocalError, match="pip install matplotlib") as error:
        plot([row(0)])
    assert error.value.code == "package_missing"


def test_matplotlib_draws_both(row: Make) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    loss, accuracy = plot([row(0), row(1, test_loss=0.125)])
    assert [line.get_label() for line in loss.lines] == ["train", "test"]
    assert list(loss.lines[1].get_ydata()) == [0.25, 0.125]
    assert accuracy.get_ylabel() == "accuracy"
    matplotlib.pyplot.close("all")
