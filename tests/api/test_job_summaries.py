"""Jobs as rows of a table, and the curves of many jobs."""

import gzip
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from api.views.flat_spec import flat
from models import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models import Database
    from tests.api.conftest import Tenants
    from tests.stage import Stage

LIST = "/v1/job-summaries"
STRANGER = "job_01kasm2pbk5s9d0w3g6vq8zrhf"


def ids(client: TestClient, query: str = "", **headers: Any) -> list[str]:
    answer = client.get(f"{LIST}?{query}", **headers)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


@contextmanager
def counting(database: "Database") -> "Iterator[list[str]]":
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_a_row_says_what_the_job_says(client: TestClient, stage: "Stage") -> None:
    waiting = stage.submit(name="later", tags=["a", "b"], priority=3)
    claim = stage.start(stage.submit(epochs=4, validation=0.1))
    stage.epoch(claim, 0, test_accuracy=0.5, validation_accuracy=0.75)
    stage.epoch(claim, 1, test_accuracy=0.9, validation_accuracy=0.25, test_loss=float("nan"))
    stage.steps(claim, 2, {0: 1.5})
    failed = stage.start(stage.submit())
    stage.fail(failed)
    rows = {row["id"]: row for row in client.get(LIST).json()["data"]}
    assert list(rows) == [failed.job_id, claim.job_id, waiting]
    same = ("name", "tags", "status", "requested", "created_at", "started_at", "finished_at", "parent", "priority")
    for job_id, row in rows.items():
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert {name: row[name] for name in (*same, "repeats")} == {name: job[name] for name in (*same, "repeats")}
        progress = ("epochs", "epoch", "percent", "estimated_finish")
        assert {name: row[name] for name in progress} == {name: job["progress"][name] for name in progress}
        assert row["spec"] == dict(flat(job["spec"]))
        assert (row["dataset"], row["architecture"]) == ("digits", job["spec"]["architecture"]["name"])
        assert row["queue_code"] == (job["queue"] and job["queue"]["code"])
        assert row["error_code"] == (job["error"] and job["error"]["code"])
        for name in row["latest"] or ():
            assert row["latest"][name] == job["latest"][name]
    running = rows[claim.job_id]
    assert running["latest"]["test_loss"] == "NaN"
    assert running["latest"]["epoch"] == 1
    assert running["best"] == {"epoch": 0, "accuracy": 0.75, "chosen_on": "validation"}
    assert running["device"] == "cpu"
    assert (rows[waiting]["latest"], rows[waiting]["best"], rows[waiting]["device"]) == (None, None, None)
    assert rows[waiting]["queue_code"]
    assert rows[failed.job_id]["error_code"]


def test_a_version_of_a_data_set_is_named(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    with stage.database.session() as session:
        session.get_one(Job, job_id).dataset_version = 3
    assert client.get(LIST).json()["data"][0]["dataset"] == "digits@3"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("net", [0, 1]),
        ("NET", [0, 1]),
        ("fast", [1, 2]),  # a part of a name, and a tag
        ("fas", [1]),  # a part of a tag is none
        ("100%25", [3]),
        ("%25", [3]),
        ("_", [4]),
        ("/", [5]),
        ("%C3%A9cole", [6]),
        ("%C3%89COLE", [6]),
        ("nothing", []),
    ],
)
def test_search(client: TestClient, stage: "Stage", search: str, found: list[int]) -> None:
    names = ["ResNet", "resnet fast", "x", "100%", "a_b", "a/b", "École", None]
    made = [stage.submit(name=name, tags=["FAST"] if name == "x" else []) for name in names]
    other = stage.submit(name="resnet", tags=["fast"])
    with stage.database.session() as session:
        session.get_one(Job, other).deleted_at = session.get_one(Job, other).created_at
    expected = [made[number] for number in found]
    if search == "_":
        expected = made  # in every id
    assert sorted(ids(client, f"search={search}")) == sorted(expected)


def test_ids_and_parts_of_ids(client: TestClient, stage: "Stage") -> None:
    first, second, third = (stage.submit() for _ in range(3))
    assert ids(client, f"id={first}&id={third}&id={STRANGER}&id=x") == [third, first]
    assert ids(client, f"search={second[-9:].upper()}") == [second]
    assert ids(client, f"search={second[-9:]}&id={first}") == []
    assert ids(client, f"search={second[-9:]}&status=queued&status=running&sort=priority") == [second]


def test_pages_keep_their_filter(client: TestClient, stage: "Stage") -> None:
    made = [stage.submit(name=f"net {number}", tags=["t"]) for number in range(5)]
    stage.submit(name="other")
    page, seen = client.get(f"{LIST}?search=NET&tag=t&limit=2").json(), list[str]()
    while True:
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        assert page["next"].startswith(LIST)
        page = client.get(page["next"]).json()
    assert seen == made[::-1]


@pytest.mark.parametrize(("accepts", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("identity", False)])
def test_many_rows_are_packed_for_whoever_reads_that(
    client: TestClient, stage: "Stage", accepts: str, *, packed: bool
) -> None:
    made = [stage.submit(name=f"猫 {number}") for number in range(5)]
    with client.stream("GET", LIST, headers={"Accept-Encoding": accepts}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert answer.headers["Vary"] == "Accept-Encoding"
    rows = json.loads(gzip.decompress(raw) if packed else raw)["data"]
    assert [row["id"] for row in rows] == made[::-1]
    assert len(raw) < 2000 or not packed


def test_nobody_finds_what_is_another_s(guarded: TestClient, tenants: "Tenants", stage: "Stage") -> None:
    theirs = stage.start(stage.submit(project="first", name="secret", tags=["tag"])).job_id
    mine = stage.submit(project="second", name="secret", tags=["tag"])
    header = tenants.header("second", "read")
    for query in ("", "search=secret", "search=tag", f"search={theirs[4:9]}", f"id={theirs}&id={mine}"):
        assert ids(guarded, query, headers=header) == [mine]
    answer = guarded.get("/v1/curves", params={"job": [theirs, mine]}, headers=header)
    assert [row["job_id"] for row in answer.json()["data"]] == [mine]


def test_a_thousand_rows_cost_few_queries(client: TestClient, stage: "Stage", database: "Database") -> None:
    claims = [stage.start(stage.submit()) for _ in range(12)]
    for claim in claims:
        stage.epoch(claim, 0)

    def queries(limit: int) -> int:
        database: Database = client.app_state["service"].database
        with counting(database) as statements:
            assert len(ids(client, f"limit={limit}")) == min(limit, 12)
        return len(statements)

    few = queries(2)
    assert queries(1000) == few <= 10
    assert queries(1000) < few  # what has not changed is not read again


def test_curves(client: TestClient, stage: "Stage") -> None:
    first, second, empty = stage.start(stage.submit(epochs=500)), stage.start(stage.submit()), stage.submit()
    stage.many_epochs(first, range(400))
    stage.epoch(first, 200, test_accuracy=0.99, test_loss=float("inf"))
    stage.epoch(second, 0, test_loss=None, test_accuracy=None)
    stage.epoch(second, 1)
    asked = [second.job_id, STRANGER, empty, "no\0id", first.job_id]
    found = client.get("/v1/curves", params={"job": asked, "max_points": 20}).json()["data"]
    assert [row["job_id"] for row in found] == [second.job_id, empty, first.job_id]
    assert found[0]["epoch"] == [0, 1]
    assert found[0]["test_accuracy"] == [None, 0.5]
    assert found[1] == {"job_id": empty, **{name: [] for name in found[1] if name != "job_id"}}
    long = found[2]
    assert {len(column) for name, column in long.items() if name != "job_id"} == {20}
    assert (long["epoch"][0], long["epoch"][-1]) == (0, 399)
    best = long["epoch"].index(200)
    assert (long["test_accuracy"][best], long["test_loss"][best]) == (0.99, "Infinity")
    assert len(client.get("/v1/curves", params={"job": first.job_id}).json()["data"][0]["epoch"]) == 40


def test_curves_are_those_of_now(client: TestClient, stage: "Stage") -> None:
    claim = stage.start(stage.submit())
    for epoch in range(3):
        stage.epoch(claim, epoch)
        for _ in range(2):
            (curves,) = client.get("/v1/curves", params={"job": claim.job_id}).json()["data"]
            assert curves["epoch"] == [*range(epoch + 1)]


def test_curves_of_a_hundred_jobs_cost_three_queries(client: TestClient, stage: "Stage") -> None:
    claims = [stage.start(stage.submit()) for _ in range(10)]
    for claim in claims:
        stage.epoch(claim, 0)
    with counting(client.app_state["service"].database) as statements:
        client.get("/v1/curves", params={"job": [claim.job_id for claim in claims]})
    assert len([text for text in statements if "epochs" in text or "jobs" in text]) == 3


@pytest.mark.parametrize("query", ["", f"job={STRANGER}&job={STRANGER}", "&".join(f"job={n}" for n in range(101))])
def test_one_to_a_hundred_jobs_each_once(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/curves?{query}")
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["job"]
