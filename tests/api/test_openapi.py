"""The contract says what the API does."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.problems import MEDIA_TYPE
from models import JobStatus
from training.spec import TrainingSpec

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


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = list(operations(document))
    assert len(found) >= 14
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    for path, method, operation in found:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), path
        assert {"summary", "description", "tags"} <= operation.keys(), (method, path)
        assert {"422", "500"} <= operation["responses"].keys(), (method, path)
        assert ("404" in operation["responses"]) == ("{job_id}" in path)
        assert {"400", "413", "415"} <= operation["responses"].keys() or "requestBody" not in operation
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


def test_best_says_that_it_is_chosen_on_the_test_split(document: dict[str, Any]) -> None:
    assert "test split" in document["components"]["schemas"]["Job"]["properties"]["best"]["description"]


def test_version_is_the_projects(document: dict[str, Any]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert document["info"]["version"] == project["version"]
    assert document["info"]["title"] == "Epochal"
