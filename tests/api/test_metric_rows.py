"""Rows of epochs and steps for a chart, and as CSV."""

import csv
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from api.schemas import EpochRow, StepRow

if TYPE_CHECKING:
    from tests.stage import Stage

NAN, INFINITY = float("nan"), float("inf")
CSV = {"Accept": "text/csv"}


def test_as_many_epochs_as_a_chart_needs(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(epochs=500)
    claim = stage.start(job_id)
    stage.many_epochs(claim, range(1, 400))
    stage.epoch(claim, 0)
    stage.epoch(claim, 400, test_loss=9.0, test_accuracy=0.75)
    stage.epoch(claim, 401, test_loss=NAN)
    stage.epoch(claim, 402)
    address = f"/v1/jobs/{job_id}/metrics"
    page = client.get(f"{address}?max_points=40").json()
    rows = {row["epoch"]: row for row in page["data"]}
    assert len(rows) == 40
    assert {0, 400, 401, 402} <= set(rows)
    assert (rows[400]["test_accuracy"], rows[401]["test_loss"]) == (0.75, "NaN")
    assert page["has_more"] is False
    stage.epoch(claim, 403)
    following = client.get(page["next"]).json()
    assert [row["epoch"] for row in following["data"]] == [403]
    assert "max_points=40" in following["next"]
    later = client.get(f"{address}?max_points=40&after_epoch=399").json()["data"]
    assert [row["epoch"] for row in later] == [400, 401, 402, 403]


def test_as_many_steps_as_a_chart_needs(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for epoch in range(3):
        stage.steps(claim, epoch, {step: 1.0 + step / 100 for step in range(100)})
    stage.steps(claim, 1, {50: NAN})
    page = client.get(f"/v1/jobs/{job_id}/steps?max_points=20").json()
    places = [(row["epoch"], row["step"]) for row in page["data"]]
    assert len(places) == 20
    assert {(0, 0), (0, 99), (1, 50), (2, 99)} <= set(places)
    stage.steps(claim, 3, {0: 1.0})
    assert [(row["epoch"], row["step"]) for row in client.get(page["next"]).json()["data"]] == [(3, 0)]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("metrics?max_points=5", "max_points"),
        ("steps?max_points=3", "max_points"),
        ("metrics?max_points=5001", "max_points"),
        ("metrics?max_points=50&limit=10", "max_points"),
        ("steps?max_points=50&limit=10", "max_points"),
        ("steps?after_step=3", "after_step"),
        ("metrics?format=xml", "format"),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, stage: "Stage", query: str, parameter: str) -> None:
    answer = client.get(f"/v1/jobs/{stage.submit()}/{query}")
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


def test_epochs_as_csv(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_loss=NAN)
    stage.epoch(claim, 1, test_loss=INFINITY, test_accuracy=None)
    answer = client.get(f"/v1/jobs/{job_id}/metrics", headers=CSV)
    assert answer.headers["Content-Type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{job_id}-metrics.csv"'
    assert "Link" not in answer.headers
    assert answer.text.endswith("\r\n")
    header, first, second = answer.text.splitlines()
    assert header == ",".join(EpochRow.model_fields)
    rows = client.get(f"/v1/jobs/{job_id}/metrics").json()["data"]
    assert first == ",".join("" if value is None else str(value) for value in rows[0].values())
    assert second.split(",")[3:6] == ["Infinity", "", ""]
    assert ",NaN," in first


def test_pages_of_csv_are_linked(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, dict.fromkeys(range(5), 1.0))
    address, seen, pages = f"/v1/jobs/{job_id}/steps?format=csv&limit=2", list[str](), 0
    while address:
        answer = client.get(address)
        rows = list(csv.DictReader(StringIO(answer.text, newline="")))
        assert all(row.keys() == StepRow.model_fields.keys() for row in rows)
        seen, pages = seen + [row["step"] for row in rows], pages + 1
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        address = link.partition("<")[2].partition(">")[0]
    assert (seen, pages) == (["0", "1", "2", "3", "4"], 3)


@pytest.mark.parametrize(
    ("accept", "query", "media_type"),
    [
        (None, "", "application/json"),
        ("*/*", "", "application/json"),
        ("text/*", "", "text/csv"),
        ("text/csv;q=0.5, application/json;q=0.4", "", "text/csv"),
        ("text/csv, application/json", "", "application/json"),
        ("application/json;q=0, */*", "", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "", "application/json"),
        ("TEXT/CSV ; Q=1", "", "text/csv"),
        ("application/json", "?format=csv", "text/csv"),
        ("text/csv", "?format=json", "application/json"),
        ("text/csv;q=much, application/json;q=0.9", "", "text/csv"),
    ],
)
def test_the_form_is_what_the_query_says_or_else_what_is_accepted(
    client: TestClient, stage: "Stage", accept: str | None, query: str, media_type: str
) -> None:
    client.headers.pop("Accept")
    headers = {} if accept is None else {"Accept": accept}
    answer = client.get(f"/v1/jobs/{stage.submit()}/metrics{query}", headers=headers)
    assert answer.headers["Content-Type"].partition(";")[0] == media_type
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0, text/html", "text/csv;q=0, */*;q=0"])
def test_a_form_that_there_is_not(client: TestClient, stage: "Stage", accept: str) -> None:
    answer = client.get(f"/v1/jobs/{stage.submit()}/steps?format=csv", headers={"Accept": accept})
    assert answer.status_code == 406
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Accept" in answer.headers["Vary"]
    problem = answer.json()
    assert problem["code"] == "not_acceptable"
    assert "text/csv" in problem["detail"]


@pytest.mark.parametrize("operation", ["metrics", "steps"])
def test_the_contract_has_both_forms(client: TestClient, operation: str) -> None:
    described = client.get("/openapi.json").json()["paths"][f"/v1/jobs/{{job_id}}/{operation}"]["get"]
    answer = described["responses"]["200"]
    assert answer["content"].keys() == {"application/json", "text/csv"}
    assert answer["headers"].keys() >= {"Link", "Vary"}
