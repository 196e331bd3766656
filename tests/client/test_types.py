"""The SDK's types are those of the API: generated from its document, and able to read what it answers."""

import dataclasses
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import epochal.types
from api.app import create_app
from epochal.decoding import decode
from epochal.records import Record
from settings import Settings
from tests.api.conftest import LocalClient

if TYPE_CHECKING:
    from tests.stage import Stage

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


@pytest.fixture
def service(app: FastAPI) -> Iterator[TestClient]:
    with LocalClient(app) as client:
        yield client


def _read(document: dict[str, Any], sent: Any, path: str, method: str = "get", status: str = "200") -> list[str]:
    """Decode an answer as its operation says. The records' names."""
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path.partition("?")[0]) and method in operations:
            schema = operations[method]["responses"][status]["content"]["application/json"]["schema"]
            break
    else:
        raise AssertionError(path)
    name = schema["$ref"].rpartition("/")[2]
    rows = sent["data"] if name.startswith("Page_") else [sent]
    name = name.removeprefix("Page_").removesuffix("_")
    for row in rows:
        assert decode(getattr(epochal.types, name), row).to_dict() == row
    return [name] * len(rows)


def test_what_the_service_answers_can_be_read(service: TestClient, stage: "Stage", document: dict[str, Any]) -> None:
    read = set()

    def get(path: str) -> Any:
        answer = service.get(path)
        assert answer.status_code == 200, answer.text
        read.update(_read(document, answer.json(), path))
        return answer.json()

    def post(path: str, body: Any, status: int = 201) -> Any:
        answer = service.post(path, json=body)
        assert answer.status_code == status, answer.text
        read.update(_read(document, answer.json(), path.partition("?")[0], "post", str(status)))
        return answer.json()

    spec = {"dataset": "digits", "recipe": "standard", "optimizer": "adam", "augmentation": {"policy": "randaugment"}}
    post("/v1/jobs", {"name": "read", "tags": ["a"], "spec": spec, "repeats": 2})
    post("/v1/jobs?dry_run=true", {"spec": spec}, 200)
    for _ in range(2):
        claim = stage.start(stage.submit(epochs=3))
        stage.epoch(claim, 0, test_loss=float("nan"), test_accuracy=0.5)
        stage.epoch(claim, 1, test_loss=None, test_accuracy=None, gradient_norm=1.0)
        stage.steps(claim, 0, {0: 2.5, 10: float("inf")})
        stage.checkpoint(claim, 1, 0)
        stage.succeed(claim)
    failed = stage.start(stage.submit(epochs=3))
    stage.fail(failed)
    job = f"/v1/jobs/{claim.job_id}"
    for path in ("", "/metrics", "/steps", "/layers", "/events", "/checkpoints", "/diagnosis", "/manifest", "/repeats"):
        get(job + path)
    get(f"/v1/jobs/{failed.job_id}")
    get(f"/v1/compare?job={claim.job_id}&job={failed.job_id}")
    for path in ("jobs", "workers", "queue", "recipes", "recipes/sprint", "architectures", "datasets/digits"):
        get(f"/v1/{path}")
    models = get("/v1/models")["data"]
    get(f"/v1/models/{models[0]['id']}")
    sweep = post("/v1/sweeps", {"spec": spec, "space": {"seed": [0, 1], "optimizer.learning_rate": [0.1]}})
    get(f"/v1/sweeps/{sweep['id']}")
    experiment = get("/v1/experiments")["data"][0]["name"]
    get(f"/v1/experiments/{experiment}")
    get(f"/v1/sweeps/{post(f'/v1/experiments/{experiment}', {})['id']}/answer")
    get(f"/v1/keys/{post('/v1/keys', {'name': 'a', 'scopes': ['read']})['id']}")
    hook = post("/v1/webhooks", {"url": "https://example.com/", "events": ["job.succeeded"]})
    post(f"/v1/webhooks/{hook['id']}/ping", None, 202)
    get(f"/v1/webhooks/{hook['id']}/deliveries")
    upload = {"dataset": "mine", "bytes": 10, "sha256": "0" * 64, "test_fraction": 0.2, "seed": 0}
    post("/v1/uploads", upload)
    for path in (
        "webhooks",
        "keys",
        "projects",
        "projects/default",
        "projects/default/retention",
        "uploads",
        "datasets",
    ):
        get(f"/v1/{path}")
    for path in ("/livez", "/problems"):
        get(path)
    assert {"Job", "DryRun", "EpochRow", "Event", "Comparison", "Sweep", "Answer", "TrainedModel", "NewKey"} <= read
    assert len(read) >= 32


def test_an_error_can_be_read(service: TestClient) -> None:
    sent = service.post("/v1/jobs", json={"spec": {"dataset": "digits", "epochs": -1}}).json()
    problem = decode(epochal.types.Problem, sent)
    assert problem.errors is not None
    assert problem.errors[0].pointer == "#/spec/epochs"
    assert problem.code == sent["code"]


def test_modules_are_small(document: dict[str, Any]) -> None:
    for path in (CLIENT / "epochal/types").glob("*.py"):
        assert len(path.read_text().splitlines()) < 600, path
        import_module(f"epochal.types.{path.stem}" if path.stem != "__init__" else "epochal.types")
