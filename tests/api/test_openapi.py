"""The contract says what the API does."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, ValidationError

from api.http.problems import MEDIA_TYPE
from api.schemas import Quotas
from api.schemas.submission import JobChange, JobCreate, JobRerun
from models import JobStatus
from training.spec import TrainingSpec

A_JOB = "job_01kasm2pbk5s9d0w3g6vq8zrhf"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def document(front: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = front.get("/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_example_is_accepted(client: TestClient, document: dict[str, Any]) -> None:
    examples = document["components"]["schemas"]["JobCreate"]["examples"]
    assert len(examples) >= 2
    for example in examples:
        answer = client.post("/v1/jobs", json=example)
        assert answer.status_code == 201, answer.text
        assert answer.json()["spec"] == TrainingSpec.model_validate(example["spec"]).model_dump(mode="json")


def test_every_example_of_a_change_is_accepted(client: TestClient, document: dict[str, Any]) -> None:
    job = client.post("/v1/jobs", json=document["components"]["schemas"]["JobCreate"]["examples"][0]).json()
    examples = document["components"]["schemas"]["JobRerun"]["examples"]
    assert len(examples) >= 2
    for example in examples:
        answer = client.post(job["links"]["rerun"], json=example)
        assert answer.status_code == 201, answer.text


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = list(operations(document))
    assert len(found) >= 24
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    for path, method, operation in found:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), path
        assert {"summary", "description", "tags"} <= operation.keys(), (method, path)
        assert {"422", "500"} <= operation["responses"].keys(), (method, path)
        # The queue's cursor is a job, and a key may be made for a project that is not there.
        named = "{" in path or path in ("/v1/queue", "/v1/compare") or operation["operationId"] == "create_key"
        assert ("404" in operation["responses"]) == named, path
        assert {"401", "403", "429", "503"} <= operation["responses"].keys() or not path.startswith("/v1/"), path
        assert {"400", "408", "413", "415"} <= operation["responses"].keys() or "requestBody" not in operation
    tags = {tag["name"] for tag in document["tags"]}
    assert {tag for _, _, operation in found for tag in operation["tags"]} == tags


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}, (
                    method,
                    path,
                )


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for reference in set(re.findall(r"'#/components/schemas/([^']+)'", str(document))):
        assert reference in schemas
    assert "HTTPValidationError" not in schemas


def test_whole_status_is_published(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["JobStatus"]["enum"] == [status.value for status in JobStatus]


def test_numbers_may_be_strings(document: dict[str, Any]) -> None:
    rows = document["components"]["schemas"]["EpochRow"]["properties"]
    kinds = rows["test_loss"]["anyOf"]
    assert {"type": "number"} in kinds
    assert {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]} in kinds


def test_best_says_that_it_may_be_chosen_on_the_test_split(document: dict[str, Any]) -> None:
    best = document["components"]["schemas"]["BestEpoch"]["properties"]["chosen_on"]
    assert "test split" in best["description"]


def test_errors_of_one_status_are_all_named(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/jobs"]["post"]["responses"]
    assert "`invalid_request`" in responses["422"]["description"]
    assert "`starting_weights_missing`" in responses["422"]["description"]
    assert "`idempotency_key_reused`" in responses["422"]["description"]
    paths = document["paths"]
    assert "`request_pending`" in paths["/v1/jobs/{job_id}/stop"]["post"]["responses"]["409"]["description"]
    assert "`job_not_paused`" in paths["/v1/jobs/{job_id}/resume"]["post"]["responses"]["409"]["description"]
    weights = paths["/v1/jobs/{job_id}/weights"]["get"]["responses"]
    assert "`weights_not_found`" in weights["404"]["description"]
    assert "`storage_unavailable`" in weights["503"]["description"]
    assert "`checkpoint_not_found`" in str(paths["/v1/jobs/{job_id}/checkpoints/{attempt}/{file}"])
    assert "`recipe_not_found`" in paths["/v1/recipes/{recipe}"]["get"]["responses"]["404"]["description"]


def test_key_is_published(document: dict[str, Any]) -> None:
    for path in ("/v1/jobs", "/v1/jobs/{job_id}/rerun"):
        operation = document["paths"][path]["post"]
        headers = {each["name"]: each["required"] for each in operation["parameters"] if each["in"] == "header"}
        assert headers.pop("Idempotency-Key") is False
        assert headers.keys() <= {"If-Match"}
        assert {"Location", "Idempotent-Replayed"} == operation["responses"]["201"]["headers"].keys()
    assert document["paths"]["/v1/jobs/{job_id}/rerun"]["post"]["requestBody"].get("required", False) is False


def test_the_spec_that_is_published_is_the_one_that_is_checked(document: dict[str, Any]) -> None:
    """tests/training/spec/test_spec_schema.py looks into it; here, that nothing of it is lost on the way."""
    published = document["components"]["schemas"]
    own = TrainingSpec.model_json_schema(ref_template="#/components/schemas/{model}")
    assert published["TrainingSpec"]["properties"].keys() == own["properties"].keys()
    fields = 0
    for part, definition in own.pop("$defs").items():
        there = published.get(part) or published[f"{part}-Input"]
        assert there["title"] == definition["title"], part
        for name, field in definition["properties"].items():
            shown = there["properties"][name]
            assert (shown["title"], shown["description"]) == (field["title"], field["description"]), (part, name)
            assert (shown.get("unit"), shown.get("default")) == (field.get("unit"), field.get("default")), (part, name)
            fields += 1
    assert fields >= 170


def test_version_is_the_projects(document: dict[str, Any]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert document["info"]["version"] == project["version"]
    assert document["info"]["title"] == "Epochal"


def test_a_published_bound_is_the_one_that_is_kept(client: TestClient, document: dict[str, Any]) -> None:
    """The largest and the smallest value that a number may have is taken, and the next one is not."""
    tried = 0
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "query" or parameter["schema"].get("type") != "integer":
                continue
            ids = {"job_id": A_JOB, "webhook_id": f"whk_{A_JOB[4:]}", "audit_id": f"aud_{A_JOB[4:]}"}
            ids |= {"sweep_id": f"swp_{A_JOB[4:]}"}
            address = path.format(**ids, name="pets", number=1, model="cats", model_name="cats", alias="staging")
            for bound, beyond in (("minimum", -1), ("maximum", 1)):
                value = int(parameter["schema"][bound])
                assert value == parameter["schema"][bound]
                for sent, fits in ((value, True), (value + beyond, False)):
                    answer = client.request(method, address, params={parameter["name"]: sent})
                    wrong = [each.get("parameter") for each in answer.json().get("errors") or ()]
                    assert (parameter["name"] in wrong) != fits or "needs" in answer.text, (address, sent)
                    tried += 1
    assert tried > 60


def test_a_bound_of_a_body_is_the_one_that_is_kept(document: dict[str, Any]) -> None:
    tried = 0
    for model in (JobCreate, JobRerun, JobChange, Quotas):
        published = document["components"]["schemas"][model.__name__]["properties"]
        for name, field in published.items():
            for schema in (field, *field.get("anyOf", ())):
                for bound, beyond in (("minimum", -1), ("maximum", 1)):
                    if bound not in schema:
                        continue
                    value = schema[bound]
                    sent = int(value) if schema["type"] == "integer" else value
                    fitting, refused = (
                        [error["loc"][0] for error in errors_of(model, {name: each})] for each in (sent, sent + beyond)
                    )
                    assert name not in fitting, (name, sent)
                    assert name in refused, (name, sent + beyond)
                    tried += 1
    assert tried > 12


def errors_of(model: type[BaseModel], body: dict[str, Any]) -> list[Any]:
    try:
        model.model_validate(body)
    except ValidationError as error:
        return list(error.errors())
    return []
