"""Audits over HTTP: begun, followed, listed, cancelled; what is refused; and that nobody sees another's."""

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from jobs import audits, reconciler
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, DatasetVersion, Project
from settings import Settings
from tests.jobs.datasets import ready, row_of, sent
from tests.jobs.datasets import take as take_task
from training.known.audit_recipe import audit_recipe

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

HERE = "/v1/datasets/pets/versions/1"
NO_AUDIT = "aud_01kasm2pbk5s9d0w3g6vq8zrhf"
ACCURACY = {"images": 80, "accuracy": 0.75, "leaked": 4, "without_leaked": 0.5}
SUMMARY: dict[str, Any] = {
    "images": 100,
    "judged": 99,
    "suspects": 7,
    "noise_rate": 0.05,
    "classes": [{"name": name, "images": 50, "suspects": 3, "likely": 4} for name in ("cat", "dog")],
    "train": ACCURACY,
    "test": ACCURACY,
}


def suspect(number: int) -> dict[str, Any]:
    return {
        "image": f"{number:016x}",
        "split": "train",
        "given": "cat",
        "likely": "dog",
        "given_probability": 0.0625,
        "likely_probability": 0.875,
    }


@pytest.fixture
def storage(settings: Settings) -> VerifiedStorage:
    return VerifiedStorage(settings.storage_url)


@pytest.fixture
def version(database: Database, storage: VerifiedStorage) -> DatasetVersion:
    return ready(database, storage, "1d" * 32)


def begun(client: TestClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = client.post(f"{HERE}/audit", json=body or {})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == found["links"]["self"] == f"{HERE}/audits/{found['id']}"
    return found


def succeed(stage: "Stage", job_id: str) -> None:
    claim = stage.claim(job_id)
    stage.begin(claim)
    stage.succeed(claim)


def test_an_audit_is_begun_followed_and_read(client: TestClient, stage: "Stage", version: DatasetVersion) -> None:
    audit = begun(client, {"folds": 3, "seed": 7})
    assert (audit["status"], audit["folds"], audit["dataset"], audit["version"]) == ("running", 3, "pets", 1)
    recipe = audit_recipe(80, 32, 3)
    assert audit["spec"]["validation_fold"] is None
    assert (audit["spec"]["seed"], audit["spec"]["epochs"]) == (7, recipe["epochs"])
    assert audit["progress"] == {"stage": "training", "done": 0, "total": 3 * recipe["epochs"]}
    job = client.get(audit["jobs"][1]["url"]).json()
    assert (job["parent"], job["tags"], job["name"]) == (audit["id"], ["audit"], "Audit of pets@1, part 2 of 3")
    assert (job["spec"]["validation_fold"], job["spec"]["seed"]) == ({"index": 1, "of": 3}, 7)
    assert (job["dataset"]["name"], job["dataset"]["version"]) == ("pets", 1)
    for each in audit["jobs"]:
        succeed(stage, each["id"])
    reconciler.sweep(stage.database)
    assert client.get(audit["links"]["self"]).json()["progress"]["stage"] == "judging"
    held = take_task(stage.database)
    with stage.database.session() as session:
        audits.settle_judged(session, held, SUMMARY, [suspect(number) for number in range(7)])
    over = client.get(audit["links"]["self"], headers={"Prefer": "wait=20"}).json()
    assert (over["status"], over["progress"], over["error"]) == ("succeeded", None, None)
    assert over["result"] == SUMMARY
    assert {each["status"] for each in over["jobs"]} == {"succeeded"}


def test_suspects_come_in_pages_with_their_pictures(
    client: TestClient, stage: "Stage", version: DatasetVersion
) -> None:
    audit = begun(client, {"folds": 2})
    assert client.get(audit["links"]["suspects"]).json() == {"data": [], "has_more": False, "next": None}
    for each in audit["jobs"]:
        succeed(stage, each["id"])
    reconciler.sweep(stage.database)
    held = take_task(stage.database)
    with stage.database.session() as session:
        audits.settle_judged(session, held, SUMMARY, [suspect(number) for number in range(7)])
    seen, url = [], f"{audit['links']['suspects']}?limit=3"
    while url:
        page = client.get(url).json()
        seen += page["data"]
        url = page["next"]
    assert [each["image"] for each in seen] == [f"{number:016x}" for number in range(7)]
    assert seen[1] == {**suspect(1), "picture": f"{HERE}/images/{1:016x}"}


def test_audits_are_listed_the_newest_first(client: TestClient, version: DatasetVersion) -> None:
    made = [begun(client, {"folds": 2})["id"] for _ in range(3)]
    page = client.get(f"{HERE}/audits?limit=2").json()
    assert ([each["id"] for each in page["data"]], page["has_more"]) == (made[:0:-1], True)
    rest = client.get(page["next"]).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"], rest["next"]) == (made[:1], False, None)


def test_a_cancel_ends_it_and_its_jobs(client: TestClient, stage: "Stage", version: DatasetVersion) -> None:
    audit = begun(client, {"folds": 2})
    for _ in range(2):
        answer = client.post(audit["links"]["cancel"])
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    reconciler.sweep(stage.database)
    assert [client.get(each["url"]).json()["status"] for each in audit["jobs"]] == ["cancelled"] * 2


def test_why_it_has_failed_is_told(client: TestClient, stage: "Stage", version: DatasetVersion) -> None:
    audit = begun(client, {"folds": 2})
    client.post(f"/v1/jobs/{audit['jobs'][0]['id']}/cancel")
    reconciler.sweep(stage.database)
    over = client.get(audit["links"]["self"]).json()
    assert over["status"] == "failed"
    assert (over["error"]["code"], over["error"]["job"]) == ("job_cancelled", audit["jobs"][0]["id"])
    assert client.post(audit["links"]["cancel"]).json()["code"] == "audit_finished"


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"folds": 11}, "#/folds", "10"),
        ({"folds": 1}, "#/folds", "2"),
        ({"fold": 5}, "#/fold", "folds"),
        ({"spec": {"dataset": "digits"}}, "#/spec/dataset", "the version in the address"),
        ({"spec": {"seed": 1}}, "#/spec/seed", "beside the spec"),
        ({"spec": {"validation_fold": {"index": 0, "of": 2}}}, "#/spec/validation_fold", "set folds"),
        ({"spec": {"validation_fraction": 0.1}}, "#/spec/validation_fraction", "no place in an audit"),
        ({"spec": {"epochs": 0}}, "#/spec/epochs", "should be at least 1"),
        ({"spec": {"optimiser": "sgd"}}, "#/spec/optimiser", "optimizer"),
        ({"spec": {"batch_size": 70}}, "#/spec/batch_size", "at most 64"),
        (
            {"spec": {"regularisation": {"early_stopping": {}}}},
            "#/spec/regularisation/early_stopping",
            "must not guide the training",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    client: TestClient, stage: "Stage", version: DatasetVersion, body: dict[str, Any], pointer: str, detail: str
) -> None:
    answer = client.post(f"{HERE}/audit", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    [error] = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert detail in error["detail"]
    assert stage.jobs() == 0


def test_a_spec_goes_before_the_recipe(client: TestClient, version: DatasetVersion) -> None:
    spec = begun(client, {"folds": 2, "spec": {"epochs": 3, "optimizer": {"learning_rate": 0.01}}})["spec"]
    assert (spec["epochs"], spec["optimizer"]["name"], spec["optimizer"]["learning_rate"]) == (3, "muon", 0.01)
    spec = begun(client, {"folds": 2, "spec": {"recipe": "sprint", "batch_size": 16}})["spec"]
    assert (spec["recipe"], spec["epochs"], spec["batch_size"]) == ("sprint", 15, 16)


def test_more_folds_than_images_are_refused(client: TestClient, database: Database, version: DatasetVersion) -> None:
    with database.session() as session:
        session.execute(update(DatasetVersion).values(train_images=3))
    answer = client.post(f"{HERE}/audit", json={"folds": 5, "spec": {"batch_size": 2}})
    assert answer.json()["errors"] == [
        {"pointer": "#/folds", "detail": "3 training images are not enough for 5 parts: at most 3"}
    ]


def test_one_class_has_no_wrong_labels(client: TestClient, database: Database, version: DatasetVersion) -> None:
    with database.session() as session:
        session.execute(update(DatasetVersion).values(classes=["cat"]))
    answer = client.post(f"{HERE}/audit", json={})
    assert answer.status_code == 422
    assert "one class" in answer.json()["errors"][0]["detail"]


def test_a_quota_refuses_all_of_it(
    client: TestClient, stage: "Stage", database: Database, version: DatasetVersion
) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == DEFAULT_PROJECT).values(max_queued_jobs=4))
    assert client.post(f"{HERE}/audit", json={}).json()["code"] == "quota_exceeded"
    assert stage.jobs() == 0
    assert client.get(f"{HERE}/audits").json()["data"] == []


def test_what_is_not_there_is_404_and_what_is_not_ready_409(
    client: TestClient, database: Database, storage: VerifiedStorage, version: DatasetVersion
) -> None:
    for path, code in (
        ("/v1/datasets/cats/versions/1/audits", "dataset_not_found"),
        ("/v1/datasets/pets/versions/2/audits", "dataset_version_not_found"),
        (f"{HERE}/audits/{NO_AUDIT}", "audit_not_found"),
        (f"{HERE}/audits/1", "audit_not_found"),
        (f"{HERE}/audits/{NO_AUDIT}/suspects", "audit_not_found"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code), path
    assert client.post(f"{HERE}/audits/{NO_AUDIT}/cancel").json()["code"] == "audit_not_found"
    sent(database, storage)
    answer = client.post("/v1/datasets/pets/versions/2/audit", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_version_not_ready")


def test_a_version_is_not_deleted_under_its_audit(client: TestClient, stage: "Stage", version: DatasetVersion) -> None:
    audit = begun(client, {"folds": 2})
    for each in audit["jobs"]:
        succeed(stage, each["id"])
    refused = client.delete(HERE)
    assert (refused.status_code, refused.json()["code"], refused.json()["jobs"]) == (
        409,
        "dataset_in_use",
        [audit["id"]],
    )
    client.post(audit["links"]["cancel"])
    reconciler.sweep(stage.database)
    assert client.delete(HERE).status_code == 204
    assert client.get(audit["links"]["self"]).status_code == 404


def test_nobody_sees_another_s_audits(
    guarded: TestClient, database: Database, storage: VerifiedStorage, tenants: "Tenants"
) -> None:
    ready(database, storage, "1d" * 32, project="first")
    own, other = tenants.header("first"), tenants.header("second")
    audit = guarded.post(f"{HERE}/audit", json={"folds": 2}, headers=own).json()
    links, job = audit["links"], audit["jobs"][0]["url"]
    for method, url in (
        ("POST", f"{HERE}/audit"),
        ("GET", f"{HERE}/audits"),
        ("GET", links["self"]),
        ("GET", links["suspects"]),
        ("POST", links["cancel"]),
        ("GET", job),
        ("GET", f"{job}/predictions"),
    ):
        body: dict[str, Any] | None = {} if url.endswith("/audit") else None
        assert guarded.request(method, url, headers=other, json=body).status_code == 404, url
    assert guarded.get(links["self"], headers=tenants.header("first", "read")).json()["status"] == "running"
    assert guarded.post(f"{HERE}/audit", json={}, headers=tenants.header("first", "read")).status_code == 403
    assert row_of(database, 1, "first").status == "ready"
