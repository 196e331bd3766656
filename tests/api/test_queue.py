"""Who waits and why; who comes first; what happened."""

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

if TYPE_CHECKING:
    from tests.stage import Stage

SPEC = {"dataset": "digits"}


def test_queue_is_in_the_order_in_which_it_is_served(client: TestClient, stage: "Stage") -> None:
    old, urgent, late, young = [stage.submit(priority=priority) for priority in (5, 9, 0, 5)]
    page = client.get("/v1/queue").json()
    assert [(row["job_id"], row["position"]) for row in page["data"]] == [(urgent, 1), (old, 2), (young, 3), (late, 4)]
    assert (page["has_more"], page["next"]) == (False, None)
    first = page["data"][0]
    assert first.pop("queued_at").endswith("Z")
    assert first == {
        "job_id": urgent,
        "name": None,
        "priority": 9,
        "devices": 1,
        "accelerator": None,
        "requested": None,
        "position": 1,
        "code": "no_worker",
        "reason": "No worker is connected.",
    }


def test_pages_of_the_queue_go_on_where_a_job_has_left_it(client: TestClient, stage: "Stage") -> None:
    ids = [stage.submit(priority=priority) for priority in (9, 5, 5, 1)]
    page = client.get("/v1/queue", params={"limit": 2}).json()
    assert page["has_more"] is True
    seen = [row["job_id"] for row in page["data"]]
    stage.start(ids[1])  # the last of the page
    stage.submit(priority=9)  # what comes in front moves nothing
    page = client.get(page["next"]).json()
    assert seen + [row["job_id"] for row in page["data"]] == ids
    assert page["next"] is None


def test_cursor_that_is_no_job(client: TestClient) -> None:
    answer = client.get("/v1/queue", params={"after": "job_01kasm2pbk5s9d0w3g6vq8zrhf"})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert client.get("/v1/queue?after=a").status_code == 422


def submit(client: TestClient, **members: Any) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json={"spec": SPEC, **members})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_job_that_no_worker_could_run_says_so_at_once(client: TestClient, stage: "Stage") -> None:
    assert submit(client, accelerator="H100")["queue"]["code"] == "no_worker"
    stage.sign_on()
    for members in ({"accelerator": "H100"}, {"accelerator": "gpu"}):
        queue = submit(client, **members)["queue"]
        assert queue["code"] == "no_such_device"
        assert "there is: 1 x cpu" in queue["reason"]
    stage.sign_on(devices=["NVIDIA H100 80GB HBM3"])
    assert submit(client, accelerator="H100")["queue"]["code"] != "no_such_device"
    listed = client.get("/v1/queue").json()["data"]
    assert {row["accelerator"] for row in listed} == {"h100", "gpu"}


def test_priority_and_the_rest_are_kept(client: TestClient) -> None:
    chosen = {"priority": 0, "max_retries": 100, "accelerator": "NVIDIA A100-SXM4-80GB"}
    job = submit(client, **chosen)
    assert {name: job[name] for name in chosen} == chosen | {"accelerator": "nvidia a100-sxm4-80gb"}
    assert client.get(job["links"]["self"]).json() == job


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("priority", -1),
        ("priority", 10),
        ("priority", True),
        ("priority", None),
        ("max_retries", -1),
        ("max_retries", 101),
        ("accelerator", ""),
        ("accelerator", "a" * 65),
        ("accelerator", "100%"),
        ("accelerator", "a_b"),
        ("accelerator", "h100\n"),
        ("accelerator", "ﬁ"),
    ],
)
def test_what_is_out_of_bounds_is_refused(front: TestClient, name: str, value: object) -> None:
    answer = front.post("/v1/jobs", json={"spec": SPEC, name: value})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{name}"]


def test_events_in_order_and_none_twice(client: TestClient, stage: "Stage") -> None:
    job_id, other = stage.submit(), stage.submit()
    claim = stage.start(job_id)
    address = f"/v1/jobs/{job_id}/events"
    page = client.get(address, params={"limit": 2}).json()
    assert [(row["type"], row["attempt"]) for row in page["data"]] == [("queued", 0), ("starting", 1)]
    assert page["has_more"] is True
    assert page["data"][0].keys() == {"id", "type", "message", "attempt", "epoch", "metrics", "created_at"}
    page = client.get(page["next"]).json()
    assert [row["type"] for row in page["data"]] == ["running"]
    empty = client.get(page["next"]).json()
    assert empty == {"data": [], "has_more": False, "next": page["next"]}
    stage.succeed(claim)
    page = client.get(empty["next"]).json()
    assert [(row["type"], row["message"]) for row in page["data"]] == [("succeeded", "Every epoch is trained.")]
    ids = [row["id"] for row in client.get(address).json()["data"]]
    assert ids == sorted(ids)
    assert len(client.get(f"/v1/jobs/{other}/events").json()["data"]) == 1


@pytest.mark.parametrize("after", [2**31, 2**53])
def test_events_behind_any_id(client: TestClient, stage: "Stage", after: int) -> None:
    assert client.get(f"/v1/jobs/{stage.submit()}/events?after={after}").json()["data"] == []
    assert client.get(f"/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/events?after={after}").status_code == 404
