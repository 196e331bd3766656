"""A submission is held against its data set: an unknown name, a folder that is none, counts that do not fit."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from catalog.datasets.listing import Catalogue
from jobs.verified_storage import VerifiedStorage
from settings import Settings
from tests.api.conftest import LocalClient
from tests.api.picture_data import pets, store_ready
from tests.conftest import Databases
from training.spec import TrainingSpec
from training.spec.part import Conflict

if TYPE_CHECKING:
    from tests.stage import Stage

PETS = {"dataset": "pets", "batch_size": 2}


@pytest.fixture
def _databases(sqlite_databases: Databases) -> Databases:
    """One is enough: the data sets are not in it."""
    return sqlite_databases


@pytest.fixture
def folders(settings: Settings) -> Path:
    """The data sets' folder, with `pets` of two images a class and split, and `half`, which has no test images."""
    for place in ("pets/train", "pets/test", "half/train"):
        for kind in ("cat", "dog"):
            (folder := settings.datasets_dir / place / kind).mkdir(parents=True)
            for number in range(2):
                (folder / f"{number}.png").touch()
    return settings.datasets_dir


@pytest.fixture
def client(folders: Path, settings: Settings) -> Iterator[TestClient]:
    with LocalClient(create_app(settings)) as client:
        yield client


def post(client: TestClient, spec: dict[str, Any], path: str = "/v1/jobs", **options: Any) -> Any:
    return client.post(path, json={"spec": spec}, **options)


def refused(answer: Any, folders: Path) -> dict[str, str]:
    """The one error of a 422, which has no path of the server."""
    assert answer.status_code == 422, answer.text
    assert str(folders.parent) not in answer.text
    error: dict[str, str]
    [error] = answer.json()["errors"]
    return error


def test_what_a_submission_is_refused_for(client: TestClient, folders: Path, stage: "Stage") -> None:
    job = post(client, PETS).json()["id"]
    table = {
        "Digits": ("#/spec/dataset", "Did you mean 'digits'?"),
        "CIFAR-10": ("#/spec/dataset", "Did you mean 'cifar10'?"),
        "mnist": ("#/spec/dataset", "There is no data set 'mnist'."),
        "Pets": ("#/spec/dataset", "Did you mean 'pets'?"),
        "half": ("#/spec/dataset", "half has no folder test: it holds train."),
        "my pets": ("#/spec/dataset", "'my pets' is no name: letters, digits"),
        "pets": ("#/spec/batch_size", "larger than the training set: at most 4"),
    }
    for name, (pointer, detail) in table.items():
        spec = {"dataset": name, "batch_size": 5}
        answers = [post(client, spec), post(client, spec, "/v1/jobs?dry_run=true")]
        answers.append(post(client, spec, f"/v1/jobs/{job}/rerun"))
        for answer in answers:
            error = refused(answer, folders)
            assert error["pointer"] == pointer
            assert detail in error["detail"]
    assert stage.jobs() == 1
    assert post(client, PETS, "/v1/jobs?dry_run=true").status_code == 200


def test_a_stored_job_is_not_held_against_it_again(client: TestClient, folders: Path) -> None:
    key = {"Idempotency-Key": "a"}
    first = post(client, PETS, headers=key)
    assert first.status_code == 201
    shutil.rmtree(folders / "pets")
    again = post(client, PETS, headers=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert client.get(f"/v1/jobs/{first.json()['id']}").status_code == 200
    assert "no data set 'pets'" in refused(post(client, PETS), folders)["detail"]
    assert "no data set 'pets'" in refused(client.post(f"/v1/jobs/{first.json()['id']}/rerun"), folders)["detail"]


def test_while_a_disk_is_waited_for_others_write(
    client: TestClient, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a transaction open, none could: on SQLite they take turns. Also after a condition has been looked at."""
    made = post(client, PETS).json()
    tag = client.get(f"/v1/jobs/{made['id']}").headers["ETag"]
    looks: list[str] = []

    def look(_catalogue: Catalogue, spec: TrainingSpec) -> list[Conflict]:
        looks.append(spec.dataset)
        stage.submit()
        return []

    monkeypatch.setattr(Catalogue, "conflicts", look)
    rerun = f"/v1/jobs/{made['id']}/rerun"
    answers = [post(client, PETS), client.post(rerun), client.post(rerun, headers={"If-Match": tag})]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert looks == ["pets"] * 3


def test_the_list_has_what_cannot_be_used_with_the_reason(client: TestClient, folders: Path) -> None:
    (folders / "my pets").mkdir()
    (folders / "pets/train/cat/notes.mp4").touch()
    entries = {entry["name"]: entry for entry in client.get("/v1/datasets").json()["data"]}
    assert entries["pets"]["usable"]
    assert (entries["pets"]["ignored_files"], entries["pets"]["ignored_examples"]) == (1, ["pets/train/cat/notes.mp4"])
    assert not entries["half"]["usable"]
    assert "half has no folder test" in entries["half"]["reason"]
    assert "rename the folder" in entries["my pets"]["reason"]
    assert entries["digits"]["reason"] is None


def test_an_api_without_the_data_sets_takes_every_name(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"check_datasets": False, "datasets_dir": settings.data_dir / "none"})
    with LocalClient(create_app(elsewhere)) as client:
        assert post(client, {"dataset": "flowers"}).status_code == 201


def test_a_data_sets_folder_that_cannot_be_read(settings: Settings) -> None:
    settings.datasets_dir.touch()
    with LocalClient(create_app(settings)) as client:
        answer = client.get("/v1/datasets")
        assert (answer.status_code, answer.json()["code"]) == (503, "datasets_unavailable")
        assert str(settings.data_dir) not in answer.text
        assert post(client, {"dataset": "flowers"}).status_code == 201, "left to the worker"


@pytest.mark.parametrize(
    ("field", "sent", "meant"),
    [
        ("architecture", "ResNet18", "resnet18"),
        ("architecture", "resnet-18", "resnet18"),
        ("architecture", "WRN_28_10", "wrn-28-10"),
        ("recipe", "Lab_Baseline", "lab-baseline"),
        ("recipe", "stateoftheart", "state-of-the-art"),
        ("optimizer", "AdamW", "adamw"),
        ("optimizer", "SGD", "sgd"),
        ("schedule", "OneCycle", "one_cycle"),
        ("schedule", "Cosine", "cosine"),
        ("resize", "Crop", "crop"),
        ("precision", "BF16", "bf16"),
        ("unreadable_images", "Drop", "drop"),
        ("augmentation", {"policy": "Rand-Augment"}, "randaugment"),
        ("architecture", {"name": "resnet20", "activation": "ReLU"}, "relu"),
    ],
)
def test_every_name_of_a_spec_is_suggested_whatever_its_case_and_hyphens(
    front: TestClient, field: str, sent: Any, meant: str
) -> None:
    answer = post(front, {"dataset": "digits", field: sent})
    assert answer.status_code == 422
    assert any(f"did you mean {meant!r}?" in error["detail"] for error in answer.json()["errors"]), answer.text


def test_a_rerun_of_a_job_whose_version_is_gone_is_told_where_its_images_are(
    client: TestClient, stage: "Stage", settings: Settings
) -> None:
    storage = VerifiedStorage(settings.storage_url)
    store_ready(stage.database, storage, pets())
    claim = stage.claim(post(client, PETS).json()["id"])
    stage.begin(claim)
    stage.succeed(claim)
    assert client.delete("/v1/datasets/pets").status_code == 204
    store_ready(stage.database, storage, pets())
    again = client.post(f"/v1/jobs/{claim.job_id}/rerun")
    [error] = again.json()["errors"]
    assert error["pointer"] == "#/spec/dataset"
    assert error["detail"].startswith("The data set 'pets' has no version 1. The same images are pets@2: change")
    assert client.post(f"/v1/jobs/{claim.job_id}/rerun", json={"spec": {"dataset": "pets@2"}}).status_code == 201
