"""Edits over HTTP: by images, by a finding, by an audit and by a cell of a confusion matrix; and what is refused."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from jobs import audits, reconciler
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, Job, Project, Task
from settings import Settings
from tests.api.picture_data import pets, store_ready
from tests.jobs.datasets import take as take_task

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

HERE = "/v1/datasets/pets/versions/1"
NO_AUDIT = "aud_01kasm2pbk5s9d0w3g6vq8zrhf"
LIKELY = {"cat": 0.9, "dog": 0.6}  # of the suspects of each class, how probable the other one is


@pytest.fixture
def storage(settings: Settings) -> VerifiedStorage:
    return VerifiedStorage(settings.storage_url)


@pytest.fixture
def ids(database: Database, storage: VerifiedStorage) -> tuple[str, ...]:
    """Of a version whose report has one finding with images, and one without."""
    findings = [
        {"code": "leaked_exact", "examples": [{"image": "x"}]},
        {"code": "few_images", "examples": [{"image": None}]},
    ]
    return store_ready(database, storage, pets(), findings=findings).ids


def stored_edits(database: Database) -> list[dict[str, Any]]:
    """What the worker is told of the newest version."""
    with database.snapshot() as session:
        arguments = session.scalars(select(Task.arguments).order_by(Task.id.desc()).limit(1)).one()
    edits: list[dict[str, Any]] = arguments["edits"]
    return edits


def accepted(client: TestClient, database: Database, *edits: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(f"{HERE}/edits", json={"edits": [*edits]})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["status"], body["source"], body["parent"]) == ("validating", "edit", 1)
    assert answer.headers["Location"] == f"/v1/datasets/pets/versions/{body['version']}"
    return stored_edits(database)


def refused(client: TestClient, *edits: Mapping[str, Any]) -> list[tuple[str, str]]:
    answer = client.post(f"{HERE}/edits", json={"edits": [*edits]})
    assert answer.status_code == 422, answer.text
    return [(error["pointer"], error["detail"]) for error in answer.json()["errors"]]


def audited(client: TestClient, stage: "Stage", ids: tuple[str, ...]) -> str:
    """An audit with a suspect of each class."""
    audit = client.post(f"{HERE}/audit", json={"folds": 2, "spec": {"batch_size": 2}}).json()
    for job in audit["jobs"]:
        claim = stage.claim(job["id"])
        stage.begin(claim)
        stage.succeed(claim)
    reconciler.sweep(stage.database)
    suspects = [
        {
            "image": image,
            "split": "train",
            "given": given,
            "likely": likely,
            "given_probability": 0.1,
            "likely_probability": LIKELY[given],
        }
        for image, given, likely in ((ids[0], "cat", "dog"), (ids[1], "cat", "dog"), (ids[4], "dog", "cat"))
    ]
    held = take_task(stage.database)
    with stage.database.session() as session:
        audits.settle_judged(session, held, {}, suspects)
    found: str = audit["id"]
    return found


def job_with_predictions(stage: "Stage", dataset: str = "pets") -> str:
    claim = stage.claim(stage.submit())
    stage.begin(claim)
    stage.succeed(claim)
    with stage.database.session() as session:
        file = {"name": "jobs/x/predictions", "size_bytes": 3, "sha256": "0" * 64}
        session.execute(update(Job).where(Job.id == claim.job_id).values(predictions=file, dataset=dataset))
    return claim.job_id


def test_edits_by_images_and_by_a_finding_are_the_workers(
    client: TestClient, database: Database, ids: tuple[str, ...]
) -> None:
    assert accepted(
        client,
        database,
        {"images": [ids[0]], "label": "dog", "split": "test"},
        {"images": [ids[1], ids[2]], "exclude": True},
        {"finding": "leaked_exact", "exclude": True},
    ) == [
        {"images": [ids[0]], "label": "dog", "split": "test"},
        {"images": [ids[1], ids[2]], "exclude": True},
        {"finding": "leaked_exact", "exclude": True},
    ]


def test_suspects_of_an_audit_become_their_images(client: TestClient, stage: "Stage", ids: tuple[str, ...]) -> None:
    audit = audited(client, stage, ids)
    database = stage.database
    assert accepted(client, database, {"audit": {"id": audit}, "likely_label": True}) == [
        {"images": [ids[4]], "label": "cat"},
        {"images": [ids[0], ids[1]], "label": "dog"},
    ]
    assert accepted(client, database, {"audit": {"id": audit, "given": "dog"}, "exclude": True}) == [
        {"images": [ids[4]], "exclude": True}
    ]
    assert accepted(client, database, {"audit": {"id": audit, "likely": "dog"}, "label": "dog", "split": "test"}) == [
        {"images": [ids[0], ids[1]], "label": "dog", "split": "test"}
    ]
    assert accepted(client, database, {"audit": {"id": audit, "least_probability": 0.7}, "exclude": True}) == [
        {"images": [ids[0], ids[1]], "exclude": True}
    ]
    assert refused(client, {"audit": {"id": audit, "least_probability": 0.95}, "exclude": True}) == [
        ("#/edits/0/audit", "has no such suspect")
    ]


def test_an_audit_that_runs_has_no_suspects(client: TestClient, ids: tuple[str, ...]) -> None:
    audit = client.post(f"{HERE}/audit", json={"folds": 2, "spec": {"batch_size": 2}}).json()["id"]
    [(pointer, detail)] = refused(client, {"audit": {"id": audit}, "exclude": True})
    assert pointer == "#/edits/0/audit/id"
    assert "is running" in detail


def test_a_cell_of_a_confusion_matrix_is_of_a_job_that_has_predictions(
    client: TestClient, stage: "Stage", ids: tuple[str, ...]
) -> None:
    cell = {"job": job_with_predictions(stage), "label": "cat", "predicted": "dog"}
    assert accepted(client, stage.database, {"confusion": cell, "label": "dog"}) == [
        {"confusion": cell, "label": "dog"}
    ]
    without, elsewhere = stage.submit(), job_with_predictions(stage, "cats")
    assert refused(
        client,
        {"confusion": {**cell, "job": without}, "exclude": True},
        {"confusion": {**cell, "job": "job_1"}, "exclude": True},
        {"confusion": {**cell, "predicted": "dgo"}, "exclude": True},
        {"confusion": {**cell, "job": elsewhere}, "exclude": True},
    ) == [
        ("#/edits/0/confusion/job", "has no predictions: it is queued"),
        ("#/edits/1/confusion/job", "is no job of yours"),
        ("#/edits/2/confusion/predicted", "is no class of this version; did you mean 'dog'?"),
        ("#/edits/3/confusion/job", "was trained on cats, which has other images"),
    ]


@pytest.mark.parametrize(
    ("edit", "pointer", "detail"),
    [
        ({"images": ["0" * 16], "exclude": True}, "/images/0", "no image of this version"),
        ({"images": ["x"], "exclude": True}, "/images/0", "should be as"),
        ({"images": ["*"], "label": "cta"}, "/label", "did you mean 'cat'"),
        ({"images": ["*"], "label": "a\0b"}, "/label", "its classes are cat, dog"),
        ({"images": ["*"]}, "", "it changes nothing"),
        ({"images": ["*"], "exclude": False}, "", "it changes nothing"),
        ({"images": ["*"], "exclude": True, "label": "cat"}, "", "either exclude"),
        ({"images": ["*"], "likely_label": True}, "", "only with `audit`"),
        ({"exclude": True}, "", "one of `images`, `finding`, `audit` and `confusion`"),
        ({"images": ["*"], "finding": "blurred", "exclude": True}, "", "one of `images`"),
        ({"finding": "blurred", "exclude": True}, "/finding", "not in the report of this version; it has leaked_exact"),
        ({"finding": "few_images", "exclude": True}, "/finding", "has no images that could be changed"),
        ({"audit": {"id": NO_AUDIT}, "exclude": True}, "/audit/id", "no audit of this version"),
        ({"audit": {"id": NO_AUDIT, "given": "mouse"}, "exclude": True}, "/audit/given", "no class"),
        ({"images": ["*"], "split": "validation"}, "/split", "train"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_a_version_is_made(
    client: TestClient, ids: tuple[str, ...], edit: dict[str, Any], pointer: str, detail: str
) -> None:
    sent = (
        edit | {"images": [ids[0] if image == "*" else image for image in edit["images"]]} if "images" in edit else edit
    )
    [(where, why)] = refused(client, sent)
    assert where == f"#/edits/0{pointer}"
    assert detail in why
    assert len(client.get("/v1/datasets/pets/versions").json()["data"]) == 1


def test_a_class_is_the_same_in_each_of_unicode_s_forms(
    client: TestClient, database: Database, storage: VerifiedStorage
) -> None:
    long = "x" * 255
    ids = store_ready(database, storage, pets(("caf\N{LATIN SMALL LETTER E WITH ACUTE}", long))).ids
    assert accepted(
        client,
        database,
        {"images": [ids[0]], "label": "cafe\N{COMBINING ACUTE ACCENT}"},
        {"images": [ids[1]], "label": long},
    ) == [
        {"images": [ids[0]], "label": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"images": [ids[1]], "label": long},
    ]
    asked = {"class": "cafe\N{COMBINING ACUTE ACCENT}", "split": "train"}
    assert {image["split"] for image in client.get(f"{HERE}/images", params=asked).json()["data"]} == {"train"}


def test_a_full_project_makes_no_versions(client: TestClient, database: Database, ids: tuple[str, ...]) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == DEFAULT_PROJECT).values(max_storage_bytes=0))
    answer = client.post(f"{HERE}/edits", json={"edits": [{"images": [ids[0]], "exclude": True}]})
    assert answer.json()["code"] == "quota_exceeded"


def test_jobs_and_audits_of_others_are_nobodys(
    guarded: TestClient, tenants: "Tenants", stage: "Stage", storage: VerifiedStorage
) -> None:
    store_ready(stage.database, storage, pets(), project="first")
    theirs = job_with_predictions(stage)  # of the default project
    cell = {"job": theirs, "label": "cat", "predicted": "dog"}
    answer = guarded.post(
        f"{HERE}/edits", json={"edits": [{"confusion": cell, "exclude": True}]}, headers=tenants.header("first")
    )
    assert answer.json()["errors"] == [{"pointer": "#/edits/0/confusion/job", "detail": "is no job of yours"}]
