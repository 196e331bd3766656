"""Evaluations of jobs over HTTP."""

import csv
import json
from contextlib import closing
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.datastructures import QueryParams

from api import schemas
from api.service import evaluations
from api.service.evaluations import Evaluations
from api.service.request_costs import COSTS, EXPENSIVE
from models import Database
from storage import Storage
from tests.api.picture_data import pets, predictions_on, store_ready
from tests.training.evaluation.made import predictions as made_predictions
from training.images.predictions import Predictions

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

PARTS = ("evaluation", "confusion", "confusion.csv", "confusion.svg", "reliability.svg", "mistakes.png")


@pytest.fixture
def predictions(database: Database, storage: Storage) -> Predictions:
    """On 60 test images."""
    return predictions_on(store_ready(database, storage, pets(("cat", "dog", "=bee"), each=40)))


@pytest.fixture
def job(stage: "Stage", predictions: Predictions) -> str:
    """The address of one that has succeeded."""
    return f"/v1/jobs/{evaluated(stage, predictions.to_bytes())}"


def evaluated(stage: "Stage", predictions: bytes | None, **submitted: Any) -> str:
    job_id = stage.submit(**{"name": "mine", "dataset": "pets", **submitted})
    stage.succeed(stage.start(job_id), predictions=predictions)
    return job_id


def problem(client: TestClient, url: str, status: int) -> Any:
    answer = client.get(url)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_evaluation_says_what_the_predictions_say(client: TestClient, job: str, predictions: Predictions) -> None:
    answer = client.get(f"{job}/evaluation")
    found = schemas.Evaluation.model_validate_json(answer.content)

    taken = predictions.probabilities.argmax(1)
    assert answer.headers["content-type"] == "application/json"
    assert found.images == 60
    assert found.accuracy == pytest.approx(float((taken == predictions.labels).mean()))
    assert found.accuracy_interval.low < found.accuracy < found.accuracy_interval.high
    assert [each.name for each in found.classes] == ["=bee", "cat", "dog"]
    assert found.calibration is not None
    assert (found.calibration.fitted_on, found.calibration.cross_fitted) == ("test", True)
    worst = int(max(np.flatnonzero(taken != predictions.labels), key=lambda row: predictions.probabilities[row].max()))
    assert found.mistakes[0].index == worst
    assert found.mistakes[0].label == found.classes[int(predictions.labels[worst])].name
    shown = client.get(f"/v1/datasets/pets/versions/1/images/{found.mistakes[0].image}")
    assert shown.headers["content-type"] == "image/png"


def test_the_confusion_matrix_as_json_as_csv_and_as_a_picture(
    client: TestClient, job: str, predictions: Predictions
) -> None:
    found = schemas.Confusion.model_validate_json(client.get(f"{job}/confusion").content)
    table = client.get(f"{job}/confusion.csv")
    picture = client.get(f"{job}/confusion.svg")

    assert found.matrix is not None
    taken = predictions.probabilities.argmax(1)
    assert found.matrix == [
        [int(((predictions.labels == label) & (taken == column)).sum()) for column in range(3)] for label in range(3)
    ]
    assert [pair.images for pair in found.pairs] == sorted((pair.images for pair in found.pairs), reverse=True)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(StringIO(table.text)))
    assert rows[0] == ["label", "'=bee", "cat", "dog"]  # no formula to a spreadsheet
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == found.matrix
    assert picture.headers["content-type"] == "image/svg+xml"
    texts = [each.text or "" for each in ElementTree.fromstring(picture.content).iter() if each.tag.endswith("text")]
    assert texts[0] == "mine · resnet18 on pets"
    assert f"{found.pairs[0].label} → {found.pairs[0].predicted}" in texts
    assert ElementTree.fromstring(client.get(f"{job}/reliability.svg").content).tag.endswith("svg")


def test_the_most_confident_mistakes_are_on_the_sheet(client: TestClient, job: str) -> None:
    answer = client.get(f"{job}/mistakes.png")
    assert answer.headers["content-type"] == "image/png"
    sheet = Image.open(BytesIO(answer.content)).convert("RGB")

    first = client.get(f"{job}/evaluation").json()["mistakes"][0]["image"]
    image = Image.open(BytesIO(client.get(f"/v1/datasets/pets/versions/1/images/{first}").content)).convert("RGB")
    enlarged = np.asarray(image).repeat(11, 0).repeat(11, 1)
    assert np.array_equal(np.asarray(sheet)[88 : 88 + 176, 24 : 24 + 176], enlarged)


@pytest.mark.parametrize("part", PARTS)
def test_it_has_a_tag_of_its_content_and_is_known_by_it(client: TestClient, job: str, part: str) -> None:
    first = client.get(f"{job}/{part}")
    known = client.get(f"{job}/{part}", headers={"If-None-Match": first.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert client.get(f"{job}/{part}", headers={"If-Match": '"another"'}).status_code == 412
    assert client.get(f"{job}/{part}").content == first.content


def test_a_job_without_predictions_has_none_and_says_why(client: TestClient, stage: "Stage") -> None:
    running, without = stage.submit(), evaluated(stage, None, dataset="digits")
    for job_id in (running, without):
        for part in PARTS:
            told = problem(client, f"/v1/jobs/{job_id}/{part}", 404)
            assert told["code"] == "predictions_not_found"
            assert "64 MiB" in told["detail"]


def test_images_of_a_shipped_data_set_are_on_the_workers_alone(
    client: TestClient, stage: "Stage", predictions: Predictions
) -> None:
    job_id = evaluated(stage, predictions.to_bytes(), dataset="digits")
    assert client.get(f"/v1/jobs/{job_id}/evaluation").status_code == 200
    told = problem(client, f"/v1/jobs/{job_id}/mistakes.png", 409)
    assert (told["code"], "/evaluations" in told["detail"]) == ("not_evaluable", True)


def test_what_is_damaged_is_told_and_nobody_else_waits_for_a_new_process(
    client: TestClient, stage: "Stage", job: str
) -> None:
    damaged = evaluated(stage, b"no predictions")
    assert "damaged" in problem(client, f"/v1/jobs/{damaged}/evaluation", 409)["detail"]
    assert client.get(f"{job}/evaluation").status_code == 200


def test_a_process_that_is_killed_is_begun_anew(storage: Storage) -> None:
    one, other = (
        storage.put(name, made_predictions(10, 3, seed=seed).to_bytes()) for seed, name in enumerate(("one", "other"))
    )
    with closing(Evaluations(storage)) as made:
        assert made.of_predictions(one)
        program = made._process._process
        assert program
        program.kill()
        program.wait()
        assert json.loads(made.of_predictions(other))["images"] == 10


def test_predictions_that_are_too_large_are_not_read(
    client: TestClient, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluations, "LARGEST_FILE", 1000)
    assert "download them" in problem(client, f"{job}/evaluation", 409)["detail"]


def test_nobody_else_sees_it(
    guarded: TestClient, tenants: "Tenants", stage: "Stage", database: Database, storage: Storage
) -> None:
    found = predictions_on(store_ready(database, storage, pets(), project="first"))
    job_id = evaluated(stage, found.to_bytes(), project="first")
    for part in PARTS:
        mine, theirs = (
            guarded.get(f"/v1/jobs/{job_id}/{part}", headers=tenants.header(each)) for each in ("first", "second")
        )
        assert (mine.status_code, theirs.status_code) == (200, 404), part
        assert "pets" not in theirs.text


def test_each_of_them_is_dear() -> None:
    operations = ["get_evaluation", "get_confusion", "get_confusion_csv", "get_confusion_svg", "get_reliability_svg"]
    assert all(COSTS[each](QueryParams("")) >= EXPENSIVE for each in [*operations, "get_mistakes_png"])
