"""Exports of trained models: asked for over HTTP, and made by a worker that is played here."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from catalog.trained.errors import ModelNotFound
from jobs import dataset_garbage, model_tasks, task_ends, tasks, trained_models
from jobs.failures import Failure
from jobs.model_tasks import NewFile
from jobs.tasks import TaskClaim, TaskFenced
from models import Database, ModelTask, Task, TrainedModel
from storage import Storage
from tests.api.conftest import Tenants
from tests.api.test_models import assert_problem, model_of, trained
from tests.jobs.datasets import kinds

if TYPE_CHECKING:
    from tests.stage import Stage

FAILURE = Failure("out_of_memory", "It took too much.", "Use a larger machine.", retryable=False)


@pytest.fixture
def model(client: TestClient, stage: "Stage") -> dict[str, Any]:
    return model_of(client, trained(stage))


def export(client: TestClient, model: dict[str, Any], *formats: str) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model['id']}/exports", json={"formats": list(formats)})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def claimed(database: Database, worker: str = "w") -> TaskClaim:
    with database.session() as session:
        claim = tasks.claim_next(session, worker, 60)
    assert claim is not None
    return claim


def made(storage: Storage, claim: TaskClaim, name: str, content: bytes = b"network", **facts: Any) -> NewFile:
    return NewFile(name, storage.put(f"{model_tasks.prefix_of(claim)}/{name}", content), facts)


def settle(database: Database, claim: TaskClaim, *files: NewFile) -> None:
    with database.session() as session:
        model_tasks.settle_exported(session, claim, files)


def test_what_is_exported_becomes_files_of_the_model(
    client: TestClient, stage: "Stage", storage: Storage, model: dict[str, Any]
) -> None:
    asked = export(client, model, "onnx", "int8", "onnx")
    assert (asked["status"], asked["formats"], asked["files"]) == ("queued", ["int8", "onnx"], [])
    claim = claimed(stage.database)
    assert client.get(asked["links"]["self"]).json()["status"] == "running"
    settle(stage.database, claim, made(storage, claim, "model.onnx", opset=20))
    done = client.get(asked["links"]["self"], headers={"Prefer": "wait=5"}).json()
    assert (done["status"], [file["name"] for file in done["files"]]) == ("succeeded", ["model.onnx"])
    answer = client.get(done["files"][0]["url"])
    assert (answer.content, answer.headers["Content-Disposition"]) == (b"network", 'attachment; filename="model.onnx"')
    files = client.get(model["links"]["manifest"]).json()["files"]
    assert [(file["name"], file.get("opset")) for file in files] == [("model.onnx", 20), ("weights.safetensors", None)]
    assert kinds(stage.database)["models"] == len(b"network")


def test_the_same_export_is_not_made_twice_at_once(
    client: TestClient, stage: "Stage", storage: Storage, model: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(lambda _: export(client, model, "onnx", "html")["id"], range(4)))
    assert len(set(several)) == 1
    assert export(client, model, "html")["id"] != several[0]
    claim = claimed(stage.database)
    settle(stage.database, claim, made(storage, claim, "model.onnx"))
    assert export(client, model, "html", "onnx")["id"] != several[0]  # it is over: made anew
    listed = client.get(f"/v1/models/{model['id']}/exports?limit=2").json()
    rest = client.get(listed["next"]).json()
    assert [each["id"] for each in (*listed["data"], *rest["data"])][-1] == several[0]


def test_a_file_that_is_made_anew_replaces_the_one_before(
    client: TestClient, stage: "Stage", storage: Storage, model: dict[str, Any]
) -> None:
    for content in (b"first one", b"second"):
        export(client, model, "onnx")
        claim = claimed(stage.database)
        settle(stage.database, claim, made(storage, claim, "model.onnx", content))
        storage.delete(list(dataset_garbage.left_by(claim, stage.database, storage)))
    dataset_garbage.collect(stage.database, storage)
    assert client.get(f"/v1/models/{model['id']}/files/model.onnx").content == b"second"
    assert len(storage.list_names("models")) == 1
    assert kinds(stage.database)["models"] == len(b"second")


def test_an_export_that_fails_says_why(client: TestClient, stage: "Stage", model: dict[str, Any]) -> None:
    asked = export(client, model, "onnx")
    with stage.database.session() as session:
        task_ends.fail(session, claimed(stage.database), FAILURE)
    failed = client.get(asked["links"]["self"]).json()
    assert failed["status"] == "failed"
    assert failed["error"] == {"code": "out_of_memory", "message": "It took too much.", "hint": "Use a larger machine."}


def test_a_worker_that_lost_the_task_adds_nothing(
    client: TestClient, stage: "Stage", storage: Storage, model: dict[str, Any]
) -> None:
    asked = export(client, model, "onnx")
    lost = claimed(stage.database)
    with stage.database.session() as session:
        task_ends.lose(session, lost, FAILURE)
    again = claimed(stage.database, "other")
    with pytest.raises(TaskFenced):
        settle(stage.database, lost, made(storage, lost, "model.onnx", b"late"))
    settle(stage.database, again, made(storage, again, "model.onnx", b"whole"))
    storage.delete(list(dataset_garbage.left_by(again, stage.database, storage)))
    assert client.get(asked["links"]["self"]).json()["status"] == "succeeded"
    assert client.get(f"/v1/models/{model['id']}/files/model.onnx").content == b"whole"
    assert len(storage.list_names("models")) == 1


def test_a_model_that_is_deleted_meanwhile_leaves_nothing(
    client: TestClient, stage: "Stage", storage: Storage, model: dict[str, Any]
) -> None:
    export(client, model, "onnx")
    claim = claimed(stage.database)
    settle(stage.database, claim, made(storage, claim, "model.onnx"))
    asked = export(client, model, "html")
    claim = claimed(stage.database)
    assert client.delete(model["links"]["self"]).status_code == 204
    settle(stage.database, claim, made(storage, claim, "model.html"))
    storage.delete(list(dataset_garbage.left_by(claim, stage.database, storage)))
    trained_models.purge_deleted(stage.database, storage)
    assert storage.list_names("models") == []
    assert kinds(stage.database)["models"] == 0
    assert_problem(client.get(asked["links"]["self"]), 404, "model_not_found")
    with stage.database.session() as session:
        assert session.query(ModelTask).count() == 0
        assert session.query(Task).filter(Task.finished_at.is_(None)).count() == 0


def test_an_evaluation_of_a_model_that_is_deleted_meanwhile_counts_nothing(
    client: TestClient, stage: "Stage", storage: Storage, model: dict[str, Any]
) -> None:
    address = f"{model['links']['self']}/evaluations"
    assert client.post(address, json={"dataset": model["dataset"]}).status_code == 202
    claim = claimed(stage.database)
    assert client.delete(model["links"]["self"]).status_code == 204
    with stage.database.session() as session:
        model_tasks.settle_evaluated(session, claim, {}, [made(storage, claim, "evaluation.json")])
    storage.delete(list(dataset_garbage.left_by(claim, stage.database, storage)))
    trained_models.purge_deleted(stage.database, storage)
    assert storage.list_names("models") == []
    assert kinds(stage.database)["models"] == 0


def test_nothing_is_asked_of_a_model_that_is_deleted_meanwhile(
    client: TestClient, stage: "Stage", model: dict[str, Any]
) -> None:
    with stage.database.snapshot() as session:
        found = session.get_one(TrainedModel, model["id"])
    assert client.delete(model["links"]["self"]).status_code == 204
    with stage.database.session() as session, pytest.raises(ModelNotFound):
        model_tasks.request_export(session, found, ["onnx"])


def test_a_job_that_ends_has_its_model_exported(client: TestClient, stage: "Stage") -> None:
    job_id = trained(stage, exports=("onnx", "python"))
    [asked] = client.get(f"/v1/models/{model_of(client, job_id)['id']}/exports").json()["data"]
    assert asked["formats"] == ["onnx", "python"]
    assert claimed(stage.database).kind == tasks.EXPORT


def test_the_model_of_a_part_of_something_is_exported_on_request_alone(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(parent=stage.submit())
    stage.succeed(stage.start(job_id), exports=("onnx",))
    exports = f"/v1/models/{model_of(client, job_id)['id']}/exports"
    assert client.get(exports).json()["data"] == []
    assert client.post(exports, json={"formats": ["onnx"]}).status_code == 202


def test_what_needs_images_does_not_keep_the_rest_from_being_made(client: TestClient, stage: "Stage") -> None:
    job_id = trained(stage, exports=("html", "onnx", "int8"))
    asked = client.get(f"/v1/models/{model_of(client, job_id)['id']}/exports").json()["data"]
    assert [each["formats"] for each in reversed(asked)] == [["onnx"], ["html", "int8"]]


def test_bad_requests_are_told_what_would_be_right(client: TestClient, model: dict[str, Any]) -> None:
    address = f"/v1/models/{model['id']}/exports"
    answer = client.post(address, json={"formats": ["coreml"]})
    assert_problem(answer, 422, "invalid_request")
    assert "onnx" in answer.text
    assert_problem(client.post(address, json={"formats": []}), 422, "invalid_request")
    assert_problem(client.get(f"{address}/exp_01kasm2pbk5s9d0w3g6vq8zrhf"), 404, "model_task_not_found")
    assert_problem(client.post("/v1/models/cats@3/exports", json={"formats": ["onnx"]}), 404, "model_not_found")


def test_a_foreign_model_is_not_exported(guarded: TestClient, tenants: Tenants, stage: "Stage") -> None:
    trained(stage, project="first")
    model = guarded.get("/v1/models", headers=tenants.header("first")).json()["data"][0]
    address = f"/v1/models/{model['id']}/exports"
    answer = guarded.post(address, headers=tenants.header("second", "train"), json={"formats": ["onnx"]})
    assert_problem(answer, 404, "model_not_found")
