"""Sweeps over HTTP: all of their jobs or none; how they are doing; cancelled and deleted; nobody sees another's."""

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from jobs import changes as job_changes
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, Project, Sweep
from settings import Settings
from sweeps import changes

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

SPEC: dict[str, Any] = {"dataset": "digits", "architecture": "resnet20", "epochs": 5, "optimizer": "sgd"}
SPACE: dict[str, list[Any]] = {"optimizer.learning_rate": [0.1, 0.01], "batch_size": [64, 128]}
BODY: dict[str, Any] = {"name": "rates", "spec": SPEC, "space": SPACE}


def made(client: TestClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = client.post("/v1/sweeps", json=body or BODY)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == found["links"]["self"]
    return found


def refused(client: TestClient, space: dict[str, Any], spec: dict[str, Any] | None = None) -> list[dict[str, str]]:
    answer = client.post("/v1/sweeps", json={"spec": SPEC | (spec or {}), "space": space})
    assert answer.status_code == 422, answer.text
    errors: list[dict[str, str]] = answer.json()["errors"]
    return errors


def finish(stage: "Stage", job_id: str, test_accuracy: float = 0.5) -> None:
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=test_accuracy)
    stage.succeed(claim)


def test_a_grid_is_a_job_for_every_combination(client: TestClient) -> None:
    sweep = made(client, BODY | {"tags": ["lab"], "priority": 7})
    values = [list(trial["values"].values()) for trial in sweep["trials"]]
    assert values == [[0.1, 64], [0.1, 128], [0.01, 64], [0.01, 128]]
    assert (sweep["status"], sweep["jobs"], sweep["space"], sweep["spec"]) == ("queued", {"queued": 4}, SPACE, SPEC)
    job = client.get(sweep["trials"][2]["url"]).json()
    assert (job["parent"], job["tags"], job["priority"]) == (sweep["id"], ["lab"], 7)
    assert job["name"] == "rates: optimizer.learning_rate 0.01, batch_size 64"
    assert (job["spec"]["optimizer"]["learning_rate"], job["spec"]["batch_size"]) == (0.01, 64)
    listed = client.get(sweep["links"]["jobs"]).json()["data"]
    assert {each["id"] for each in listed} == {trial["job_id"] for trial in sweep["trials"]}


def test_a_wrong_value_is_named_with_its_place_in_the_space_and_its_trial(client: TestClient, stage: "Stage") -> None:
    [error] = refused(client, {"batch_size": [64, 1], "seed": [0, 1]})
    assert error["pointer"] == "#/space/batch_size/1"
    assert error["detail"].endswith("(trial 3: batch_size 1, seed 0)")
    [error] = refused(client, {"optimizer": ["sgd", {"name": "sgd", "learning_rate": -1}]})
    assert error["pointer"] == "#/space/optimizer/1/learning_rate"
    [error] = refused(client, {"optimiser.momentum": [0.5]})
    assert error["pointer"] == "#/space/optimiser.momentum/0"
    assert "write optimizer" in error["detail"]
    # Only together with a value of the spec is it wrong: of digits' images, there are 1,437.
    [error] = refused(client, {"batch_size": [64, 2000]})
    assert error["pointer"] == "#/space/batch_size/1"
    [error] = refused(client, {"seed": [0, 1]}, {"epochs": 0})
    assert (error["pointer"], "trial 1" in error["detail"]) == ("#/spec/epochs", True)
    [error] = refused(client, {"dataset": ["digits", "Digits"]})
    assert error["pointer"] == "#/space/dataset/1"
    assert stage.jobs() == 0


def test_a_space_has_bounds_and_no_trial_twice(client: TestClient) -> None:
    [error] = refused(client, {"seed": list(range(11)), "epochs": list(range(1, 11))})
    assert (error["pointer"], "110 jobs" in error["detail"]) == ("#/space", True)
    [error] = refused(client, {"seed": [0, 1, 0]})
    assert error["pointer"] == "#/space/seed/2"
    spaces: list[dict[str, list[int]]] = [{}, {"seed": []}, {"a..b": [1]}]
    assert all(refused(client, space) for space in spaces)


def test_a_quota_lets_all_jobs_in_or_none(client: TestClient, stage: "Stage", database: Database) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == DEFAULT_PROJECT).values(max_queued_jobs=3))
    answer = client.post("/v1/sweeps", json=BODY)
    assert (answer.status_code, answer.json()["quota"]) == (403, "max_queued_jobs")
    assert (stage.jobs(), client.get("/v1/sweeps").json()["data"]) == (0, [])


def test_a_repeated_request_makes_nothing_new(client: TestClient, stage: "Stage") -> None:
    first, second = (client.post("/v1/sweeps", json=BODY, headers={"Idempotency-Key": "monday"}) for _ in range(2))
    assert (second.headers["Idempotent-Replayed"], second.text) == ("true", first.text)
    assert second.headers["Location"] == first.headers["Location"] == f"/v1/sweeps/{first.json()['id']}"
    assert stage.jobs() == 4
    other = client.post("/v1/jobs", json={"spec": SPEC}, headers={"Idempotency-Key": "monday"})
    assert other.json()["code"] == "idempotency_key_reused"


def test_what_its_jobs_do_is_told(client: TestClient, stage: "Stage") -> None:
    sweep = made(client)
    first, second, third, fourth = (trial["job_id"] for trial in sweep["trials"])
    finish(stage, first, 0.25)
    finish(stage, second, 0.75)
    stage.fail(stage.start(third))
    found = client.get(sweep["links"]["self"]).json()
    assert (found["status"], found["jobs"]) == ("running", {"succeeded": 2, "failed": 1, "queued": 1})
    assert found["progress"] == {"jobs_over": 3, "jobs": 4, "percent": 75.0}
    assert (found["trials"][1]["best"]["test_accuracy"], found["trials"][2]["error"]["code"]) == (0.75, "diverged")
    ordered = client.get(sweep["links"]["self"], params={"sort": "best_accuracy"}).json()["trials"]
    assert [trial["job_id"] for trial in ordered] == [second, first, third, fourth]
    client.post(f"/v1/jobs/{fourth}/cancel")
    assert client.delete(f"/v1/jobs/{fourth}").status_code == 204
    found = client.get(sweep["links"]["self"]).json()
    assert (found["status"], found["jobs"]["deleted"]) == ("succeeded", 1)
    assert (found["trials"][3]["status"], found["trials"][3]["url"]) == (None, None)


def test_it_is_cancelled_and_then_deleted_with_its_jobs(client: TestClient, stage: "Stage") -> None:
    sweep = made(client)
    here, cancel = sweep["links"]["self"], sweep["links"]["cancel"]
    finish(stage, sweep["trials"][0]["job_id"])
    answer = client.delete(here)
    assert (answer.status_code, answer.json()["code"]) == (409, "sweep_not_finished")
    for _ in range(2):
        answer = client.post(cancel)
        assert (answer.status_code, answer.json()["jobs"]) == (202, {"succeeded": 1, "cancelled": 3})
    assert client.delete(here).status_code == 204
    assert client.get(here).json()["code"] == "sweep_not_found"
    assert client.get(sweep["trials"][0]["url"]).status_code == 404


def test_what_repeats_a_trial_belongs_to_it(client: TestClient, stage: "Stage") -> None:
    sweep = made(client, {"spec": SPEC, "space": {"seed": [0]}})
    here, cancel, job_id = sweep["links"]["self"], sweep["links"]["cancel"], sweep["trials"][0]["job_id"]
    stage.fail(stage.start(job_id))
    assert client.post(f"/v1/jobs/{job_id}/repeats", json={"repeats": 3}).status_code == 200
    found = client.get(here).json()
    assert (found["status"], found["jobs"]) == ("running", {"failed": 1, "queued": 2})
    assert found["progress"] == {"jobs_over": 1, "jobs": 3, "percent": 33.3}
    assert client.get("/v1/sweeps").json()["data"][0]["progress"] == found["progress"]
    assert "is running: 2 of its jobs have not ended" in client.delete(here).json()["detail"]
    for _ in range(2):
        answer = client.post(cancel)
        assert (answer.status_code, answer.json()["jobs"]) == (202, {"failed": 1, "cancelled": 2})
    assert client.get(here).json()["status"] == "failed"
    assert client.delete(here).status_code == 204
    assert stage.jobs() == 3  # their rows are purged later
    assert client.get("/v1/jobs").json()["data"] == []


def test_what_is_over_is_not_cancelled(client: TestClient, stage: "Stage") -> None:
    sweep = made(client, {"spec": SPEC, "space": {"seed": [0]}})
    finish(stage, sweep["trials"][0]["job_id"])
    answer = client.post(sweep["links"]["cancel"])
    assert (answer.status_code, answer.json()["sweep_status"]) == (409, "succeeded")


def test_none_is_deleted_where_the_model_of_one_is_needed(client: TestClient, stage: "Stage") -> None:
    sweep = made(client, {"spec": SPEC, "space": {"seed": [0, 1]}})
    for trial in sweep["trials"]:
        finish(stage, trial["job_id"])
    model = client.get(f"/v1/models?job={sweep['trials'][1]['job_id']}").json()["data"][0]["id"]
    client.put("/v1/models/cats/versions", json={"model": model})
    client.put("/v1/models/cats/aliases/production", json={"version": 1})
    assert client.delete(sweep["links"]["self"]).json()["code"] == "model_in_use"
    assert client.get(sweep["links"]["self"]).json()["jobs"] == {"succeeded": 2}


def test_pages_of_sweeps(client: TestClient) -> None:
    ids = [made(client, {"spec": SPEC, "space": {"seed": [seed]}})["id"] for seed in range(3)]
    page = client.get("/v1/sweeps?limit=2").json()
    assert [each["id"] for each in page["data"]] == ids[:0:-1]
    assert [each["id"] for each in client.get(page["next"]).json()["data"]] == ids[:1]


def test_a_foreign_sweep_is_not_there(guarded: TestClient, tenants: "Tenants") -> None:
    sweep = guarded.post("/v1/sweeps", json=BODY, headers=tenants.header("first", "train")).json()
    second = tenants.header("second", "admin")
    assert guarded.get("/v1/sweeps", headers=second).json()["data"] == []
    for method, address in (("GET", "self"), ("POST", "cancel"), ("DELETE", "self")):
        answer = guarded.request(method, sweep["links"][address], headers=second)
        assert answer.json()["code"] == "sweep_not_found"
    assert guarded.get(sweep["links"]["jobs"], headers=second).json()["data"] == []


@pytest.mark.parametrize("left", [0, 1])
def test_a_sweep_goes_with_the_last_of_its_jobs(
    client: TestClient, database: Database, settings: Settings, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = made(client, {"spec": SPEC, "space": {"seed": [0, 1]}})
    for trial in sweep["trials"][left:]:
        client.post(f"/v1/jobs/{trial['job_id']}/cancel")
        client.delete(f"/v1/jobs/{trial['job_id']}")
    client.post("/v1/jobs", json={"spec": SPEC})  # SQLite keeps the row of the job that has the last event
    monkeypatch.setattr(changes, "YOUNGEST", -1.0)
    changes.forget_empty(database)
    assert client.get(sweep["links"]["self"]).status_code == 200  # its jobs' rows are still there
    job_changes.purge(database, VerifiedStorage(settings.storage_url))
    changes.forget_empty(database)
    with database.snapshot() as session:
        assert session.query(Sweep).count() == left
