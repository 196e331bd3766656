"""What it takes to get a job's result again."""

import math
from hashlib import sha256
from typing import Any

from fastapi.testclient import TestClient

from api import schemas
from jobs import changes, requests
from jobs.metrics_table import COLUMNS, metrics_table
from models import Epoch
from tests.stage import FACTS, Stage


def manifest(client: TestClient, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/jobs/{job_id}/manifest")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def hash_of_csv(client: TestClient, job_id: str) -> str:
    """As docs/api.md says: tr -d '\\r' | cut -d, -f1-9 | sha256sum."""
    csv = client.get(f"/v1/jobs/{job_id}/metrics?format=csv&limit=10000").text.replace("\r", "")
    cut = "".join(f"{','.join(line.split(',')[:9])}\n" for line in csv.splitlines())
    return sha256(cut.encode()).hexdigest()


def test_a_result_says_where_it_comes_from(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit(name="<b>one</b>", epochs=3)
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=0.5)
    checkpoint = stage.checkpoint(claim, 1, 0)
    stage.epoch(claim, 1, test_accuracy=0.25)
    running = manifest(client, job_id)
    assert running["complete"] is False
    assert (running["files"], running["model"]) == ([], None)
    assert running["checkpoints"] == [
        {
            "name": checkpoint.name.partition("/")[2],
            "attempt": 1,
            "epoch": 1,
            "step": 0,
            "size_bytes": checkpoint.size_bytes,
            "sha256": checkpoint.sha256,
            "is_of_best_epoch": True,
        }
    ]
    stage.succeed(claim, b"last", best=b"best")
    done, job = manifest(client, job_id), client.get(f"/v1/jobs/{job_id}").json()
    assert (done["complete"], done["format"]) == (True, "epochal-job-manifest/1")
    assert done["job"] == {name: job[name] for name in done["job"]}
    assert done["attempts"] == job["attempts"]
    assert {name: done[name] for name in ("spec", "seed")} == {"spec": job["spec"], "seed": job["spec"]["seed"]}
    assert {each["name"]: each["sha256"] for each in done["files"]} == {
        "best.safetensors": sha256(b"best").hexdigest(),
        "weights.safetensors": sha256(b"last").hexdigest(),
    }
    assert done["environment"] == FACTS.model_dump(mode="json")


def test_the_trained_model_s_manifest_says_the_same(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    stage.succeed(claim)
    of_job = manifest(client, job_id)
    of_model = client.get(f"/v1/models/{of_job['model']}/files/manifest.json").json()
    assert {name: of_model[name] for name in ("data", "seed", "spec", "environment")} == {
        name: of_job[name] for name in ("data", "seed", "spec", "environment")
    }
    assert [each["sha256"] for each in of_model["files"]] == [each["sha256"] for each in of_job["files"]]


def test_the_hash_of_the_metrics_is_that_of_the_csv(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    empty = manifest(client, job_id)["metrics"]
    assert (empty["rows"], empty["sha256"]) == (0, sha256(f"{','.join(COLUMNS)}\n".encode()).hexdigest())
    awkward = [1e-7, 0.1 + 0.2, 1e22, 1.0, math.nan, math.inf, -math.inf]
    rest = {"attempt": 1, "seconds": 1.0, "images_per_second": 1.0}
    with stage.database.session() as session:
        for epoch, value in enumerate(awkward):
            row = {"train_loss": value, "train_accuracy": 1 / 3, "test_loss": value, "learning_rate": 1e-05}
            session.add(Epoch(job_id=claim.job_id, epoch=epoch, **row, **rest))
    told = manifest(client, job_id)["metrics"]
    assert told["rows"] == len(awkward)
    assert told["columns"] == list(schemas.EpochRow.model_fields)[:9]
    assert told["sha256"] == hash_of_csv(client, job_id) != empty["sha256"]


def test_equal_runs_have_equal_tables_however_long_they_took(stage: Stage) -> None:
    tables = []
    for seconds in (1.0, 9.0):
        job_id = stage.submit()
        claim = stage.start(job_id)
        stage.epoch(claim, 0, seconds=seconds)
        with stage.database.snapshot() as session:
            tables.append(metrics_table(session, job_id))
    assert tables[0] == tables[1]


def test_it_is_there_before_the_first_step_and_after_every_end(client: TestClient, stage: Stage) -> None:
    queued, failed, cancelled = (stage.submit() for _ in range(3))
    stage.fail(stage.start(failed))
    with stage.database.session() as session:
        requests.request_cancel(session, cancelled)
    told = {job_id: manifest(client, job_id) for job_id in (queued, failed, cancelled)}
    assert [each["complete"] for each in told.values()] == [False, True, True]
    assert (told[queued]["environment"], told[queued]["attempts"]) == (None, [])
    assert told[failed]["attempts"][0]["end_reason"] == "diverged"


def test_weights_that_a_job_starts_from_are_named(client: TestClient, stage: Stage) -> None:
    first = stage.submit()
    stage.succeed(stage.start(first), b"first weights", channels=1)
    body = {"spec": {"dataset": "digits", "starting_weights": first, "epochs": 1}}
    second = client.post("/v1/jobs", json=body).json()["id"]
    assert manifest(client, second)["starting_weights"]["sha256"] == sha256(b"first weights").hexdigest()
    assert manifest(client, first)["starting_weights"] is None
    never_begun = client.post("/v1/jobs", json=body).json()["id"]
    client.post(f"/v1/jobs/{never_begun}/cancel")
    stage.succeed(stage.start(second))
    before = manifest(client, second)["starting_weights"]
    assert before == {"id": first, "sha256": sha256(b"first weights").hexdigest(), "size_bytes": 13}
    client.delete(f"/v1/jobs/{first}")
    changes.purge(stage.database, stage.storage)
    assert manifest(client, second)["starting_weights"] == before
    assert before["sha256"] in client.get(f"/v1/jobs/{second}/report?format=md").text
    assert manifest(client, never_begun)["starting_weights"] is None


def test_it_is_polled_as_the_job_is(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    tag = {"If-None-Match": client.get(f"/v1/jobs/{job_id}/manifest").headers["ETag"]}
    assert client.get(f"/v1/jobs/{job_id}/manifest", headers=tag).status_code == 304
    stage.epoch(claim, 0)
    assert client.get(f"/v1/jobs/{job_id}/manifest", headers=tag).status_code == 200
