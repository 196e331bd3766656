"""Where a request is wrong, and what would be right."""

import codecs
import json
import re
from typing import Any, cast, get_args
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from api.http.times import Time
from api.http.validation import body_errors
from api.http.validation_messages import _MESSAGES, error_message
from api.schemas.field_suggestions import ALIASES, _index
from api.schemas.submission import JobCreate
from tests.stage import Stage
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
        ("devices", 1000, "", "should be at most 64, not 1000"),
        ("epochs", "5", "", 'should be an integer, not "5"'),
        ("epochs", 0, "", "should be at least 1, not 0"),
        ("epochs", float("inf"), "", "should be an integer, not Infinity"),
        ("epochs", True, "", "should be an integer, not true"),
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
        ({"spec": SPEC, "name": ""}, "#/name", "should not be empty"),
        ({"spec": SPEC, "name": "a" * 201}, "#/name", "should have at most 200 characters"),
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


@pytest.mark.parametrize(
    ("body", "pointer", "where"),
    [
        ({"spec": SPEC | {"lr": 0.1}}, "#/spec/lr", "write optimizer.learning_rate"),
        (
            {"spec": SPEC | {"learning_rate": 0.1}},
            "#/spec/learning_rate",
            "it belongs in optimizer: write optimizer.learning_rate",
        ),
        ({"spec": SPEC | {"momentum": 0.9}}, "#/spec/momentum", "it belongs in optimizer: write optimizer.momentum"),
        ({"spec": SPEC | {"Weight-Decay": 0.9}}, "#/spec/Weight-Decay", "write optimizer.weight_decay"),
        ({"spec": SPEC | {"wd": 0.9}}, "#/spec/wd", "write optimizer.weight_decay"),
        ({"spec": SPEC | {"bs": 9}}, "#/spec/bs", "write batch_size"),
        ({"spec": SPEC | {"num_epochs": 9}}, "#/spec/num_epochs", "write epochs"),
        ({"spec": SPEC | {"model": "resnet20"}}, "#/spec/model", "write architecture"),
        ({"spec": SPEC | {"lr_scheduler": "cosine"}}, "#/spec/lr_scheduler", "write schedule"),
        ({"spec": SPEC | {"dropout": 0.1}}, "#/spec/dropout", "it belongs in architecture: write architecture.dropout"),
        ({"spec": SPEC | {"gpus": 2}}, "#/spec/gpus", "write devices"),
        ({"spec": SPEC | {"device": "cuda"}}, "#/spec/device", "write accelerator"),
        ({"spec": SPEC | {"name": "a"}}, "#/spec/name", "it belongs in the body, beside spec: write name"),
        ({"spec": SPEC | {"priority": 1}}, "#/spec/priority", "it belongs in the body, beside spec: write priority"),
        (
            {"spec": SPEC | {"patience": 3}},
            "#/spec/patience",
            "it belongs in regularisation.early_stopping: write regularisation.early_stopping.patience or "
            "it belongs in schedule: write schedule.patience",
        ),
        ({"spec": SPEC | {"optimizer": {"name": "sgd", "lr": 1}}}, "#/spec/optimizer/lr", "write learning_rate"),
        (
            {"spec": SPEC | {"optimizer": {"name": "sgd", "epochs": 1}}},
            "#/spec/optimizer/epochs",
            "it belongs in spec: write spec.epochs",
        ),
        ({"spec": SPEC, "dataset": "digits"}, "#/dataset", "it belongs in spec: write spec.dataset"),
        ({"spec": SPEC, "lr": 1}, "#/lr", "write spec.optimizer.learning_rate"),
        ({"spec": SPEC, "status": "queued"}, "#/status", "the service sets it"),
    ],
)
def test_a_field_elsewhere_is_told_where_it_belongs(
    front: TestClient, body: dict[str, Any], pointer: str, where: str
) -> None:
    [error] = refuse(front, body)
    assert error["pointer"] == pointer
    assert error["detail"].partition(": ")[2] == where


def test_every_alias_leads_to_a_field_and_is_none_itself() -> None:
    for place, names in ALIASES.items():
        assert tuple(place.split(".")) in _index(JobCreate)[place.rpartition(".")[2]], place
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"status": "cancelled"}, "POST /v1/jobs/{job_id}/cancel"),
        ({"status": "paused"}, "POST /v1/jobs/{job_id}/pause"),
        ({"status": "running"}, "POST /v1/jobs/{job_id}/resume"),
        ({"status": "done"}, "POST /v1/jobs/{job_id}/cancel or POST /v1/jobs/{job_id}/stop"),
        ({"spec": {"epochs": 3}}, "/v1/jobs/{job_id}/rerun"),
        ({"epochs": 3}, "/v1/jobs/{job_id}/rerun"),
        ({"lr": 3}, "/v1/jobs/{job_id}/rerun"),
        ({"max_retries": 3}, "/v1/jobs/{job_id}/rerun"),
        ({"labels": ["a"]}, "write tags"),
        ({"created_at": "2026-01-01T00:00:00Z"}, "the service sets it"),
    ],
)
def test_what_a_change_cannot_is_told_how_it_is_done(front: TestClient, change: dict[str, Any], where: str) -> None:
    [error] = front.patch(A_JOB, json=change).json()["errors"]
    assert where in error["detail"]


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
    errors = refuse(front, {"spec": SPEC | {f"x{number}": 1 for number in range(3_900)}})
    assert len(errors) == 50
    [error] = refuse(front, {"spec": SPEC | {f"x{number}": 1 for number in range(14_000)}})
    assert error == {"pointer": "#", "detail": "should have at most 4000 values in it"}


def test_long_unknown_name_is_not_repeated(front: TestClient) -> None:
    [error] = refuse(front, {"spec": SPEC, "x" * 100_000: 1})
    assert len(error["detail"]) < 200


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"spec": {"dataset": "digits"}, "name": ', "It is no JSON from line 1, column 41 on: it ends too early."),
        (b'{"spec":\n {"dataset": "digits"}}}', "It is no JSON from line 2, column 24 on: '}' does not belong there."),
        (b"\xff", "Byte 0 is not UTF-8."),
        ('{"name": "é"}'.encode("latin-1"), "Byte 10 is not UTF-8."),
        ("{}".encode("utf-16"), "It is UTF-16: send UTF-8."),
        ("{}".encode("utf-16-le"), "It is UTF-16: send UTF-8."),
        ("[1]".encode("utf-16-be"), "It is UTF-16: send UTF-8."),
        ("{}".encode("utf-32"), "It is UTF-32: send UTF-8."),
        ("{}".encode("utf-32-be"), "It is UTF-32: send UTF-8."),
        ("{}".encode("utf-16").decode("latin-1").encode(), None),
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


@pytest.mark.parametrize(
    ("content", "column", "fault"),
    [
        (b"{'a': 1}", 2, "texts stand in double quotes."),
        (b'{"a": 1,}', 9, "there is a comma too many in front of it."),
        (b'{"a": [1,]}', 10, "there is a comma too many in front of it."),
        (b'{"a": True}', 7, "True is not a value here: JSON has true, false and null."),
        (b'{"a": 1} // x', 10, "JSON has no comments."),
        (b'{"a": "x\ty"}', 9, "a control character in a text is written with a backslash, a line break as \\n."),
        (b'{"a": "C:\\data"}', 10, "there is no such escape in a text: a backslash itself is written \\\\."),
        (b'{"a": "x}', 7, "a text is not closed, or a comma or colon is missing."),
        (b'{"a" 1}', 6, "'1' does not belong there."),
        (b"{a: 1}", 2, "'a' does not belong there."),
    ],
)
def test_what_is_no_json_is_told_in_our_words(front: TestClient, content: bytes, column: int, fault: str) -> None:
    problem = front.post("/v1/jobs", content=content, headers=JSON).json()
    assert problem["detail"] == f"It is no JSON from line 1, column {column} on: {fault}"


@pytest.mark.parametrize("error", get_args(ErrorType))
def test_nothing_that_pydantic_says_is_passed_on(error: str) -> None:
    """Whatever a field should come to be checked by."""
    context = dict.fromkeys(re.findall(r"\{(\w+)\}", str(_MESSAGES.get(error))), 1)
    told: Any = {"type": error, "loc": ("a",), "msg": "Input should be a valid thing", "input": {}, "ctx": context}
    told["ctx"] |= {"min_length": 2, "max_length": 2, "actual_length": 1}
    assert "valid" not in error_message(told)
    assert "{" not in error_message(told)


def test_a_byte_order_mark_is_no_part_of_a_body(client: TestClient) -> None:
    """PowerShell and editors on Windows write one."""
    body = codecs.BOM_UTF8 + b'{"spec": {"dataset": "digits"}}'
    assert client.post("/v1/jobs", content=body, headers=JSON).status_code == 201


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"])
def test_a_compressed_body_is_refused_as_such(front: TestClient, coding: str) -> None:
    answer = front.post("/v1/jobs", content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_content_encoding")
    assert answer.headers["accept-encoding"] == "identity"


def test_a_part_of_a_body_is_refused_as_such(front: TestClient) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={**JSON, "Content-Range": "bytes 0-1/200"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_takes_no_body_says_so(front: TestClient, method: str) -> None:
    problem = front.request(method, A_JOB, content=b'{"reason": "x"}', headers=JSON).json()
    assert problem["errors"] == [{"pointer": "#", "detail": "should not be there: this operation takes no body"}]
    problem = front.post(f"{A_JOB}/cancel", json={"reason": "x"}).json()
    assert problem["errors"][0]["pointer"] == "#"
    assert front.post(f"{A_JOB}/cancel", json={}).json()["code"] != "invalid_request"


def test_a_merge_patch_is_one_by_either_name(client: TestClient, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit()}"
    for kind in ("application/merge-patch+json", "application/json"):
        answer = client.patch(address, content=json.dumps({"name": kind}), headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["name"]) == (200, kind)
    answer = client.patch(address, content="[]", headers={"Content-Type": "application/json-patch+json"})
    assert answer.status_code == 415
    assert answer.headers["accept-patch"] == "application/merge-patch+json"
    assert "application/merge-patch+json" in client.put(address).headers["accept-patch"]


def test_huge_numbers_are_no_accident(front: TestClient) -> None:
    for number in ("1e999", "1" * 400):
        content = '{"spec": {"dataset": "digits", "optimizer": {"name": "sgd", "learning_rate": %s}}}' % number  # noqa: UP031  # JSON has braces
        answer = front.post("/v1/jobs", content=content, headers=JSON)
        assert answer.json()["errors"][0]["pointer"] == "#/spec/optimizer/learning_rate"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "json",
        "",
        "application/merge-patch+json",
        "application/json; charset=utf-16",
        "application/json;charset=latin-1",
    ],
)
def test_body_of_another_type(front: TestClient, media_type: str) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        'application/json;Charset="UTF-8"',
        "application/json; charset=us-ascii",
    ],
)
def test_json_however_it_is_called(front: TestClient, media_type: str) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 422


A_JOB = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf"


@pytest.mark.parametrize(
    ("address", "parameter", "detail"),
    [
        ("/v1/jobs?limit=0", "limit", 'should be at least 1, not "0"'),
        ("/v1/jobs?limit=101", "limit", None),
        ("/v1/jobs?limit=ten", "limit", None),
        ("/v1/jobs?limit=1&limit=2", "limit", "should be there once, not 2 times"),
        ("/v1/jobs?status=running&status=done", "status", None),
        ("/v1/jobs?after=job_1", "after", None),
        ("/v1/jobs?limit=3_0", "limit", "should be an integer in plain digits, such as 20, not '3_0'"),
        ("/v1/jobs?limit=%203", "limit", "should be an integer in plain digits, such as 20, not ' 3'"),
        ("/v1/jobs?limit=+3", "limit", "should be an integer in plain digits, such as 20, not ' 3'"),
        ("/v1/jobs?limit=%2B3", "limit", "should be an integer in plain digits, such as 20, not '+3'"),
        ("/v1/jobs?limit=%D9%A3", "limit", None),
        ("/v1/jobs?limit=1e1", "limit", None),
        ("/v1/jobs?limit=0x10", "limit", None),
        ("/v1/jobs?limit=3.0", "limit", None),
        ("/v1/jobs?limit=03", "limit", None),
        ("/v1/jobs?limit=", "limit", None),
        ("/v1/jobs?limit", "limit", None),
        ("/v1/jobs?status=Running", "status", None),
        ("/v1/jobs?status=runing", "status", None),
        ("/v1/jobs?status=", "status", None),
        ("/v1/jobs?name=", "name", "should not be empty"),
        ("/v1/jobs?name=%ff", "name", "should be text in UTF-8, percent-encoded"),
        ("/v1/jobs?name=a&name=a", "name", None),
        ("/v1/jobs?sort=%2Bname", "sort", None),
        ("/v1/projects?after=", "after", None),
        (f"{A_JOB}/metrics?after_epoch=3_0", "after_epoch", None),
        (f"{A_JOB}/metrics?max_points=1_000", "max_points", None),
        (f"{A_JOB}/metrics?format=CSV", "format", None),
        (f"{A_JOB}/stream?after=+1", "after", None),
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


@pytest.mark.parametrize("value", ["1", "yes", "on", "True", "TRUE", "t", "", "0", "no"])
def test_a_flag_is_true_or_false(front: TestClient, value: str) -> None:
    problem = front.post(f"/v1/jobs?dry_run={value}", json={"spec": SPEC}).json()
    assert problem["errors"] == [{"parameter": "dry_run", "detail": f"should be true or false, not {value!r}"}]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00+00:00"),
        ("2026-11-25t12:00:00z", "2026-11-25T12:00:00+00:00"),
        ("2026-11-25 12:00:00Z", "2026-11-25T12:00:00+00:00"),
        ("2026-11-25T12:00:00.1234567899Z", "2026-11-25T12:00:00.123456+00:00"),
        ("2026-11-25T12:00:00+05:30", "2026-11-25T06:30:00+00:00"),
        ("2026-11-25T12:00:00-00:00", "2026-11-25T12:00:00+00:00"),
        ("2024-02-29T23:59:59-23:59", "2024-03-01T23:58:59+00:00"),
    ],
)
def test_a_time_is_read_as_it_is_written(written: str, read: str) -> None:
    assert TypeAdapter(Time).validate_python(written).isoformat() == read


@pytest.mark.parametrize(
    ("written", "detail"),
    [
        ("2026-11-25T12:00:00+02:00", "so write it as %2B"),
        ("2026-11-25T12:00:00", "an offset from UTC"),
        ("2026-11-25", "an offset from UTC"),
        ("2026-11-25T12:00Z", "should be a time with its offset"),
        ("2016-12-31T23:59:60Z", "should have no leap second"),
        ("2026-11-25T24:00:00Z", "should have hours from 00 to 23"),
        ("2026-11-25T24:00:01Z", "should have a time of day"),
        ("2026-11-25T12:60:00Z", "should have a time of day"),
        ("2026-02-29T12:00:00Z", "there is no 2026-02-29"),
        ("2026-13-01T12:00:00Z", "there is no 2026-13-01"),
        ("0000-01-01T00:00:00Z", "should have a year from 0001"),
        ("10000-01-01T00:00:00Z", "should be a time with its offset"),
        ("9999-12-31T23:59:59-01:00", "should be a time that UTC has"),
        ("2026-11-25T12:00:00%2B24:00", "should have an offset from"),
        ("2026-11-25T12:00:00%2B0200", "should be a time with its offset"),
        ("1764072000", "should be a time with its offset"),
        ("now", "should be a time with its offset"),
        ("", "should be a time with its offset"),
        ("2026-11-25T12:00:0%D9%A3Z", "should be a time with its offset"),
    ],
)
def test_a_time_that_is_none_is_told_what_would_be(front: TestClient, written: str, detail: str) -> None:
    [error] = front.get(f"/v1/jobs?created_after={written}").json()["errors"]
    assert error["parameter"] == "created_after"
    assert detail in error["detail"]


@pytest.mark.parametrize(
    ("method", "asked", "meant"),
    [
        ("GET", f"{A_JOB}/logs", f"{A_JOB}/log"),
        ("GET", f"{A_JOB}/epochs", f"{A_JOB}/metrics"),
        ("GET", f"{A_JOB}/epoch", f"{A_JOB}/metrics"),
        ("GET", f"{A_JOB}/model", f"{A_JOB}/weights"),
        ("GET", f"{A_JOB}/checkpoint", f"{A_JOB}/checkpoints"),
        ("GET", f"{A_JOB}/weight", f"{A_JOB}/weights"),
        ("GET", f"{A_JOB}/event", f"{A_JOB}/events"),
        ("GET", f"{A_JOB}/curve", f"{A_JOB}/curves.svg"),
        ("GET", f"{A_JOB}/status", A_JOB),
        ("GET", f"{A_JOB}/", A_JOB),
        ("POST", f"{A_JOB}/cancle", f"{A_JOB}/cancel"),
        ("POST", f"{A_JOB}/logs", f"GET {A_JOB}/log"),
        ("GET", f"{A_JOB}/retry", f"POST {A_JOB}/rerun"),
        ("GET", "/v1/job", "/v1/jobs"),
        ("GET", "/v1/jobs/", "/v1/jobs"),
        ("GET", "/jobs", "/v1/jobs"),
        ("GET", f"/api{A_JOB}/log", f"{A_JOB}/log"),
        ("GET", "/v1/runs", "/v1/jobs"),
        ("GET", "/health", "/livez"),
        ("GET", "/openapi", "/openapi.json"),
        ("GET", "/v1/fine_tuning/jobs/x", "/v1/jobs/x"),
    ],
)
def test_an_address_that_is_not_there_is_told_which_is(front: TestClient, method: str, asked: str, meant: str) -> None:
    problem = front.request(method, asked).json()
    assert problem["code"] == "route_not_found"
    assert problem["detail"].endswith(f"Did you mean {meant}?")


def test_nothing_like_it_is_no_guess(front: TestClient) -> None:
    for asked in ("/", "/x", "/v1", "/v1/x", f"{A_JOB}/zzz", "/v1/" + "a" * 5000):
        assert front.get(asked).json()["detail"].endswith("/docs has all that there is.")
