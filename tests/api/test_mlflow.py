"""Export to MLflow: what its own client sends to a server, once, again and where the server is not as it should be."""

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.reading import mlflow_export
from api.service import mlflow_program
from api.service.mlflow_messages import ExportAnswer, ExportOrder
from settings import Settings
from tests.api.sending import refused
from tests.stage import Stage

API = "/api/2.0/mlflow/"
SECRET = "hunter2-secret"


class Tracking:
    """What a tracking server keeps, as far as the export asks for it."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.credentials: set[str | None] = set()
        self.status = 200
        self.most_metrics = 0

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        call = path.partition("?")[0].removeprefix(API)
        self.calls[call] += 1
        if self.status != 200:
            return self.status, {"error_code": "PERMISSION_DENIED", "message": f"not {SECRET}"}
        match call:
            case "experiments/get-by-name":
                name = body["experiment_name"]
                if name not in self.experiments:
                    return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}
                found = {"experiment_id": self.experiments[name], "name": name, "lifecycle_stage": "active"}
                return 200, {"experiment": found}
            case "experiments/create":
                self.experiments[body["name"]] = str(len(self.experiments) + 1)
                return 200, {"experiment_id": self.experiments[body["name"]]}
            case "runs/search":
                job = body["filter"].split("'")[1]
                return 200, {"runs": [run for run in map(self.run, self.runs) if self.tag(run, "epochal.job") == job]}
            case "runs/create":
                run_id = f"run{len(self.runs) + 1}"
                self.runs[run_id] = {"info": body, "params": {}, "metrics": [], "tags": {}}
                self.runs[run_id]["tags"] = {tag["key"]: tag["value"] for tag in body["tags"]}
                return 200, {"run": self.run(run_id)}
            case "runs/log-batch":
                kept = self.runs[body["run_id"]]
                self.most_metrics = max(self.most_metrics, len(body.get("metrics", ())))
                assert len(body.get("params", ())) <= 100
                kept["metrics"] += body.get("metrics", ())
                for each in body.get("params", ()):
                    assert kept["params"].setdefault(each["key"], each["value"]) == each["value"]
                kept["tags"] |= {each["key"]: each["value"] for each in body.get("tags", ())}
                return 200, {}
            case "runs/update":
                self.runs[body["run_id"]]["info"] |= body
                return 200, {"run_info": self.run(body["run_id"])["info"]}
            case "runs/get":
                return 200, {"run": self.run(body["run_id"])}
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": call}

    def run(self, run_id: str) -> dict[str, Any]:
        kept = self.runs[run_id]
        info = {"run_id": run_id, "run_uuid": run_id, "experiment_id": "1", "status": "RUNNING", "start_time": 1}
        pairs = {name: [{"key": key, "value": each} for key, each in kept[name].items()] for name in ("params", "tags")}
        return {"info": info, "data": {**pairs, "metrics": []}}

    @staticmethod
    def tag(run: dict[str, Any], key: str) -> str | None:
        return next((tag["value"] for tag in run["data"]["tags"] if tag["key"] == key), None)


@pytest.fixture
def tracking() -> Tracking:
    return Tracking()


@pytest.fixture
def server(tracking: Tracking) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(content) if content else {}
            if "?" in self.path:
                from urllib.parse import parse_qsl

                body |= dict(parse_qsl(self.path.partition("?")[2]))
            tracking.credentials.add(self.headers.get("Authorization"))
            status, answer = tracking.answer(self.path, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://name:{SECRET}@127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def exporting(settings: Settings, uri: str | None) -> Iterator[TestClient]:
    with TestClient(
        create_app(settings.model_copy(update={"mlflow_tracking_uri": SecretStr(uri) if uri else None})),
        "http://127.0.0.1",
    ) as client:
        yield client


@pytest.fixture
def client(settings: Settings, server: str) -> Iterator[TestClient]:
    yield from exporting(settings, server)


def here(order: ExportOrder) -> ExportAnswer:
    with (
        patch.dict(os.environ),
        patch.object(sys, "stdin", StringIO(json.dumps(asdict(order)))),
        patch.object(sys, "stdout", StringIO()) as answers,
    ):
        mlflow_program.main()
    return ExportAnswer(**json.loads(answers.getvalue()))


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a process that imports MLflow each time, which takes seconds."""
    monkeypatch.setattr(mlflow_export, "carried_out", here)


@pytest.mark.usefixtures("in_this_process")
def test_a_job_becomes_a_run_and_is_not_made_twice(client: TestClient, tracking: Tracking, stage: Stage) -> None:
    job_id = stage.submit(name="baseline", tags=["thesis"])
    claim = stage.start(job_id)
    for epoch in range(3):
        stage.epoch(claim, epoch, test_accuracy=0.1 * epoch)
    first = client.post(f"/v1/jobs/{job_id}/export/mlflow")
    assert first.json() == {"experiment": "epochal/default", "run_id": "run1", "is_new": True, "epochs_sent": 3}
    assert SECRET not in first.text
    run = tracking.runs["run1"]
    assert (run["info"]["status"], run["tags"]["mlflow.runName"]) == ("RUNNING", "baseline")
    assert run["tags"] | {"epochal.job": job_id, "epochal.tags": "thesis", "epochal.status": "running"} == run["tags"]
    assert run["params"] | {"optimizer.name": "sgd", "epochs": "5", "deterministic": "false"} == run["params"]
    curve = [(each["step"], each["value"]) for each in run["metrics"] if each["key"] == "test_accuracy"]
    assert curve == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert tracking.credentials == {"Basic bmFtZTpodW50ZXIyLXNlY3JldA=="}

    stage.epoch(claim, 3, test_accuracy=0.5)
    stage.succeed(claim)
    again = client.post(f"/v1/jobs/{job_id}/export/mlflow")
    assert again.json() == {"experiment": "epochal/default", "run_id": "run1", "is_new": False, "epochs_sent": 1}
    assert list(tracking.runs) == ["run1"]
    steps = [each["step"] for each in run["metrics"] if each["key"] == "test_accuracy"]
    assert steps == [0, 1, 2, 3]
    assert run["info"]["status"] == "FINISHED"
    assert int(run["info"]["end_time"]) > 0


@pytest.mark.usefixtures("in_this_process")
def test_a_server_that_refuses_or_is_not_there_is_told_without_its_address(
    settings: Settings, server: str, tracking: Tracking, stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    path = f"/v1/jobs/{stage.submit()}/export/mlflow"
    tracking.status = 403
    away = f"http://name:{SECRET}@127.0.0.1:9"
    for uri, status, code in ((server, 502, "mlflow_refused"), (away, 503, "mlflow_unavailable")):
        for client in exporting(settings, uri):
            answer = client.post(path)
            refused(answer, status, code)
            assert SECRET not in answer.text
            assert "127.0.0.1" not in answer.text
            refused(client.post("/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/export/mlflow"), 404, "job_not_found")
    written = "".join(capfd.readouterr())
    assert SECRET not in written


def test_without_a_server_it_says_what_the_operator_does(settings: Settings, stage: Stage) -> None:
    path = f"/v1/jobs/{stage.submit()}/export/mlflow"
    for client in exporting(settings, None):
        refused(client.post(path), 409, "mlflow_not_set", "EPOCHAL_MLFLOW_TRACKING_URI")
        refused(client.post(path, json={"tracking_uri": "http://elsewhere"}), 422, "invalid_request")


def test_a_server_that_hangs_is_given_up(
    settings: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setattr(mlflow_export, "SECONDS", 0.01)
    for client in exporting(settings, server):
        refused(client.post(f"/v1/jobs/{stage.submit()}/export/mlflow"), 503, "mlflow_unavailable")
        assert client.post(f"/v1/jobs/{stage.submit()}/export/mlflow").headers["retry-after"]


@pytest.mark.usefixtures("in_this_process")
def test_pages_are_as_large_as_a_server_takes_them(
    client: TestClient, tracking: Tracking, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_program, "MOST_METRICS", 20)
    job_id = stage.submit(epochs=10)
    claim = stage.start(job_id)
    for epoch in range(10):
        stage.epoch(claim, epoch)
    assert client.post(f"/v1/jobs/{job_id}/export/mlflow").json()["epochs_sent"] == 10
    run = tracking.runs["run1"]
    assert tracking.most_metrics <= 20
    assert run["tags"]["epochal.exported_epochs"] == "10"
    assert sorted(int(each["step"]) for each in run["metrics"] if each["key"] == "train_loss") == list(range(10))


@pytest.mark.long
def test_the_program_is_a_process_of_its_own(client: TestClient, tracking: Tracking, stage: Stage) -> None:
    job_id = stage.submit()
    stage.epoch(stage.start(job_id), 0)
    assert client.post(f"/v1/jobs/{job_id}/export/mlflow").json()["epochs_sent"] == 1
    assert list(tracking.runs) == ["run1"]
