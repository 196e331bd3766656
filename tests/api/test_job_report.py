"""The report of a job: one file to read, in two forms."""

import base64
import hashlib
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.reading import job_reports
from jobs import requests
from models import Database, Epoch
from settings import Settings
from storage import Storage
from tests.api.conftest import LocalClient
from tests.api.picture_data import indexed, pets, predictions_on
from tests.conftest import Databases
from tests.stage import Stage
from training.images.predictions import Predictions

HOSTILE = '<script>alert("1")</script> & [x](javascript:y) | `z` **w** \u202e'
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "p", "h1", "h2", "h3"),
    *("dl", "dt", "dd", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("figure", "img", "pre", "code", "strong"),
}


class Reader(HTMLParser):
    """Which elements a page has, with which attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def report(client: TestClient, job_id: str, form: str = "html") -> str:
    answer = client.get(f"/v1/jobs/{job_id}/report?format={form}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{job_id}-report.{form}"'
    return answer.text


def both(client: TestClient, job_id: str) -> tuple[str, str]:
    return Reader(report(client, job_id)).text, report(client, job_id, "md")


@pytest.fixture(scope="module")
def settings(sqlite_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Of one API for this file, which starts the processes that draw and evaluate once."""
    folder = tmp_path_factory.mktemp("reports")
    with sqlite_databases(migrated=True) as url:
        told = {"database_url": url, "redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder}
        yield Settings.model_validate(told)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with LocalClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def stage(settings: Settings) -> Iterator[Stage]:
    database = Database(settings.database_url.get_secret_value())
    yield Stage(database, Storage(settings.storage_url))
    database.dispose()


@pytest.fixture(scope="module")
def evaluated(stage: Stage) -> str:
    """A job that has succeeded, with whatever somebody may write wherever they may write something."""
    classes = (f"a {HOSTILE}", f"b {HOSTILE}")
    job_id = stage.submit(name=HOSTILE, tags=[HOSTILE], epochs=2, dataset="digits")
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 2.5, 10: 2.0})
    stage.epoch(claim, 0, test_accuracy=0.25)
    stage.epoch(claim, 1, test_accuracy=0.5)
    index = indexed(pets(classes))
    stage.succeed(claim, classes=classes, predictions=predictions_on(index, seed=3).to_bytes())
    return job_id


def test_it_is_one_page_that_asks_for_nothing_and_runs_nothing(client: TestClient, evaluated: str) -> None:
    page = report(client, evaluated)
    read = Reader(page)
    assert read.elements <= ELEMENTS
    assert all(source.startswith("data:image/svg+xml;base64,") for source in read.attributes["src"])
    assert not read.attributes.keys() & {"href", "onclick", "onload", "style", "srcset"}
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [value for value in read.attributes["content"] if "default-src" in value]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:")
    assert "url(" not in style
    assert "@import" not in style
    [picture] = read.attributes["src"]
    assert b"<svg" in base64.b64decode(picture.partition(",")[2])


def test_whatever_somebody_has_written_is_text(client: TestClient, evaluated: str) -> None:
    page, markdown = report(client, evaluated), report(client, evaluated, "md")
    assert HOSTILE.replace("\u202e", "\ufffd") in Reader(page).text
    assert "\u202e" not in page + markdown
    named = [line for line in markdown.splitlines() if "alert" in line]
    assert len(named) >= 4  # title, tags, a pair, a class
    for line in named:
        assert not re.search(r"(?<!\\)[<`\[]", line.replace("**", "")), line
        assert "**w**" not in line
    heads = [line.count(" | ") for line in markdown.splitlines() if line.startswith("| a ")]
    assert set(heads) == {3}


def test_it_says_how_good_the_network_is_and_how_sure_that_is(client: TestClient, evaluated: str) -> None:
    for text in both(client, evaluated):
        assert "50.0%" in text
        assert "44.9 to 55.1%" in text  # Wilson's interval of 180 of 360
        assert "This is one run." in text
        assert "========== epoch: 0 ==========" in text
        assert "Epoch: 0, Step 10, Loss: 2.0000" in text
        manifest = client.get(f"/v1/jobs/{evaluated}/manifest").json()
        assert manifest["metrics"]["sha256"] in text
        assert all(file["sha256"] in text for file in manifest["files"])
        assert "The most confused pairs" in text
    assert f"(/v1/jobs/{evaluated}/curves.svg)" in both(client, evaluated)[1]


def test_it_is_kept_until_the_job_changes(client: TestClient, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    address = f"/v1/jobs/{job_id}/report"
    first = client.get(address)
    with monkeypatch.context() as patch:
        patch.delattr(job_reports, "job_report")
        assert client.get(address).content == first.content
        assert client.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    stage.epoch(claim, 1, test_accuracy=0.75)
    second = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert "75.0%" in second.text


def test_another_process_makes_the_same_bytes(client: TestClient, settings: Settings, evaluated: str) -> None:
    with LocalClient(create_app(settings)) as other:
        assert report(other, evaluated, "md") == report(client, evaluated, "md")


def test_the_form_is_what_is_asked_for(client: TestClient, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit()}/report"
    forms = {"*/*": "text/html", "text/markdown": "text/markdown", "text/html, text/markdown;q=0.5": "text/html"}
    for accept, media_type in forms.items():
        answer = client.get(address, headers={"Accept": accept})
        assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
        assert answer.headers["Vary"] == "Accept"
    assert client.get(address, headers={"Accept": "image/png"}).status_code == 406
    assert client.get(f"{address}?format=pdf").status_code == 422


def test_a_job_in_any_state_has_one(client: TestClient, stage: Stage) -> None:
    queued, running, failed, cancelled = (stage.submit(epochs=5) for _ in range(4))
    stage.epoch(stage.start(running), 0, test_loss=None, test_accuracy=None)
    claim = stage.start(failed)
    stage.epoch(claim, 0, test_loss=math.nan, test_accuracy=0.1)
    stage.fail(claim)
    with stage.database.session() as session:
        requests.request_cancel(session, cancelled)
    told = {job_id: both(client, job_id) for job_id in (queued, running, failed, cancelled)}
    for job_id, words in (
        (queued, ["It waits for a worker.", "trained for 0 of 5 epochs"]),
        (running, ["still training", "trained for 1 of 5 epochs", "Train loss"]),
        (failed, ["It has failed.", "The loss is NaN.", "Lower the learning rate.", "NaN"]),
        (cancelled, ["It was cancelled"]),
    ):
        for text in told[job_id]:
            assert [word for word in words if word not in text] == []


def test_a_long_run_with_many_classes_stays_small(client: TestClient, stage: Stage) -> None:
    classes = tuple(f"class {number} {'x' * 200}" for number in range(1000))
    random = np.random.default_rng(0)
    given = random.dirichlet(np.ones(1000), 2000).astype(np.float32)
    labels = random.integers(0, 1000, 2000).astype(np.int32)
    digests = random.integers(0, 256, (2000, 32), np.uint8)
    predictions = Predictions(
        classes=classes,
        dataset_identity="5e" * 32,
        splits=np.ones(2000, np.uint8),
        labels=labels,
        digests=digests,
        probabilities=given,
    )
    job_id = stage.submit(epochs=1000)
    claim = stage.start(job_id)
    rest: dict[str, Any] = {"attempt": 1, "learning_rate": 0.1, "seconds": 1.0, "images_per_second": 1.0}
    noise = random.random((1000, 4))
    with stage.database.session() as session:
        for epoch, values in enumerate(noise.tolist()):
            names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
            session.add(Epoch(job_id=job_id, epoch=epoch, **dict(zip(names, values, strict=True)), **rest))
    stage.succeed(claim, classes=classes, predictions=predictions.to_bytes())
    page, markdown = report(client, job_id), report(client, job_id, "md")
    assert len(page) < 300_000
    assert len(markdown) < 30_000
    assert "1,000 epochs" in Reader(page).text


def test_a_repeated_job_is_told_with_its_mean(client: TestClient, stage: Stage) -> None:
    spec = {"dataset": "digits", "epochs": 1, "seed": 3}
    first = client.post("/v1/jobs", json={"spec": spec, "repeats": 3}).json()["id"]
    assert "No run has succeeded yet." in report(client, first)
    runs = [each["id"] for each in client.get(f"/v1/jobs/{first}/repeats").json()["jobs"]]
    for done, (job_id, accuracy) in enumerate(zip(runs, (0.8, 0.9, 0.7), strict=True), start=1):
        claim = stage.start(job_id)
        stage.epoch(claim, 0, test_accuracy=accuracy)
        stage.succeed(claim)
        assert f"{done} run" in report(client, first, "md")  # though nothing has changed of the first itself
    for text in both(client, first):
        assert "The mean test accuracy of 3 runs is " in text
        assert "10.00 points" in text
        assert "55.2 to 100.0%" in text  # 0.8 and 4.3027 times 0.1 / sqrt(3)
        assert "This is one run." not in text
    assert f"It repeats {first} under another seed" in report(client, runs[1])
