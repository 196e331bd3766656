"""The SDK's types are those of the API: generated from its document, and able to read what it answers."""

import dataclasses
import json
import math
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import epochal.types
from api.app import create_app
from epochal.decoding import decode
from epochal.records import Record
from models import Database
from settings import Settings
from storage import Storage
from tests.api.conftest import LocalClient
from tests.api.evaluated import settle
from tests.api.picture_data import indexed, pets, predictions_on, store_ready
from training.images.packs import ImageIndex

if TYPE_CHECKING:
    from tests.stage import Stage

SPEC = {"dataset": "digits", "recipe": "standard", "optimizer": "adam", "augmentation": {"policy": "randaugment"}}
CLIENT = Path(__file__).parents[2] / "client"
RUFF = Path(sys.executable).with_name("ruff")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("document")
    settings = Settings.model_validate({"redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder})
    return create_app(settings).openapi()


def test_the_types_are_those_that_are_generated(document: dict[str, Any], tmp_path: Path) -> None:
    generate = [sys.executable, "-m", "typegen", str(tmp_path)]
    subprocess.run(generate, cwd=CLIENT, input=json.dumps(document), text=True, check=True, timeout=60)
    settings = ["--quiet", "--config", str(CLIENT.parent / "pyproject.toml"), str(tmp_path)]
    subprocess.run([RUFF, "check", "--fix", "--select", "I", *settings], check=True, timeout=60)
    subprocess.run([RUFF, "format", *settings], check=True, timeout=60)
    generated = {path.name: path.read_text() for path in tmp_path.glob("*.py")}
    committed = {path.name: path.read_text() for path in (CLIENT / "epochal/types").glob("*.py")}
    assert generated.keys() == committed.keys(), "run: make sdk"
    for name, text in generated.items():
        assert text == committed[name], f"types/{name} is not of this API: run: make sdk"


def _schemas(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema but pages, which are generic, and any JSON; by the name of its class."""
    for name, schema in document["components"]["schemas"].items():
        if schema and not name.startswith("Page_"):
            yield name.removesuffix("-Output").replace("-", ""), schema


def test_every_schema_is_known_and_nothing_else(document: dict[str, Any]) -> None:
    schemas = {name for name, _ in _schemas(document)}
    assert len(schemas) > 200
    aliases = {
        f"{part}{kind}" for part in ("Architecture", "Optimizer", "Policy", "Schedule") for kind in ("Spec", "Name")
    }
    assert set(dir(epochal.types)) == schemas | aliases
    with pytest.raises(AttributeError, match="NoSuchType"):
        epochal.types.NoSuchType  # noqa: B018


def test_every_field_of_every_schema_is_known_and_nothing_else(document: dict[str, Any]) -> None:
    for name, schema in _schemas(document):
        kind, fields = getattr(epochal.types, name), schema.get("properties", {})
        if typing.is_typeddict(kind):
            assert kind.__annotations__.keys() == fields.keys(), name
            assert kind.__required_keys__ == set(schema.get("required", ())), name
        elif fields:
            assert issubclass(kind, Record), name
            known = [field.name.rstrip("_") for field in dataclasses.fields(kind)]
            assert known == ["unknown_fields", *fields], name
        else:
            assert set(typing.get_args(kind)) == set(schema["enum"]), name


def test_a_field_may_be_none_where_the_api_says_null_and_nowhere_else(document: dict[str, Any]) -> None:
    found = 0
    for name, schema in _schemas(document):
        kind = getattr(epochal.types, name)
        if not dataclasses.is_dataclass(kind):
            continue
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind)[1:]:
            sent = schema["properties"][field.name.rstrip("_")]
            nullable = {"type": "null"} in sent.get("anyOf", ()) or _any_json(sent)
            hint = hints[field.name]
            assert (hint is Any or type(None) in typing.get_args(hint)) == nullable, f"{name}.{field.name}"
            if nullable:
                assert field.default is None, f"{name}.{field.name}"
            found += nullable
    assert found > 100


def _any_json(schema: dict[str, Any]) -> bool:
    return not schema.keys() & {"type", "anyOf", "oneOf", "enum", "const", "$ref"}


def test_a_type_is_imported_alone() -> None:
    program = (
        "import sys, epochal.types; before = set(sys.modules); epochal.types.Worker; "
        "print(*sorted(name for name in sys.modules.keys() - before if name.startswith('epochal.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CLIENT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["epochal.records", "epochal.types.words", "epochal.types.workers"], done.stderr


class Reader:
    """Asks a service, and decodes each answer as the document says that its operation answers."""

    def __init__(self, service: TestClient, document: dict[str, Any]) -> None:
        self._service, self._paths = service, document["paths"]
        self.read: set[str] = set()  # names of what was decoded

    def get(self, path: str) -> Any:
        return self._decode("get", path, self._service.get(path))

    def post(self, path: str, body: Any = None) -> Any:
        return self._decode("post", path, self._service.post(path, json=body))

    def _decode(self, method: str, path: str, answer: httpx2.Response) -> Any:
        assert answer.is_success, answer.text
        [operation] = [
            operations[method]
            for template, operations in self._paths.items()
            if method in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path.partition("?")[0])
        ]
        schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        name, sent = schema["$ref"].rpartition("/")[2], answer.json()
        page = name.startswith("Page_")
        name = name.removeprefix("Page_").removesuffix("_")
        for row in sent["data"] if page else [sent]:
            assert decode(getattr(epochal.types, name), row).to_dict() == row
            self.read.add(name)
        return sent


@pytest.fixture
def index() -> ImageIndex:
    return indexed(pets())


@pytest.fixture
def reader(app: FastAPI, document: dict[str, Any]) -> Iterator[Reader]:
    with LocalClient(app) as client:
        yield Reader(client, document)


def test_jobs_and_what_they_measure_can_be_read(reader: Reader, stage: "Stage") -> None:
    reader.post("/v1/jobs", {"name": "read", "tags": ["a"], "spec": SPEC, "repeats": 2})
    reader.post("/v1/jobs?dry_run=true", {"spec": SPEC})
    claim = stage.start(stage.submit(epochs=3))
    stage.epoch(claim, 0, test_loss=math.nan, test_accuracy=0.5)
    stage.epoch(claim, 1, test_loss=None, test_accuracy=None, gradient_norm=1.0)
    stage.steps(claim, 0, {0: 2.5, 10: math.inf})
    stage.checkpoint(claim, 1, 0)
    reader.get(f"/v1/jobs/{claim.job_id}")
    stage.succeed(claim)
    failed = stage.start(stage.submit(epochs=3))
    stage.fail(failed)
    for part in ("", "metrics", "steps", "layers", "events", "checkpoints", "diagnosis", "manifest", "repeats"):
        reader.get(f"/v1/jobs/{claim.job_id}/{part}".rstrip("/"))
    reader.get(f"/v1/jobs/{failed.job_id}")
    reader.get(f"/v1/compare?job={claim.job_id}&job={failed.job_id}")
    reader.get(f"/v1/curves?job={claim.job_id}")
    reader.get("/v1/job-summaries")
    for path in ("jobs", "workers", "queue", "recipes", "recipes/sprint", "architectures"):
        reader.get(f"/v1/{path}")
    assert reader.read == {
        *("Job", "DryRun", "EpochRow", "StepRow", "EpochLayers", "Event", "Checkpoint", "Diagnosis", "JobManifest"),
        *("JobSummary", "CurveList", "Repeats", "Comparison", "Worker", "QueuedJob", "Recipe", "Architecture"),
    }


def test_data_sets_and_models_can_be_read(
    reader: Reader, stage: "Stage", database: Database, storage: Storage, index: ImageIndex
) -> None:
    example = {"image": index.ids[0], "other": index.ids[1], "value": 3.5}
    finding = {
        "code": "leaked_exact",
        "severity": "warning",
        "count": 1,
        "message": "",
        "hint": "",
        "examples": [example],
    }
    store_ready(database, storage, pets(), findings=[finding])
    version = "/v1/datasets/pets/versions/1"
    assert reader.get(version)["report"]["findings"][0]["examples"][0]["value"] == 3.5
    reader.post("/v1/uploads", {"dataset": "mine", "bytes": 10, "sha256": "0" * 64, "test_fraction": 0.2})
    reader.post(f"{version}/audit", {})
    for path in ("datasets", "datasets/pets", "datasets/pets/versions", "uploads"):
        reader.get(f"/v1/{path}")
    for path in ("images", "audits"):
        reader.get(f"{version}/{path}")
    stage.succeed(stage.start(stage.submit()))
    model = f"/v1/models/{reader.get('/v1/models')['data'][0]['id']}"
    reader.get(model)
    reader.post(f"{model}/exports", {"formats": ["onnx"]})
    asked = reader.post(f"{model}/evaluations", {"dataset": "digits"})
    settle(stage, asked["id"], predictions_on(index))
    reader.get(f"{model}/evaluations")
    assert reader.get(f"{model}/evaluations/{asked['id']}")["evaluation"]["classes"]
    reader.get(f"{model}/evaluations/{asked['id']}/confusion")
    assert reader.read == {
        *("Dataset", "DatasetVersion", "DatasetVersionSummary", "DatasetImage", "Upload", "Audit"),
        *("TrainedModel", "TrainedModelSummary", "ModelExport"),
        *("ModelEvaluation", "ModelEvaluationSummary", "Confusion"),
    }


def test_sweeps_and_the_administration_can_be_read(reader: Reader) -> None:
    sweep = reader.post("/v1/sweeps", {"spec": SPEC, "space": {"seed": [0, 1], "optimizer.learning_rate": [0.1]}})
    reader.get(f"/v1/sweeps/{sweep['id']}")
    experiment = reader.get("/v1/experiments")["data"][0]["name"]
    reader.get(f"/v1/experiments/{experiment}")
    reader.get(f"/v1/sweeps/{reader.post(f'/v1/experiments/{experiment}', {})['id']}/answer")
    reader.get(f"/v1/keys/{reader.post('/v1/keys', {'name': 'a', 'scopes': ['read']})['id']}")
    hook = reader.post("/v1/webhooks", {"url": "https://example.com/", "events": ["job.succeeded"]})
    reader.post(f"/v1/webhooks/{hook['id']}/ping")
    for path in ("webhooks", f"webhooks/{hook['id']}/deliveries", "keys", "projects", "projects/default/retention"):
        reader.get(f"/v1/{path}")
    reader.get("/livez")
    reader.get("/problems")
    assert reader.read == {
        *("Sweep", "ExperimentList", "Experiment", "Answer", "Key", "NewKey", "Webhook", "WebhookWithSecret"),
        *("WebhookDelivery", "Project", "ProjectRetention", "Live", "ProblemKind"),
    }


def test_an_error_can_be_read(app: FastAPI) -> None:
    with LocalClient(app) as client:
        sent = client.post("/v1/jobs", json={"spec": {"dataset": "digits", "epochs": -1}}).json()
    problem = decode(epochal.types.Problem, sent)
    assert problem.errors is not None
    assert problem.errors[0].pointer == "#/spec/epochs"
    assert problem.code == sent["code"]


def test_every_module_can_be_imported_alone_and_is_small() -> None:
    modules = sorted((CLIENT / "epochal/types").glob("[a-z]*.py"))
    assert modules
    for path in modules:
        assert len(path.read_text().splitlines()) < 600, path
    program = "import importlib, sys; [importlib.import_module(f'epochal.types.{name}') for name in sys.argv[1:]]"
    names = [path.stem for path in reversed(modules)]
    subprocess.run([sys.executable, "-c", program, *names], cwd=CLIENT, check=True, timeout=60)
