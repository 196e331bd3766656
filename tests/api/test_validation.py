"""Where a body is wrong, and what would be right."""

import json
import re
from typing import Any, cast, get_args
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from api.http.validation import body_errors
from api.http.validation_messages import _MESSAGES, error_message
from api.schemas.field_suggestions import ALIASES, _index
from api.schemas.submission import JobCreate
from tests.api.conftest import A_JOB
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
            "the body has no field 'nmae'; it has accelerator, description, max_retries, name, priority, repeats, "
            "spec, tags; did you mean 'name'?",
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


@pytest.mark.parametrize("error", get_args(ErrorType))
def test_nothing_that_pydantic_says_is_passed_on(error: str) -> None:
    """Whatever a field should come to be checked by."""
    context = dict.fromkeys(re.findall(r"\{(\w+)\}", str(_MESSAGES.get(error))), 1)
    told: Any = {"type": error, "loc": ("a",), "msg": "Input should be a valid thing", "input": {}, "ctx": context}
    told["ctx"] |= {"min_length": 2, "max_length": 2, "actual_length": 1}
    assert "valid" not in error_message(told)
    assert "{" not in error_message(told)
