"""The picture of a run."""

import math
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from subprocess import run
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.http.errors import CurvesNotDrawn
from api.service.curve_renderer import CurveRenderer
from api.views import curves
from api.views.curve_data import CurveData
from api.views.picture_requests import pack, unpack
from api.views.translate import curve_data
from jobs.queries import JobDetails
from models import Epoch, Job
from training.spec import TrainingSpec

if TYPE_CHECKING:
    from tests.stage import Stage

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a <b>&amp;</b> "$x^2$ --> \\frac ]]> 訓練 \ufffe😀' + "é" * 100
COLOUR_OF_VALIDATION = str(curves.VALIDATION["color"]).lower().encode()
FORMS: tuple[Literal["svg", "png"], ...] = ("svg", "png")


def record(epochs: Sequence[Epoch], name: str = "first") -> JobDetails:
    spec = TrainingSpec(dataset="digits", epochs=max(len(epochs), 3))
    job = Job(id="job_01kasm2pbk5s9d0w3g6vq8zrhf", name=name, spec=spec.model_dump(mode="json"))
    best = max(epochs, key=lambda epoch: accuracy_of(epoch), default=None)
    return JobDetails(job, latest=epochs[-1] if epochs else None, best=best, queue=None)


def accuracy_of(epoch: Epoch) -> float:
    accuracy = epoch.test_accuracy if epoch.validation_accuracy is None else epoch.validation_accuracy
    return -1 if accuracy is None or math.isnan(accuracy) else accuracy


def rows(losses: Sequence[float]) -> list[Epoch]:
    return [
        Epoch(epoch=number, train_loss=loss, test_loss=loss, train_accuracy=0.5, test_accuracy=min(loss, 1))
        for number, loss in enumerate(losses)
    ]


def text_of(svg: bytes) -> str:
    return "\n".join(element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize(("form", "media_type"), [("svg", "image/svg+xml"), ("png", "image/png")])
def test_picture(client: TestClient, stage: "Stage", form: str, media_type: str) -> None:
    job_id = stage.submit(name=HOSTILE.replace("\ufffe", ""))
    claim = stage.start(job_id)
    for epoch in range(3):
        stage.epoch(claim, epoch)
    answer = client.get(f"/v1/jobs/{job_id}/curves.{form}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content == client.get(f"/v1/jobs/{job_id}/curves.{form}").content


def test_svg_says_what_it_shows() -> None:
    epochs = rows([0.9, 0.7, 0.8])
    text = text_of(curves.draw(curve_data(record(epochs), epochs), "svg"))
    for said in ("first", "resnet18 on digits", "3 of 3 epochs", "Loss", "Accuracy", "train", "test", "epoch"):
        assert said in text
    assert "best: 90.00% on test, epoch 0" in text


def test_a_validation_split_has_a_curve_and_chooses_the_best_epoch() -> None:
    epochs = rows([0.9, 0.7, 0.8])
    without = curves.draw(curve_data(record(epochs), epochs), "svg")
    assert "validation" not in text_of(without)
    for epoch in epochs:
        epoch.validation_loss, epoch.validation_accuracy = 0.5, 0.1 + 0.1 * epoch.epoch
    svg = curves.draw(curve_data(record(epochs), epochs), "svg")
    assert "best: 30.00% on validation, epoch 2" in text_of(svg)
    assert text_of(svg).splitlines().count("validation") == 2  # one legend each
    assert svg.count(COLOUR_OF_VALIDATION) > 2


def test_epochs_that_are_not_evaluated_are_gaps() -> None:
    every, some = rows([0.5] * 9), rows([0.5] * 9)
    for epoch in some:
        if epoch.epoch % 4:
            epoch.test_loss = epoch.test_accuracy = None
    dots = [
        curves.draw(curve_data(replace(record(each), best=None), each), "svg").count(b"<use") for each in (every, some)
    ]
    assert dots[0] - dots[1] == 2 * 6  # of nine epochs three were evaluated, in two pictures


def test_svg_escapes_the_name() -> None:
    epochs = rows([0.9])
    root = ElementTree.fromstring(curves.draw(curve_data(record(epochs, HOSTILE), epochs), "svg"))
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == HOSTILE.replace("\ufffe", "\ufffd")
    assert 'a <b>&amp;</b> "$x^2$ --> \\frac ]]> ��' in "".join(root.itertext())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "losses",
    [
        [],
        [0.5],
        [math.nan],
        [math.nan, math.nan],
        [0.5, math.nan, 0.4, math.nan],
        [math.inf, 0.5, -math.inf],
        [1e308, 0.1],
        [0.0, 0.0],
        [0.1] * 300,
    ],
    ids=lambda losses: f"{len(losses)} epochs",
)
def test_any_run_can_be_drawn(losses: Sequence[float], form: Literal["svg", "png"]) -> None:
    epochs = rows(losses)
    picture = curves.draw(curve_data(record(epochs), epochs), form)
    if form == "png":
        assert Image.open(BytesIO(picture)).size == (1650, 720)
    else:
        assert ("no epoch is finished yet" in text_of(picture)) == (not losses)


def test_value_between_gaps_is_seen() -> None:
    """With more epochs than dots are drawn for, a line of one point alone would be nothing."""
    gaps = [math.nan] * 100
    with_one = rows([*gaps[:50], 0.5, *gaps[51:]])
    without = rows(gaps)
    unmarked = replace(record(without), best=None)
    dots = [curves.draw(curve_data(unmarked, epochs), "svg").count(b"<use") for epochs in (with_one, without)]
    assert dots[0] > dots[1]


def test_pictures_are_drawn_alike_in_the_process_for_it_and_for_several_at_once() -> None:
    drawn = curve_data(record(rows([0.5, 0.4])), rows([0.5, 0.4]))
    renderer = CurveRenderer()
    with ThreadPoolExecutor(4) as pool, closing(renderer):
        curve_cache = list(pool.map(lambda _: renderer.draw(drawn, "svg"), range(4)))
    assert set(curve_cache) == {curves.draw(drawn, "svg")}


def test_what_is_drawn_from_comes_out_as_it_went_in() -> None:
    measured = rows([0.5, math.inf, 0.25])
    drawn = curve_data(record(measured, HOSTILE), measured)
    assert unpack(pack(drawn, "png")) == (drawn, "png")
    unmeasured = rows([math.nan])
    data, _ = unpack(pack(curve_data(record(unmeasured), unmeasured), "svg"))
    assert isinstance(data, CurveData)
    (point,) = data.epochs
    assert math.isnan(point.train_loss or 0)


def test_drawing_imports_nothing_of_the_service() -> None:
    """It would cost the process that draws as much again to start, and memory for as long as it is there."""
    told = "import sys; import api.views.drawing; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    imported = run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "fastapi", "pydantic", "jobs", "models", "training"} & {*imported}


def test_after_the_process_was_killed_another_draws() -> None:
    drawn = curve_data(record([]), [])
    with closing(CurveRenderer()) as renderer:
        first = renderer.draw(drawn, "svg")
        drawing = renderer._process._process
        assert drawing
        drawing.kill()
        drawing.wait()
        assert renderer.draw(drawn, "svg") == first


def test_where_none_can_be_started_curves_are_not_drawn_until_one_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    drawn = curve_data(record([]), [])
    with closing(CurveRenderer()) as renderer:
        with monkeypatch.context() as without, pytest.raises(CurvesNotDrawn):
            without.setattr("api.service.drawing_process.subprocess.Popen", refuse)
            renderer.draw(drawn, "svg")
        assert renderer.draw(drawn, "svg")
