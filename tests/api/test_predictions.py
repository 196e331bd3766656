"""Predictions over HTTP: what bodies are taken, what is answered, and who may ask."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.prediction_app import create_prediction_app
from catalog.trained.file_names import EVALUATION
from jobs import trained_models
from models import Database, TrainedModel
from settings import Settings
from storage import Storage
from tests.api.conftest import LocalClient, Tenants
from tests.api.serving import served
from tests.api.test_models import assert_problem, model_of, name, point, trained
from tests.serving.onnx_models import colour_network

if TYPE_CHECKING:
    from tests.stage import Stage

COLOURS = ("red", "green", "blue")
JSON = {"Content-Type": "application/json"}


def picture(colour: str = "red", form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(content, form)
    return content.getvalue()


def exported(
    stage: "Stage", *, turned: bool = False, project: str = "default", calibrated: bool = False, width: int = 0
) -> str:
    """The id of a trained model that tells colours; `turned`: by the wrong names. `width`: how slow it is."""
    job_id = stage.submit(project=project)
    claim = stage.start(job_id)
    stage.succeed(claim, classes=COLOURS[::-1] if turned else COLOURS)
    prefix = f"{job_id}/attempt-0001"
    file = stage.storage.put(f"{prefix}/model.onnx", colour_network(32, width=width))
    with stage.database.session() as session:
        [model] = [row for row in session.query(TrainedModel) if row.job_id == job_id]
        files = [{"name": "model.onnx", "file": as_stored(file)}]
        if calibrated:
            evaluation = stage.storage.put(f"{prefix}/evaluation.json", b"{}")
            facts = {"calibration": {"temperature": 10.0, "fitted_on": "validation", "images": 9}}
            files.append({"name": EVALUATION, "file": as_stored(evaluation), "facts": facts})
        model.files = [*model.files, *files]
        return model.id


def as_stored(file: Any) -> dict[str, Any]:
    return {"name": file.name, "size_bytes": file.size_bytes, "sha256": file.sha256}


def first_labels(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["labels"][0]["label"] for each in answer.json()["predictions"]]


def predict(client: Any, reference: str, *pictures: bytes, query: str = "", **options: Any) -> Any:
    files = [("image", (f"{number}.png", content)) for number, content in enumerate(pictures)]
    return client.post(f"/v1/models/{reference}/predict{query}", files=files, **options)


def test_every_kind_of_body_gets_its_answers_in_order(client: TestClient, stage: "Stage") -> None:
    model = exported(stage)
    address = f"/v1/models/{model}/predict"
    pictures = [picture("blue"), picture("red"), picture("lime")]
    answer = predict(client, model, *pictures)
    assert first_labels(answer) == ["blue", "red", "green"]
    assert answer.json()["model"]["id"] == model
    assert (answer.json()["calibrated"], answer.json()["temperature"]) == (False, None)
    for form in ("PNG", "JPEG", "WEBP"):
        raw = client.post(address, content=picture("blue", form), headers={"Content-Type": f"image/{form.lower()}"})
        assert first_labels(raw) == ["blue"]
    encoded = [b64encode(each).decode() for each in pictures]
    encoded[1] = f"data:image/png;base64,{encoded[1]}"
    assert first_labels(client.post(address, json={"images": encoded})) == ["blue", "red", "green"]


def test_options_and_calibration(client: TestClient, stage: "Stage") -> None:
    model = exported(stage, calibrated=True)
    answer = predict(client, model, picture(), b"no picture", query="?top=2&explain=true").json()
    assert (answer["calibrated"], answer["temperature"]) == (True, 10.0)
    good, bad = answer["predictions"]
    assert [each["label"] for each in good["labels"]] == ["red", "green"]
    assert good["labels"][0]["probability"] == pytest.approx(np.e / (np.e + 2))
    assert Image.open(io.BytesIO(b64decode(good["activation_map"]))).size == (40, 30)
    assert (bad["labels"], bad["activation_map"]) == ([], None)
    assert bad["error"].startswith("it is")
    many = predict(client, model, *[picture()] * 17, query="?explain=true")
    assert_problem(many, 413, "body_too_large")  # 256 large ones would be a gigabyte of answer
    assert "16 images" in many.json()["detail"]
    for query in ("?top=0", "?top=101", "?explain=perhaps", "?tops=1"):
        assert_problem(predict(client, model, picture(), query=query), 422, "invalid_request")


def test_what_is_no_body_of_pictures(client: TestClient, stage: "Stage") -> None:
    model = exported(stage)
    address = f"/v1/models/{model}/predict"
    assert_problem(
        client.post(address, content=b"x", headers={"Content-Type": "text/plain"}), 415, "unsupported_media_type"
    )
    assert_problem(client.post(address), 415, "unsupported_media_type")
    assert_problem(client.post(address, headers={"Content-Type": "image/png"}), 400, "malformed_body")
    assert_problem(client.post(address, data={"top": "3"}, files={"image": picture()}), 400, "malformed_body")
    bodies: list[Any] = [{}, {"images": []}, {"images": ["%%%"]}, {"images": [1]}, {"images": ["aaaa"], "top": 3}, [1]]
    for body in bodies:
        assert_problem(client.post(address, json=body), 422, "invalid_request")
    wrong = client.post(address, json={"images": [b64encode(picture()).decode(), "?"]}).json()
    assert wrong["errors"][0]["pointer"] == "#/images/1"
    many = client.post(address, json={"images": ["aaaa"] * 257})
    assert_problem(many, 413, "body_too_large")
    assert "256 images" in many.json()["detail"]
    cut_off = client.post(address, content=b'{"images":[' + b"[]," * 4000, headers=JSON)
    assert_problem(cut_off, 422, "invalid_request")  # before a parser makes half a gigabyte of 16 MiB of these
    large = client.post(address, content=bytes(16 * 2**20 + 1), headers={"Content-Type": "image/png"})
    assert_problem(large, 413, "body_too_large")
    assert "16 MiB" in large.json()["detail"]
    pieces = (bytes(2**20) for _ in range(17))  # without a Content-Length
    assert_problem(client.post(address, content=pieces, headers={"Content-Type": "image/png"}), 413, "body_too_large")
    key = {"Content-Type": "image/png", "Idempotency-Key": "k"}
    assert_problem(client.post(address, content=picture(), headers=key), 422, "invalid_request")


def test_model_without_an_export_says_how_to_make_one(client: TestClient, stage: "Stage") -> None:
    model = model_of(client, trained(stage))["id"]
    answer = predict(client, model, picture())
    assert_problem(answer, 409, "model_not_exported")
    assert answer.json()["hint"].startswith(f"POST /v1/models/{model}/exports")
    assert_problem(predict(client, "mdl_01kasm2pbk5s9d0w3g6vq8zrhf", picture()), 404, "model_not_found")


def test_model_whose_file_is_damaged_or_away(client: TestClient, stage: "Stage", storage: Storage) -> None:
    model = exported(stage)
    with stage.database.session() as session:
        row = session.get(TrainedModel, model)
        assert row is not None
        stored = trained_models.file_of(row, "model.onnx").name
    storage.delete([stored])
    assert_problem(predict(client, model, picture()), 503, "model_unavailable")
    storage.put(stored, b"another")
    assert_problem(predict(client, model, picture()), 409, "model_unusable")


def test_alias_that_moves_under_load_is_one_model_or_the_other(live: httpx2.Client, stage: "Stage") -> None:
    right, turned = exported(stage), exported(stage, turned=True)
    for model in (right, turned):
        name(live, "colours", model)
    point(live, "colours@production", 1)
    is_over, seen = threading.Event(), set[tuple[str, tuple[str, ...]]]()

    def ask() -> None:
        while not is_over.is_set():
            answer = predict(live, "colours@production", picture("red"), picture("blue"))
            seen.add((answer.json()["model"]["id"], tuple(first_labels(answer))))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for move in range(20):
        point(live, "colours@production", 2 - move % 2)
    is_over.set()
    for asker in askers:
        asker.join()
    assert seen == {(right, ("red", "blue")), (turned, ("blue", "red"))}


def test_foreign_models_are_not_there_and_a_key_that_reads_may_ask(
    guarded: TestClient, stage: "Stage", tenants: Tenants
) -> None:
    model = exported(stage, project="first")
    for reference in (model, "colours", "colours@1"):
        if reference == "colours":
            guarded.put("/v1/models/colours/versions", json={"model": model}, headers=tenants.header("first", "train"))
        mine = predict(guarded, reference, picture(), headers=tenants.header("first", "read"))
        assert first_labels(mine) == ["red"]
        foreign = predict(guarded, reference, picture(), headers=tenants.header("second", "admin"))
        assert_problem(foreign, 404, "model_not_found")
        for path in ("", "/ready", "/infer"):
            ask = guarded.post if path == "/infer" else guarded.get
            answer = ask(f"/v2/models/{reference}{path}", headers=tenants.header("second", "admin"))
            assert answer.status_code == 404
            assert answer.json().keys() == {"error"}
    assert_problem(predict(guarded, model, picture()), 401, "key_missing")
    assert guarded.get(f"/v2/models/{model}").status_code == 401


def test_what_predictions_did_is_measured(client: TestClient, stage: "Stage") -> None:
    predict(client, exported(stage), picture(), picture(), b"no picture")
    text = client.get("/metrics").text
    for line in (
        'epochal_prediction_images_total{outcome="predicted"} 2.0',
        'epochal_prediction_images_total{outcome="refused"} 1.0',
        'epochal_prediction_requests_total{outcome="answered"} 1.0',
        "epochal_prediction_duration_seconds_count 1.0",
        "epochal_prediction_loaded_models 1.0",
    ):
        assert line in text


def test_what_a_client_that_has_left_asked_for_is_dropped(live: httpx2.Client, stage: "Stage") -> None:
    model = exported(stage, width=20_000)  # some 20 ms an image
    with pytest.raises(httpx2.TimeoutException):
        predict(live, model, *[picture()] * 256, timeout=1.0)
    left, deadline = 256.0, time.monotonic() + 3
    while left and time.monotonic() < deadline:
        [left] = map(
            float, re.findall(r"^epochal_prediction_waiting_images (\S+)$", live.get("/metrics").text, re.MULTILINE)
        )
    [predicted] = re.findall(r'outcome="predicted"} (\S+)', live.get("/metrics").text)
    assert left == 0
    assert float(predicted) < 256


class TestProcessOfItsOwn:
    """`python -m serving`, and an API that passes predictions on to it."""

    @pytest.fixture
    def address(self, settings: Settings, tenants: Tenants) -> Iterator[str]:
        with served(create_prediction_app(settings.model_copy(update={"require_keys": True}))) as (host, port):
            yield f"http://{host}:{port}"

    def test_it_predicts_and_does_nothing_else(self, address: str, stage: "Stage", tenants: Tenants) -> None:
        model = exported(stage, project="first")
        with httpx2.Client(base_url=address) as client:
            reader = tenants.header("first", "read")
            assert first_labels(predict(client, model, picture("blue"), headers=reader)) == ["blue"]
            foreign = predict(client, model, picture(), headers=tenants.header("second"))
            assert_problem(foreign, 404, "model_not_found")
            assert_problem(predict(client, model, picture()), 401, "key_missing")
            assert client.get("/livez").status_code == client.get("/v2/health/ready").status_code == 200
            assert "epochal_prediction_images_total" in client.get("/metrics", headers=tenants.as_operator).text
            assert_problem(client.get("/v1/jobs", headers=reader), 404, "route_not_found")

    def test_the_api_passes_on(self, address: str, settings: Settings, stage: "Stage", tenants: Tenants) -> None:
        model = exported(stage, project="first")
        passing = settings.model_copy(update={"require_keys": True, "serving_url": address})
        with LocalClient(create_app(passing)) as client:
            reader = tenants.header("first", "read")
            answer = predict(client, model, picture(), b"x", headers=reader, query="?top=1")
            assert [len(each["labels"]) for each in answer.json()["predictions"]] == [1, 0]
            assert_problem(predict(client, "cats", picture(), headers=reader), 404, "model_not_found")
            pixels = {"name": "images", "datatype": "UINT8", "shape": [1, 32, 32, 3], "data": [255] * 3072}
            inferred = client.post(f"/v2/models/{model}/infer", json={"inputs": [pixels]}, headers=reader)
            assert inferred.json()["outputs"][0]["data"] == pytest.approx([10] * 3)
            assert "epochal_prediction" not in client.get("/metrics", headers=tenants.as_operator).text

    def test_a_process_that_is_away_is_told(self, settings: Settings, stage: "Stage", database: Database) -> None:
        model = exported(stage)
        passing = settings.model_copy(update={"serving_url": "http://127.0.0.1:9"})
        with LocalClient(create_app(passing)) as client:
            assert_problem(predict(client, model, picture()), 503, "predictions_unavailable")
            assert client.get(f"/v1/models/{model}").status_code == 200

    def test_the_program_starts_and_ends_without_a_word(self, settings: Settings, stage: "Stage") -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            program = subprocess.Popen(
                [sys.executable, "-m", "serving", "--fd", str(listening.fileno())],
                cwd=Path(__file__).parents[2],
                env={
                    **os.environ,
                    "EPOCHAL_DATABASE_URL": settings.database_url.get_secret_value(),
                    "EPOCHAL_DATA_DIR": str(settings.data_dir),
                    "EPOCHAL_LOG_LEVEL": "warning",
                },
                pass_fds=[listening.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            host, port = listening.getsockname()
            with httpx2.Client(base_url=f"http://{host}:{port}", timeout=60) as client:  # the socket takes it meanwhile
                assert first_labels(predict(client, exported(stage), picture("blue"))) == ["blue"]
            program.terminate()
            said, _ = program.communicate(timeout=30)
        assert (program.returncode, said) == (-signal.SIGTERM, b"")  # uvicorn ends by the signal, once it is done
