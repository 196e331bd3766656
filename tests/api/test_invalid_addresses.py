"""Queries that are wrong, and addresses that are not there: what would be right."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from api.http.times import Time
from tests.api.conftest import A_JOB

SPEC: dict[str, Any] = {"dataset": "digits"}


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
            "dataset, limit, name, parent, sort, status, tag; did you mean 'limit'?",
        ),
        ("/v1/job-summaries?limit=1001", "limit", None),
        ("/v1/job-summaries?id=", "id", "should not be empty"),
        ("/v1/job-summaries?" + "&".join(f"id={number}" for number in range(101)), "id", None),
        ("/v1/job-summaries?search=", "search", "should not be empty"),
        ("/v1/job-summaries?search=a&search=b", "search", None),
        ("/v1/job-summaries?job=a", "job", None),
        ("/v1/curves?job=a&max_points=11", "max_points", None),
        ("/v1/curves?id=a", "id", None),
        ("/v1/events/stream?after=1", "after", None),
        ("/v1/events/stream?after=", "after", None),
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
        ("GET", f"{A_JOB}/tensorboard", f"{A_JOB}/tensorboard.zip"),
        ("GET", f"{A_JOB}/status", A_JOB),
        ("GET", f"{A_JOB}/", A_JOB),
        ("POST", f"{A_JOB}/cancle", f"{A_JOB}/cancel"),
        ("POST", f"{A_JOB}/logs", f"GET {A_JOB}/log"),
        ("GET", f"{A_JOB}/retry", f"POST {A_JOB}/rerun"),
        ("GET", "/v1/job", "/v1/jobs"),
        ("GET", "/v1/jobs/", "/v1/jobs"),
        ("GET", "/jobs/", "/v1/jobs"),
        ("GET", "/job", "/v1/jobs"),
        ("GET", "/setting", "/settings"),
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
    for asked in ("/x", "/v1", "/v1/x", f"{A_JOB}/zzz", "/v1/" + "a" * 5000):
        assert front.get(asked).json()["detail"].endswith("/docs has all that there is.")
