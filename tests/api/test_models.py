"""Trained models: what jobs leave, their files, names and aliases."""

import io
import json
import threading
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import httpx2
import pytest
from fastapi.testclient import TestClient

from jobs import changes, garbage, retention, trained_models
from jobs.retention import RetentionRules
from models import TrainedModel
from storage import Storage
from tests.api.conftest import Tenants
from tests.jobs.datasets import kinds

if TYPE_CHECKING:
    from tests.stage import Stage


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def trained(stage: "Stage", content: bytes = b"weights", exports: Sequence[str] = (), **label: Any) -> str:
    """The id of a job that has left a trained model."""
    job_id = stage.submit(**label)
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=0.25)
    stage.epoch(claim, 1, test_accuracy=0.5)
    stage.succeed(claim, content, exports=exports)
    return job_id


def model_of(client: TestClient, job_id: str) -> dict[str, Any]:
    [model] = client.get(f"/v1/models?job={job_id}").json()["data"]
    return dict(model)


def name(client: TestClient | httpx2.Client, word: str, model_id: str) -> Any:
    return client.put(f"/v1/models/{word}/versions", json={"model": model_id})


def point(client: TestClient | httpx2.Client, alias: str, version: int, **more: Any) -> Any:
    word, alias = alias.split("@")
    return client.put(f"/v1/models/{word}/aliases/{alias}", json={"version": version, **more})


def test_job_that_succeeds_leaves_a_model(client: TestClient, stage: "Stage") -> None:
    job_id = trained(stage)
    model = model_of(client, job_id)
    assert model["id"].startswith("mdl_")
    assert (model["job_id"], model["which"], model["class_count"]) == (job_id, "last", 2)
    assert model["metrics"] | {"epoch": 1, "test_accuracy": 0.5} == model["metrics"]
    assert [file["name"] for file in model["files"]] == ["weights.safetensors"]
    assert model["files"][0]["sha256"] == sha256(b"weights").hexdigest()
    whole = client.get(model["links"]["self"]).json()
    assert whole["classes"] == ["cat", "dog"]
    assert whole["input"] == {
        "size": 32,
        "channels": 3,
        "resize": "crop",
        "mean": [120.0, 121.0, 122.0],
        "deviation": [60.0, 61.0, 62.0],
    }


def test_job_that_fails_leaves_none(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.fail(stage.start(job_id))
    assert client.get(f"/v1/models?job={job_id}").json()["data"] == []


def test_files_and_manifest(client: TestClient, stage: "Stage") -> None:
    model = model_of(client, trained(stage, b"these weights"))
    assert client.get(model["files"][0]["url"]).content == b"these weights"
    answer = client.get(model["links"]["manifest"])
    manifest = answer.json()
    assert manifest["format"] == "epochal-model/1"
    assert manifest["files"] == [
        {"name": "weights.safetensors", "bytes": 13, "sha256": sha256(b"these weights").hexdigest()}
    ]
    assert manifest["spec"]["dataset"] == "digits"
    assert manifest["metrics"]["test_accuracy"] == 0.5
    again = client.get(model["links"]["manifest"], headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_archive_is_the_same_to_the_byte(client: TestClient, stage: "Stage") -> None:
    model = model_of(client, trained(stage))
    first = client.get(model["links"]["archive"])
    assert first.content == client.get(model["links"]["archive"]).content
    with ZipFile(io.BytesIO(first.content)) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["manifest.json", "weights.safetensors"]
        assert packed.read("weights.safetensors") == b"weights"
        listed = json.loads(packed.read("manifest.json"))["files"]
    assert [file["sha256"] for file in listed] == [sha256(b"weights").hexdigest()]
    unchanged = client.get(model["links"]["archive"], headers={"If-None-Match": first.headers["etag"]})
    assert unchanged.status_code == 304


def test_archive_with_a_damaged_file_has_no_end(live: httpx2.Client, stage: "Stage", storage: Storage) -> None:
    job_id = trained(stage)
    [model] = live.get(f"/v1/models?job={job_id}").json()["data"]
    storage.put(f"{job_id}/attempt-0001/weights.safetensors", b"WEIGHTS")
    with pytest.raises(httpx2.RemoteProtocolError):  # the connection is closed in the middle
        live.get(model["links"]["archive"])


def test_best_weights_lie_beside_the_last_ones(client: TestClient, stage: "Stage", storage: Storage) -> None:
    job_id = stage.submit(validation=0.1)
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=0.25, validation_accuracy=0.75)
    stage.epoch(claim, 1, test_accuracy=0.5, validation_accuracy=0.5)
    stage.succeed(claim, best=b"best weights")
    model = model_of(client, job_id)
    assert [file["name"] for file in model["files"]] == ["best.safetensors", "weights.safetensors"]
    assert client.get(model["files"][0]["url"]).content == b"best weights"
    manifest = client.get(model["links"]["manifest"]).json()
    assert (manifest["best"]["epoch"], manifest["metrics"]["epoch"]) == (0, 1)
    assert kinds(stage.database)["models"] == len(b"best weights")
    garbage.collect(stage.database, storage, job_id)
    assert len(storage.list_names(job_id)) == 2
    assert client.delete(f"/v1/models/{model['id']}").status_code == 204
    trained_models.purge_deleted(stage.database, storage)
    assert storage.list_names(job_id) == []
    assert kinds(stage.database) == {"jobs": 0, "uploads": 0, "datasets": 0, "models": 0}


def test_deleted_model_takes_its_files_along(client: TestClient, stage: "Stage", storage: Storage) -> None:
    job_id = trained(stage)
    assert client.delete(f"/v1/models/{model_of(client, job_id)['id']}").status_code == 204
    assert storage.list_names(job_id)
    trained_models.purge_deleted(stage.database, storage)
    assert storage.list_names(job_id) == []
    with stage.database.session() as session:
        assert session.query(TrainedModel).count() == 0
    assert client.get(f"/v1/jobs/{job_id}").status_code == 200


def test_another_manifest_than_the_expected_one_is_not_sent(client: TestClient, stage: "Stage") -> None:
    links = model_of(client, trained(stage))["links"]
    for address in (links["manifest"], links["archive"]):
        assert_problem(client.get(address, headers={"If-Match": '"another"'}), 412, "precondition_failed")
        tag = client.get(address).headers["etag"]
        assert client.get(address, headers={"If-Match": tag}).status_code == 200


def test_file_that_is_not_there(client: TestClient, stage: "Stage") -> None:
    model = model_of(client, trained(stage))
    answer = client.get(f"{model['links']['self']}/files/model.onnx")
    assert_problem(answer, 404, "model_file_not_found")
    assert "manifest.json, weights.safetensors" in answer.json()["detail"]


@pytest.mark.parametrize(
    "reference", ["mdl_01kasm2pbk5s9d0w3g6vq8zrhf", "mdl_", "cats", "cats@1", "cats@x", "a@b@c", "@", "%00"]
)
def test_model_that_is_not_there(client: TestClient, reference: str) -> None:
    for path in ("", "/archive", "/files/manifest.json"):
        assert_problem(client.get(f"/v1/models/{reference}{path}"), 404, "model_not_found")
    assert_problem(client.delete(f"/v1/models/{reference}"), 404, "model_not_found")


def test_listed_in_pages_the_newest_first(client: TestClient, stage: "Stage") -> None:
    jobs = [trained(stage) for _ in range(3)]
    page = client.get("/v1/models?limit=2").json()
    assert [model["job_id"] for model in page["data"]] == [jobs[2], jobs[1]]
    rest = client.get(page["next"]).json()
    assert [model["job_id"] for model in rest["data"]] == [jobs[0]]
    assert (rest["has_more"], rest["next"]) == (False, None)


def test_names_versions_and_what_they_stand_for(client: TestClient, stage: "Stage") -> None:
    old, new = (model_of(client, trained(stage))["id"] for _ in range(2))
    made = name(client, "cats", old)
    assert (made.status_code, made.json()["version"]) == (201, 1)
    assert client.get(made.headers["location"]).json()["id"] == old
    assert (name(client, "cats", old).status_code, name(client, "cats", old).json()["version"]) == (200, 1)
    assert name(client, "cats", new).json()["version"] == 2
    assert client.get("/v1/models/cats").json()["id"] == new
    assert client.get("/v1/models/cats@1").json()["id"] == old
    assert client.get("/v1/models/cats@1").json()["names"] == [{"name": "cats", "version": 1, "aliases": []}]
    assert [row["version"] for row in client.get("/v1/models/cats/versions").json()["data"]] == [2, 1]
    assert [row["id"] for row in client.get("/v1/models?name=cats").json()["data"]] == [new, old]
    assert_problem(client.get("/v1/models/dogs/versions"), 404, "model_name_not_found")


@pytest.mark.parametrize("word", ["mdl_01kasm2pbk5s9d0w3g6vq8zrhf", "mdl_x", "-a", "a b", "a" * 65, "a@b"])
def test_what_is_no_name(client: TestClient, stage: "Stage", word: str) -> None:
    model = model_of(client, trained(stage))
    answer = name(client, word, model["id"])
    assert_problem(answer, 422, "invalid_request")
    assert "64 at most" in answer.json()["errors"][0]["detail"]


def test_alias_moves_and_keeps_its_history(client: TestClient, stage: "Stage") -> None:
    old, new = (model_of(client, trained(stage))["id"] for _ in range(2))
    name(client, "cats", old)
    name(client, "cats", new)
    assert_problem(point(client, "cats@production", 3), 404, "model_not_found")
    assert point(client, "cats@production", 1, reason="the first").json()["version"] == 1
    assert client.get("/v1/models/cats@production").json()["id"] == old
    assert point(client, "cats@production", 2).json()["version"] == 2
    assert point(client, "cats@production", 2).status_code == 200  # which changes nothing
    assert client.get("/v1/models/cats@production").json()["id"] == new
    assert client.get("/v1/models/cats/aliases/production").json()["version"] == 2
    assert [row["alias"] for row in client.get("/v1/models/cats/aliases").json()["data"]] == ["production"]
    assert client.delete("/v1/models/cats/aliases/production").status_code == 204
    assert_problem(client.get("/v1/models/cats/aliases/production"), 404, "alias_not_found")
    assert_problem(client.get("/v1/models/cats@production"), 404, "model_not_found")
    history = client.get("/v1/models/cats/aliases/production/history").json()["data"]
    assert [(move["version"], move["reason"]) for move in history] == [(None, None), (2, None), (1, "the first")]
    page = client.get("/v1/models/cats/aliases/production/history?limit=2").json()
    assert [move["version"] for move in client.get(page["next"]).json()["data"]] == [1]


@pytest.mark.parametrize("alias", ["3", "-x", "a b", "a" * 65])
def test_what_is_no_alias(client: TestClient, stage: "Stage", alias: str) -> None:
    name(client, "cats", model_of(client, trained(stage))["id"])
    assert_problem(point(client, f"cats@{alias}", 1), 422, "invalid_request")


def test_alias_keeps_model_and_job(client: TestClient, stage: "Stage") -> None:
    job_id = trained(stage)
    model = model_of(client, job_id)
    name(client, "cats", model["id"])
    point(client, "cats@production", 1)
    for path in (f"/v1/models/{model['id']}", "/v1/models/cats@1", f"/v1/jobs/{job_id}"):
        answer = client.delete(path)
        assert_problem(answer, 409, "model_in_use")
        assert answer.json()["needed_by"] == ["cats@production"]
    client.delete("/v1/models/cats/aliases/production")
    assert client.delete("/v1/models/cats@1").status_code == 204
    assert_problem(client.get(f"/v1/models/{model['id']}"), 404, "model_not_found")
    assert_problem(client.get(f"/v1/jobs/{job_id}/weights"), 404, "weights_not_found")
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "succeeded"
    assert name(client, "cats", model_of(client, trained(stage))["id"]).json()["version"] == 2  # never 1 again


def test_job_that_starts_from_the_weights_keeps_them(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.succeed(stage.start(job_id), channels=1)
    spec = {"dataset": "digits", "starting_weights": job_id}
    waiting = client.post("/v1/jobs", json={"spec": spec}).json()["id"]
    answer = client.delete(f"/v1/models/{model_of(client, job_id)['id']}")
    assert_problem(answer, 409, "model_in_use")
    assert answer.json()["needed_by"] == [waiting]


def test_deleting_the_job_deletes_the_model(client: TestClient, stage: "Stage") -> None:
    job_id = trained(stage)
    model = model_of(client, job_id)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert_problem(client.get(model["links"]["self"]), 404, "model_not_found")


def test_rules_of_retention_leave_what_has_a_name(client: TestClient, stage: "Stage") -> None:
    named, other = trained(stage), trained(stage)
    name(client, "cats", model_of(client, named)["id"])
    rules = RetentionRules(weights_days=0.0, keep_best=0)
    with stage.database.session() as session:
        removed = {removal.name for removal in retention.plan(session, "default", rules)}
    assert removed == {other}


def test_aliases_that_are_moved_meanwhile_always_stand_for_a_whole_model(client: TestClient, stage: "Stage") -> None:
    ids = [model_of(client, trained(stage))["id"] for _ in range(2)]
    for model_id in ids:
        name(client, "cats", model_id)
    point(client, "cats@production", 1)
    over = threading.Event()

    def move() -> None:
        version = 1
        while not over.is_set():
            version = 3 - version
            assert point(client, "cats@production", version).status_code == 200

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(50):
            answer = client.get("/v1/models/cats@production")
            assert answer.status_code == 200
            found = answer.json()
            assert found["id"] in ids
            assert {"cats": found["names"][0]["version"]} == {"cats": ids.index(found["id"]) + 1}
    finally:
        over.set()
        mover.join()


def test_names_of_projects_are_apart(guarded: TestClient, tenants: Tenants, stage: "Stage") -> None:
    for project in ("first", "second"):
        job_id = trained(stage, project=project)
        headers = tenants.header(project)
        model = guarded.get(f"/v1/models?job={job_id}", headers=headers).json()["data"][0]
        made = guarded.put("/v1/models/cats/versions", headers=headers, json={"model": model["id"]})
        assert (made.status_code, made.json()["version"]) == (201, 1)
    foreign = guarded.put("/v1/models/dogs/versions", headers=tenants.header("first"), json={"model": model["id"]})
    assert_problem(foreign, 404, "model_not_found")


def test_purge_removes_the_row_with_the_job(client: TestClient, stage: "Stage", storage: Storage) -> None:
    job_id = trained(stage)
    client.delete(f"/v1/jobs/{job_id}")
    changes.purge(stage.database, storage)
    trained_models.purge_deleted(stage.database, storage)
    with stage.database.session() as session:
        assert session.query(TrainedModel).count() == 0
