"""Where a request is wrong, and what would be right."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

SPEC: dict[str, Any] = {"dataset": "digits"}
JSON = {"Content-Type": "application/json"}


def refuse(front: TestClient, body: object) -> list[dict[str, str]]:
    """The errors of a body that is JSON, with NaN as Python writes it."""
    answer = front.post("/v1/jobs", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    errors: list[dict[str, str]] = problem["errors"]
    first = errors[0]
    assert problem["detail"].startswith(f"{first['pointer']}: {first['detail']}")
    return errors


OPTIMIZERS = "there is adam, adamw, sgd"
ADAMW = "adamw has no field {}; it has betas, epsilon, learning_rate, name, weight_decay"


@pytest.mark.parametrize(
    ("field", "value", "pointer", "detail"),
    [
        ("optimizer", {"name": "adamw", "momentum": 0.9}, "/momentum", ADAMW.format("'momentum'")),
        (
            "optimizer",
            {"name": "adamw", "weight_dekay": 0.9},
            "/weight_dekay",
            ADAMW.format("'weight_dekay'") + "; did you mean 'weight_decay'?",
        ),
        ("optimizer", {"name": "adamw", "adamw": 1}, "/adamw", ADAMW.format("'adamw'")),
        ("optimizer", {"name": "sgd", "a/b~c d": 1}, "/a~1b~0c%20d", None),
        ("optimizer", {"name": "adamm"}, "/name", f"there is no optimizer 'adamm'; {OPTIMIZERS}; did you mean 'adam'?"),
        ("optimizer", "lion", "", f"there is no optimizer 'lion'; {OPTIMIZERS}"),
        ("optimizer", {"learning_rate": 1}, "/name", "missing: optimizer needs a name, one of adam, adamw, sgd"),
        ("optimizer", 3, "", "should be a JSON object, or one of the names adam, adamw, sgd"),
        ("optimizer", None, "", "should be a JSON object, or one of the names adam, adamw, sgd"),
        ("optimizer", {"name": "adam", "betas": [0.9]}, "/betas/1", "missing: adam needs element 1"),
        ("optimizer", {"name": "adam", "betas": [0.9, 2]}, "/betas/1", "should be less than 1, not 2"),
        ("optimizer", {"name": "adam", "betas": {}}, "/betas", "should be an array"),
        (
            "optimizer",
            {"learning_rate": float("nan"), "name": "sgd"},
            "/learning_rate",
            "should be a finite number, not NaN",
        ),
        (
            "optimizer",
            {"name": "sgd", "nesterov": True, "momentum": 0},
            "/nesterov",
            "nesterov needs a momentum above 0",
        ),
        ("schedule", "multistep", "/milestones", "missing: multistep needs 'milestones'"),
        (
            "schedule",
            {"name": "multistep", "milestones": [2, 1]},
            "/milestones/1",
            "1 does not come after 2: list them ascending",
        ),
        ("architecture", {"name": "resnet20", "stem": "cifar"}, "/stem", "resnet20 has no field 'stem'; it has name"),
        ("augmentation", {"crop": {"pading": 1}}, "/crop/pading", None),
        ("augmentation", [], "", "should be a JSON object"),
        ("epochs", "5", "", 'should be a valid integer, not "5"'),
        ("epochs", 0, "", "should be greater than or equal to 1, not 0"),
        ("epochs", float("inf"), "", "should be a valid integer, not Infinity"),
        ("epochs", True, "", "should be a valid integer, not true"),
        ("batch_size", 5000, "", "a batch of 5000 is larger than the training set: at most 1437"),
        ("dataset", "a\x00b", "", None),
        ("dataset", "\ud800", "", "has text that is no Unicode: a surrogate without its other half"),
    ],
)
def test_spec(front: TestClient, field: str, value: object, pointer: str, detail: str | None) -> None:
    [error] = refuse(front, {"spec": SPEC | {field: value}})
    assert error["pointer"] == f"#/spec/{field}{pointer}"
    assert detail is None or error["detail"] == detail


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({}, "#/spec", "missing: the body needs 'spec'"),
        ({"spec": {}}, "#/spec/dataset", "missing: spec needs 'dataset'"),
        ([], "#", "should be a JSON object"),
        (None, "#", "should be a JSON object"),
        ("digits", "#", "should be a JSON object"),
        (
            {"spec": SPEC, "nmae": "a"},
            "#/nmae",
            "the body has no field 'nmae'; it has name, spec, tags; did you mean 'name'?",
        ),
        ({"spec": SPEC, "name": "spec", "sp": 1}, "#/sp", None),
        ({"spec": SPEC, "name": ""}, "#/name", 'String should have at least 1 character, not ""'),
        ({"spec": SPEC, "name": "a" * 201}, "#/name", "String should have at most 200 characters"),
        ({"spec": SPEC, "name": "a\x00"}, "#/name", "should be one line of text: the character at 1 is U+0000"),
        ({"spec": SPEC, "name": "a\nb"}, "#/name", "should be one line of text: the character at 1 is U+000A"),
        ({"spec": SPEC, "name": "\ud800"}, "#/name", "has text that is no Unicode"),
        ({"spec": SPEC, "tags": ["a", "\x00"]}, "#/tags/1", "should be one line of text: the character at 0 is U+0000"),
        ({"spec": SPEC, "tags": ["a", "a"]}, "#/tags", "'a' is there more than once"),
        ({"spec": SPEC, "tags": ["a" * 65]}, "#/tags/0", None),
        ({"spec": SPEC, "tags": [str(number) for number in range(21)]}, "#/tags", None),
        ({"spec": SPEC, "tags": "a"}, "#/tags", None),
        ({"spec": SPEC | {"\ud800": 1}}, "#/spec", "has text that is no Unicode: a surrogate without its other half"),
    ],
)
def test_body(front: TestClient, body: object, pointer: str, detail: str | None) -> None:
    [error] = refuse(front, body)
    assert error["pointer"] == pointer
    assert detail is None or error["detail"].startswith(detail)


def test_every_error_is_told(front: TestClient) -> None:
    errors = refuse(front, {"spec": {"epochs": 0, "seed": -1}})
    assert [error["pointer"] for error in errors] == ["#/spec/dataset", "#/spec/epochs", "#/spec/seed"]


def test_flood_of_errors_is_answered_in_short(front: TestClient) -> None:
    errors = refuse(front, {"spec": SPEC | {f"x{number}": 1 for number in range(50_000)}})
    assert len(errors) == 50


def test_long_unknown_name_is_not_repeated(front: TestClient) -> None:
    [error] = refuse(front, {"spec": SPEC, "x" * 100_000: 1})
    assert len(error["detail"]) < 200


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"spec": {"dataset": "digits"}, "name": ', "Expecting value in line 1, column 41."),
        (b'{"spec":\n {"dataset": "digits"}}}', "Extra data in line 2, column 24."),
        (b"\xff", "Byte 0 is not UTF-8."),
        ('{"name": "é"}'.encode("latin-1"), "Byte 10 is not UTF-8."),
        ("{}".encode("utf-16"), "Byte 0 is not UTF-8."),
        ("\ufeff{}".encode(), None),
        (b'{"spec": {"dataset": "digits", "seed": 1, "seed": 2}}', "An object in it has 'seed' twice."),
        (b"[" * 500_000, "It is nested too deeply."),
        (b'{"a":' * 100_000, "It is nested too deeply."),
        (b'{"spec": {"dataset": "digits", "seed": ' + b"1" * 10_000 + b"}}", "A number in it has too many digits."),
    ],
)
def test_body_that_is_no_json(front: TestClient, content: bytes, detail: str | None) -> None:
    answer = front.post("/v1/jobs", content=content, headers=JSON)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "malformed_body")
    assert detail is None or problem["detail"] == detail


def test_huge_numbers_are_no_accident(front: TestClient) -> None:
    for number in ("1e999", "1" * 400):
        content = '{"spec": {"dataset": "digits", "optimizer": {"name": "sgd", "learning_rate": %s}}}' % number  # noqa: UP031
        answer = front.post("/v1/jobs", content=content, headers=JSON)
        assert answer.json()["errors"][0]["pointer"] == "#/spec/optimizer/learning_rate"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json", ""]
)
def test_body_of_another_type(front: TestClient, media_type: str) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_however_it_is_called(front: TestClient, media_type: str) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 422


A_JOB = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf"


@pytest.mark.parametrize(
    ("address", "parameter", "detail"),
    [
        ("/v1/jobs?limit=0", "limit", 'should be greater than or equal to 1, not "0"'),
        ("/v1/jobs?limit=101", "limit", None),
        ("/v1/jobs?limit=ten", "limit", None),
        ("/v1/jobs?limit=1&limit=2", "limit", "should be there once, not 2 times"),
        ("/v1/jobs?status=running&status=done", "status", None),
        ("/v1/jobs?after=job_1", "after", None),
        (
            "/v1/jobs?limt=1",
            "limt",
            "this address has no parameter 'limt'; it has after, limit, status; did you mean 'limit'?",
        ),
        ("/livez?x=1", "x", "this address has no parameter 'x'; it has none"),
        (f"{A_JOB}?x=1", "x", None),
        (f"{A_JOB}/metrics?after_epoch=-2", "after_epoch", None),
        (f"{A_JOB}/metrics?after_epoch={2**31}", "after_epoch", None),
        (f"{A_JOB}/metrics?limit=10001", "limit", None),
        (f"{A_JOB}/steps?after_step=1", "after_step", "needs after_epoch, the epoch that the step is of"),
        (f"{A_JOB}/steps?after_epoch=x", "after_epoch", None),
        (f"{A_JOB}/steps?after=x", "after", None),
        (f"{A_JOB}/log?after=x", "after", None),
    ],
)
def test_query(front: TestClient, address: str, parameter: str, detail: str | None) -> None:
    answer = front.get(address)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert detail is None or error["detail"] == detail
