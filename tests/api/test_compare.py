"""Jobs side by side, over HTTP."""

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

if TYPE_CHECKING:
    from tests.stage import Stage

STRANGER = "job_01kasm2pbk5s9d0w3g6vq8zrhf"


def test_compare(client: TestClient, stage: "Stage") -> None:
    first, second = stage.submit(name="small"), stage.submit(batch_size=64)
    claim = stage.start(first)
    stage.epoch(claim, 0, test_accuracy=0.7)
    stage.epoch(claim, 1, test_loss=float("nan"))
    stage.epoch(stage.start(second), 0, test_accuracy=None, test_loss=None)
    found = client.get("/v1/compare", params={"job": [second, first]}).json()
    assert found["epochs"] == [0, 1]
    late, early = found["jobs"]
    assert (early["id"], early["name"], early["status"]) == (first, "small", "running")
    assert (early["best"]["epoch"], early["best"]["chosen_on"], late["best"]) == (0, "test", None)
    assert early["curves"]["test_loss"] == [1.5, "NaN"]
    assert early["curves"]["test_accuracy"] == [0.7, 0.5]
    assert late["curves"]["test_accuracy"] == [None, None]
    assert late["curves"]["train_loss"] == [1.25, None]
    assert found["differences"] == [{"pointer": "/batch_size", "values": {second: 64, first: 128}}]


def test_max_points(client: TestClient, stage: "Stage") -> None:
    ids = [stage.submit(epochs=500), stage.submit(epochs=500)]
    for job_id in ids:
        stage.many_epochs(stage.start(job_id), range(400))
    found = client.get("/v1/compare", params={"job": ids, "max_points": 30}).json()
    assert (found["epochs"][0], found["epochs"][-1]) == (0, 399)
    assert 30 <= len(found["epochs"]) <= 60
    for job in found["jobs"]:
        assert {len(column) for column in job["curves"].values()} == {len(found["epochs"])}


@pytest.mark.parametrize("stranger", [STRANGER, "job_", "no\0id"])
def test_a_job_that_is_not_there(client: TestClient, stage: "Stage", stranger: str) -> None:
    answer = client.get("/v1/compare", params={"job": [stage.submit(), stranger]})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(
    "query", ["", f"job={STRANGER}", f"job={STRANGER}&job={STRANGER}", "&".join(f"job={n}" for n in range(11))]
)
def test_two_to_ten_jobs_each_once(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/compare?{query}")
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["job"]
