"""A job under several seeds, over HTTP: as one thing, with means, and beside another one."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from models import Job

if TYPE_CHECKING:
    from tests.stage import Stage

SPEC = {"dataset": "digits", "architecture": "resnet20", "epochs": 2, "seed": 3}


def submit(client: TestClient, repeats: int, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json={"spec": SPEC | fields.pop("spec", {}), "repeats": repeats, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def repeats_of(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(job["links"]["repeats"]).json()
    return found


def play(stage: "Stage", client: TestClient, job: dict[str, Any], accuracies: list[float]) -> None:
    """Each of its runs succeeds after two epochs, the last with one of `accuracies`."""
    for run, accuracy in zip(repeats_of(client, job)["jobs"], accuracies, strict=True):
        claim = stage.start(run["id"])
        stage.epoch(claim, 0, test_accuracy=0.5)
        stage.epoch(claim, 1, test_accuracy=accuracy)
        stage.succeed(claim)


def test_a_repeated_job_is_so_many_jobs_under_seeds_that_follow(client: TestClient) -> None:
    job = submit(client, 3, name="thrice", tags=["lab"], priority=7)
    assert (job["repeats"], job["parent"], job["spec"]["seed"]) == (3, None, 3)
    found = repeats_of(client, job)
    assert [(each["seed"], each["status"]) for each in found["jobs"]] == [(3, "queued"), (4, "queued"), (5, "queued")]
    assert found["jobs"][0]["id"] == job["id"]
    other = client.get(found["jobs"][2]["url"]).json()
    assert (other["parent"], other["repeats"]) == (job["id"], 1)
    assert other["spec"] == job["spec"] | {"seed": 5}
    assert (other["name"], other["tags"], other["priority"]) == ("thrice", ["lab"], 7)


def test_a_retried_submission_makes_them_once(client: TestClient) -> None:
    body = json.dumps({"spec": SPEC, "repeats": 2})
    headers = {"Idempotency-Key": "twice", "Content-Type": "application/json"}
    first, again = (client.post("/v1/jobs", content=body, headers=headers).json()["id"] for _ in range(2))
    assert first == again
    assert len(client.get("/v1/jobs").json()["data"]) == 2


def test_means_are_over_what_each_job_has_measured(client: TestClient, stage: "Stage") -> None:
    job = submit(client, 3)
    first, second, _ = (each["id"] for each in repeats_of(client, job)["jobs"])
    for job_id, accuracy in ((first, 0.4), (second, 0.6)):
        stage.epoch(stage.start(job_id), 0, test_accuracy=accuracy)
    found = repeats_of(client, job)
    column = found["spreads"]["test_accuracy"]
    assert (found["epochs"], column["count"], column["mean"]) == ([0], [2], [0.5])
    assert column["deviation"] == [pytest.approx(0.2 / 2**0.5)]
    assert column["low"][0] < 0.4
    assert found["spreads"]["validation_loss"]["mean"] == [None]


def test_what_the_first_is_asked_all_of_them_do(client: TestClient, stage: "Stage") -> None:
    job = submit(client, 3)
    first, running, _ = (each["id"] for each in repeats_of(client, job)["jobs"])
    stage.start(running)
    assert client.post(f"/v1/jobs/{first}/pause").status_code == 202  # a worker has one of them
    assert [each["status"] for each in repeats_of(client, job)["jobs"]] == ["paused", "running", "paused"]
    assert client.post(f"/v1/jobs/{first}/resume").status_code == 200
    assert client.delete(f"/v1/jobs/{first}").status_code == 409
    assert client.post(f"/v1/jobs/{first}/cancel").status_code == 202
    assert [each["status"] for each in repeats_of(client, job)["jobs"]] == ["cancelled", "running", "cancelled"]
    assert client.get(f"/v1/jobs/{running}").json()["requested"] == "cancel"


def test_the_others_are_asked_where_the_first_has_ended(client: TestClient, stage: "Stage") -> None:
    job = submit(client, 2)
    stage.fail(stage.start(job["id"]))
    assert client.post(job["links"]["cancel"]).status_code == 200
    assert [each["status"] for each in repeats_of(client, job)["jobs"]] == ["failed", "cancelled"]
    assert client.post(job["links"]["pause"]).json()["code"] == "job_finished"
    assert client.delete(job["links"]["self"]).status_code == 204
    assert client.get("/v1/jobs").json()["data"] == []


def test_more_seeds_are_added_and_what_was_deleted_comes_again(client: TestClient) -> None:
    job = submit(client, 1)
    answers = [client.post(job["links"]["repeats"], json={"repeats": 3}) for _ in range(2)]
    assert [(each.status_code, each.json()["repeats"]) for each in answers] == [(200, 3), (200, 3)]
    jobs = repeats_of(client, job)["jobs"]
    assert [each["seed"] for each in jobs] == [3, 4, 5]
    client.post(f"/v1/jobs/{jobs[1]['id']}/cancel")
    assert client.delete(f"/v1/jobs/{jobs[1]['id']}").status_code == 204
    client.post(job["links"]["repeats"], json={"repeats": 4})
    assert [each["seed"] for each in repeats_of(client, job)["jobs"]] == [3, 4, 5, 6]
    fewer = client.post(job["links"]["repeats"], json={"repeats": 2})
    assert (fewer.status_code, fewer.json()["code"]) == (409, "repeats_fewer")
    part = client.post(f"/v1/jobs/{jobs[2]['id']}/repeats", json={"repeats": 2})
    assert (part.status_code, part.json()["code"]) == (409, "job_is_repeat")


@pytest.mark.parametrize("repeats", [0, 21, 1.5, "3", None])
def test_one_to_twenty(client: TestClient, repeats: object) -> None:
    answer = client.post("/v1/jobs", json={"spec": SPEC, "repeats": repeats})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/repeats")


def test_the_last_seed_is_followed_by_the_first(client: TestClient) -> None:
    job = submit(client, 2, spec={"seed": 2**32 - 1})
    assert [each["seed"] for each in repeats_of(client, job)["jobs"]] == [2**32 - 1, 0]


def test_verdicts(client: TestClient, stage: "Stage") -> None:
    plain = submit(client, 5, name="plain")
    strong = submit(client, 5, name="strong", spec={"seed": 100})
    single = submit(client, 1, name="single")
    waiting = submit(client, 1, name="waiting")
    play(stage, client, plain, [0.60, 0.61, 0.59, 0.60, 0.605])
    play(stage, client, strong, [0.65, 0.66, 0.64, 0.655, 0.65])
    play(stage, client, single, [0.9])
    ids = [each["id"] for each in (plain, strong, single, waiting)]
    found = client.get("/v1/compare", params={"job": ids}).json()
    better, one, none = found["verdicts"]
    assert (better["baseline"], better["job"], better["verdict"]) == (ids[0], ids[1], "different")
    assert (better["paired"], better["runs"]) == (False, [5, 5])
    assert better["difference"] == pytest.approx(0.05)
    assert 0 < better["low"] < 0.05 < better["high"]
    assert better["sentence"].startswith("strong has a test accuracy that is 5.00 points higher than that of plain")
    assert (one["verdict"], one["low"]) == ("one_run", None)
    assert one["sentence"].startswith("One run:")
    assert (none["verdict"], none["difference"]) == ("no_result", None)
    assert found["jobs"][0]["repeats"] == 5
    assert found["jobs"][0]["spreads"]["test_accuracy"]["count"] == [5, 5]
    assert found["jobs"][2]["spreads"] is None


def test_equal_specs_are_paired_by_seed_and_not_told_apart(client: TestClient, stage: "Stage") -> None:
    one, other = submit(client, 4), submit(client, 4)
    play(stage, client, one, [0.60, 0.61, 0.59, 0.60])
    play(stage, client, other, [0.61, 0.60, 0.60, 0.59])
    (verdict,) = client.get("/v1/compare", params={"job": [one["id"], other["id"]]}).json()["verdicts"]
    assert (verdict["verdict"], verdict["paired"], verdict["runs"]) == ("no_difference", True, [4, 4])
    assert verdict["repeats_for"]["0.02"] > 4
    assert "seeds of each" in verdict["sentence"]


def test_runs_that_fail_are_told_of(client: TestClient, stage: "Stage") -> None:
    plain, strong = submit(client, 3, name="plain"), submit(client, 3, name="strong")
    play(stage, client, plain, [0.60, 0.61, 0.59])
    first, second, third = (each["id"] for each in repeats_of(client, strong)["jobs"])
    for job_id, accuracy in ((first, 0.7), (second, 0.71)):
        claim = stage.start(job_id)
        stage.epoch(claim, 0, test_accuracy=accuracy)
        stage.succeed(claim)
    stage.fail(stage.start(third))
    (verdict,) = client.get("/v1/compare", params={"job": [plain["id"], strong["id"]]}).json()["verdicts"]
    assert verdict["runs"] == [3, 2]
    assert verdict["sentence"].endswith("Not counted: 1 of 3 runs of strong, which ended without a result.")


def test_a_spec_of_a_later_release_is_not_repeated(client: TestClient, stage: "Stage") -> None:
    job = submit(client, 1)
    with stage.database.session() as session:
        row = session.get(Job, job["id"])
        assert row is not None
        row.spec = {**row.spec, "of_a_later_release": True}
    answers = [client.post(job["links"]["repeats"], json={"repeats": 3}) for _ in range(2)]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "job_not_repeatable")] * 2
    assert len(client.get("/v1/jobs").json()["data"]) == 1
