"""From a zip with wrong labels in it to a version without them, by a real worker and over the API."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from jobs.delivery import BrokerState
from models import Database
from settings import Settings
from tests.api.conftest import LocalClient
from tests.worker.attempts import until
from tests.worker.validation.archives import zipped
from training.images.predictions import Predictions
from worker.messages import Devices
from worker.worker import Worker

CLASSES = ("horizontal", "slanted", "vertical")
TRAIN, TEST = 40, 8  # images of each class
WRONG = {("train", 3, 0): 1, ("train", 17, 1): 2, ("train", 5, 2): 0, ("train", 30, 2): 1, ("test", 4, 1): 0}
SPEC = {"epochs": 6, "batch_size": 16, "architecture": "resnet20", "augmentation": None, "precision": "fp32"}


class Silent:
    """A broker that says nothing: the worker looks by itself."""

    def send(self, job_id: str) -> bool:
        return True

    def forward(self, job_id: str, devices: Sequence[str], times: int) -> bool:
        return True

    def state(self) -> BrokerState:
        return "ok"


def stripes(seed: int, label: int) -> bytes:
    """16 x 16 pixels, with stripes in the direction of the class, noise, and a colour by chance."""
    drawn = np.random.default_rng(seed)
    across, along = np.meshgrid(np.arange(16), np.arange(16))
    place = {0: along, 1: across + along, 2: across}[label]
    wave = np.sin((place + drawn.uniform(0, 6)) * drawn.uniform(0.9, 1.3))[..., None]
    pixels = 128 + wave * drawn.uniform(30, 100, 3) + drawn.normal(0, 12, (16, 16, 3))
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def archive() -> bytes:
    """Images whose file says what they are, in folders that say it, too, but for the wrong ones."""
    files, seed = {}, 0
    for split, count in (("train", TRAIN), ("test", TEST)):
        for number in range(count):
            for label, name in enumerate(CLASSES):
                seed += 1
                folder = CLASSES[WRONG.get((split, number, label), label)]
                files[f"{split}/{folder}/{name}-{number}.png"] = stripes(seed, label)
    return zipped(files)


@pytest.fixture
def client(database_url: str, database: Database, redis_url: str, devices: Devices, tmp_path: Path) -> Iterator[Any]:
    """An API, and a worker at its storage."""
    settings = Settings.model_validate({"database_url": database_url, "redis_url": redis_url, "data_dir": tmp_path})
    worker = Worker("worker", settings, database, Silent(), devices)
    with LocalClient(create_app(settings)) as client, worker.present():
        yield client
        worker.drain()


def became(client: TestClient, url: str, *statuses: str) -> dict[str, Any]:
    """What is at `url`, once it has one of these statuses."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found.append(client.get(url).json())
        assert found[-1]["status"] not in {"failed", "cancelled"} - {*statuses}, found[-1]
        return found[-1]["status"] in statuses

    until(there, f"{url} was not {statuses}", tick_seconds=0.2)
    return found[-1]


def test_wrong_labels_are_found_and_mended(client: TestClient) -> None:
    uploaded = client.put("/v1/datasets/stripes", content=archive()).json()
    version = became(client, uploaded["links"]["self"], "ready")
    begun = client.post(f"{version['links']['self']}/audit", json={"folds": 2, "spec": SPEC})
    assert begun.status_code == 202, begun.text
    audit = became(client, begun.json()["links"]["self"], "succeeded")
    result = audit["result"]
    assert (result["images"], result["judged"]) == (3 * (TRAIN + TEST), 3 * (TRAIN + TEST))
    assert (result["train"]["images"], result["test"]["images"]) == (3 * TRAIN, 3 * TEST)
    assert result["train"]["accuracy"] > 0.8
    suspects = client.get(audit["links"]["suspects"]).json()["data"]
    assert len(suspects) == result["suspects"]
    wrong = truth_of_wrong(client, version["links"]["self"])
    suspicious = {each["image"]: each for each in suspects}
    found = {image: each for image, each in suspicious.items() if image in wrong}
    assert len(found) >= 4, "of five wrong labels"
    assert len(suspects) - len(found) <= 12
    assert sum(each["likely"] == wrong[image] for image, each in found.items()) >= len(found) - 1

    edits: list[dict[str, Any]] = [{"audit": {"id": audit["id"]}, "likely_label": True}]
    right = [{"images": [image], "label": each["given"]} for image, each in suspicious.items() if image not in wrong]
    mended = became(client, edited(client, audit["links"]["edits"], [*edits, *right]), "ready")
    assert (mended["version"], mended["parent"]) == (2, 1)
    again = {"spec": {"dataset": "stripes@2", "validation_fold": None, "epochs": 2}}
    rerun = client.post(f"{audit['jobs'][0]['url']}/rerun", json=again)
    assert rerun.status_code == 201, rerun.text
    job = became(client, rerun.headers["Location"], "succeeded")
    assert (job["dataset"]["version"], job["dataset"]["identity"]) == (2, mended["identity"])
    assert job["parent"] is None
    downloaded = client.get(job["predictions"]["download"])
    assert (downloaded.status_code, len(downloaded.content)) == (200, job["predictions"]["size_bytes"])
    predictions = Predictions.from_bytes(downloaded.content)
    assert len(predictions) == 3 * TEST
    assert predictions.dataset_identity == mended["identity"]


def edited(client: TestClient, url: str, edits: list[dict[str, Any]]) -> str:
    answer = client.post(url, json={"edits": edits})
    assert answer.status_code == 202, answer.text
    link: str = answer.json()["links"]["self"]
    return link


def truth_of_wrong(client: TestClient, version: str) -> dict[str, str]:
    """The class of each image that is in another one's folder, by its id."""
    images: list[dict[str, Any]] = []
    url: str | None = f"{version}/images?limit=100"
    while url:
        page = client.get(url).json()
        images += page["data"]
        url = page["next"]
    own = {image["id"]: image["name"].rpartition("/")[2].partition("-")[0] for image in images}
    return {image["id"]: own[image["id"]] for image in images if own[image["id"]] != image["class"]}
