"""Where a request is wrong, and what would be right."""

import json
from typing import Any, cast
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.submission import JobCreate
from api.validation import body_errors
from tests.training.spec_bodies import broken_bodies

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


NAMES = "adadelta, adagrad, adam, adamw, gd, lamb, lion, momentum, muon, nadam, nesterov, rmsprop, sgd"
OPTIMIZERS = f"there is {NAMES}"
ADAMW = "adamw has no field {}; it has betas, epsilon, learning_rate, name, norm_weight_decay, sam, weight_decay"
RESNET20 = (
    "resnet20 has no field 'stem'; it has activation, dropout, name, preactivation, residual, squeeze_excitation, "
    "stochastic_depth, zero_init_last_norm"
)


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
        ("optimizer", "tiger", "", f"there is no optimizer 'tiger'; {OPTIMIZERS}"),
        ("optimizer", {"learning_rate": 1}, "/name", f"missing: optimizer needs a name, one of {NAMES}"),
        ("optimizer", 3, "", f"should be a JSON object, or one of the names {NAMES}"),
        ("optimizer", None, "", f"should be a JSON object, or one of the names {NAMES}"),
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
        ("architecture", {"name": "resnet20", "stem": "cifar"}, "/stem", RESNET20),
        ("augmentation", {"crop": {"pading": 1}}, "/crop/pading", None),
        ("augmentation", [], "", "should be a JSON object"),
        ("augmentation", {"policy": {"name": "randaugment", "magnitud": 1}}, "/policy/magnitud", None),
        (
            "augmentation",
            {"policy": "randomaugment"},
            "/policy",
            "there is no policy 'randomaugment'; there is autoaugment, randaugment, trivialaugment; "
            "did you mean 'randaugment'?",
        ),
        ("augmentation", {"policy": {"magnitude": 1}}, "/policy/name", None),
        (
            "augmentation",
            {"crop": {}, "resized_crop": {}},
            "/resized_crop",
            "crop is there already: set one of them to null",
        ),
        ("augmentation", {"colour": {"hue": 0.1}}, "/colour/hue", "the images are grey and have no hue: set it to 0"),
        ("optimizer", {"name": "adam", "sam": {"rhoo": 1}}, "/sam/rhoo", None),
        ("optimizer", {"name": "adam", "betas": [0.9, 0.9, 0.9]}, "/betas", "should have at most 2 in it, not 3"),
        ("regularisation", {"swa": {}}, "/swa/start_epoch", "missing: swa needs 'start_epoch'"),
        ("schedule", {"name": "multistep", "milestones": []}, "/milestones", "should have at least 1 in it, not 0"),
        ("recipe", "strongest", "", None),
        ("starting_weights", "../secret", "", None),
        ("batch_size", "fulll", "", 'should be a number from 2 to 65,536, or "full", not "fulll"'),
        ("devices", 1000, "", "should be less than or equal to 64, not 1000"),
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
            "the body has no field 'nmae'; it has accelerator, description, max_retries, name, priority, spec, tags; "
            "did you mean 'name'?",
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


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(broken_bodies())
def test_whatever_is_wrong_its_pointer_leads_there(spec: dict[str, Any]) -> None:
    """Into what was sent, or to one field that is missing there."""
    body = {"spec": spec}
    try:
        JobCreate.model_validate(body)
    except ValidationError as refused:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in refused.errors()]
        for explained in body_errors(JobCreate, body, cast("list[ErrorDetails]", errors)):
            assert explained["pointer"].startswith("#/spec"), explained
            assert explained["detail"], explained
            place: Any = body
            *parents, last = explained["pointer"].removeprefix("#/").split("/")
            for token in parents:
                place = place[int(token)] if isinstance(place, list) else place[unescaped(token)]
            # A name alone is short for a part, in which the field would be.
            assert isinstance(place, dict | str) or int(last) <= len(place), explained


def unescaped(token: str) -> str:
    return unquote(token).replace("~1", "/").replace("~0", "~")


def test_what_a_recipe_fills_in_is_told_at_its_place(front: TestClient) -> None:
    spec = SPEC | {"recipe": "state-of-the-art", "epochs": 4}
    assert {error["pointer"] for error in refuse(front, {"spec": spec})} >= {"#/spec/schedule/warmup_epochs"}


def test_every_error_is_told(front: TestClient) -> None:
    errors = refuse(front, {"spec": {"epochs": 0, "seed": -1}})
    assert [error["pointer"] for error in errors] == ["#/spec/dataset", "#/spec/epochs", "#/spec/seed"]


def test_flood_of_errors_is_answered_in_short(front: TestClient) -> None:
    errors = refuse(front, {"spec": SPEC | {f"x{number}": 1 for number in range(14_000)}})
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
        (b"[" * 190_000, "It is nested too deeply."),
        (b'{"a":' * 38_000, "It is nested too deeply."),
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
            "this address has no parameter 'limt'; it has after, architecture, created_after, created_before, "
            "dataset, limit, name, sort, status, tag; did you mean 'limit'?",
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
