"""What a network will see: asked for over HTTP, drawn by a worker."""

from collections.abc import Iterator
from io import BytesIO
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from jobs import drawings, tasks
from jobs.failures import Failure
from jobs.verified_storage import VerifiedStorage
from models import Database, DatasetVersion, Task, TaskStatus, VersionStatus
from settings import Settings
from storage import Storage
from tests.api.picture_data import pets, store_ready
from tests.jobs.datasets import sent
from tests.worker.attempts import until
from training.images.sheet_layout import HEAD, MARGIN, NAMES
from worker import task_runner
from worker.task_runner import TaskRunner
from worker.validation.messages import ValidationOrder

if TYPE_CHECKING:
    from tests.api.conftest import Tenants

SHEET = "/v1/datasets/pets/versions/1/samples.png"
FLIP = {"augmentation": {"crop": {"padding": 4}, "flip": True}, "count": 3}


@pytest.fixture
def worker(settings: Settings, database: Database) -> Iterator[TaskRunner]:
    runner = TaskRunner("worker-2", settings, database, VerifiedStorage(settings.storage_url), Event(), lambda _: None)
    runner.start()
    yield runner
    runner.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.reading.augmented_samples.SECONDS", 0.1)


@pytest.fixture
def woken(worker: TaskRunner, monkeypatch: pytest.MonkeyPatch) -> TaskRunner:
    """A message wakes it, as a worker's Celery would."""

    def send(*_: object) -> bool:
        worker.wake()
        return True

    monkeypatch.setattr("api.service.non_blocking_queue.NonBlockingQueue.send", send)
    return worker


def problem(client: TestClient, status: int, body: Any) -> Any:
    answer = client.post(SHEET, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def rows(sheet: Image.Image, images: int, cell: int = 96) -> list[bytes]:
    """The pixels of each row."""
    left, width = MARGIN + NAMES, images * (cell + 8) - 8
    tops = range(MARGIN + HEAD, sheet.height - cell, cell + 16)
    return [sheet.crop((left, top, left + width, top + cell)).tobytes() for top in tops]


def test_a_worker_draws_images_as_they_are_and_in_each_epoch(
    client: TestClient, database: Database, storage: Storage, woken: TaskRunner
) -> None:
    store_ready(database, storage, pets())
    answer = client.post(SHEET, json=FLIP)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    drawn = rows(Image.open(BytesIO(answer.content)).convert("RGB"), 3)
    assert (len(drawn), len(set(drawn))) == (6, 6)
    plain = client.post(SHEET, json={"count": 3})
    unchanged = rows(Image.open(BytesIO(plain.content)).convert("RGB"), 3)
    assert set(unchanged) == {drawn[0]}
    assert client.post(SHEET, json=FLIP).content == answer.content
    assert {task.status for task in all_tasks(database)} == {TaskStatus.SUCCEEDED}


def test_a_picture_does_not_wait_until_a_data_set_is_validated(
    client: TestClient, database: Database, settings: Settings, woken: TaskRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(task_runner.PROGRAMS, ValidationOrder, ("tests.worker.waiting_program", "The validation"))
    storage = VerifiedStorage(settings.storage_url)
    store_ready(database, storage, pets())
    sent(database, storage)
    woken.wake()
    until(lambda: open_tasks(database), "no validation began")
    assert client.post(SHEET, json=FLIP).status_code == 200
    assert [task.status for task in open_tasks(database)] == [TaskStatus.RUNNING]


def open_tasks(database: Database) -> list[Task]:
    with database.session() as session:
        return [task for task in session.query(Task) if task.kind == tasks.VALIDATE and task.owner]


def all_tasks(database: Database) -> list[Task]:
    with database.session() as session:
        return [task for task in session.query(Task) if task.kind == tasks.SAMPLES]


@pytest.mark.usefixtures("impatient")
def test_without_a_worker_the_same_request_asks_for_the_same_drawing_later(
    client: TestClient, database: Database, storage: Storage
) -> None:
    store_ready(database, storage, pets())
    for _ in range(2):
        assert problem(client, 503, FLIP)["code"] == "picture_not_drawn"
    assert len(all_tasks(database)) == 1
    for seed in range(1, drawings.MOST_OPEN):
        problem(client, 503, {"seed": seed})
    assert problem(client, 429, {"seed": 99})["code"] == "too_many_waiting"


@pytest.mark.usefixtures("impatient")
def test_what_was_drawn_after_the_answer_is_there_for_the_next(
    client: TestClient, database: Database, storage: Storage
) -> None:
    store_ready(database, storage, pets())
    problem(client, 503, FLIP)
    with database.session() as session:
        claim = tasks.claim_next(session, "worker-1", 60)
        assert claim is not None
        drawings.settle_drawn(session, claim, storage.put("datasets/default/sheet.png", b"a picture"))
    assert client.post(SHEET, json=FLIP).content == b"a picture"
    storage.delete(["datasets/default/sheet.png"])  # as the collection of garbage does
    assert problem(client, 503, FLIP)["code"] == "picture_not_drawn"
    assert len(all_tasks(database)) == 2


@pytest.mark.usefixtures("impatient")
def test_a_drawing_that_fails_leaves_the_version_as_it_is(
    client: TestClient, database: Database, storage: Storage
) -> None:
    from jobs import task_ends

    store_ready(database, storage, pets())
    problem(client, 503, FLIP)
    for _ in range(tasks.MOST_LOSSES + 1):
        with database.session() as session:
            session.query(Task).update({"not_before": None})
        with database.session() as session:
            claim = tasks.claim_next(session, "worker-1", 60)
            assert claim is not None
            task_ends.lose(session, claim, Failure("worker_lost", "It ended.", "Look.", retryable=True))
    assert all_tasks(database)[0].status == TaskStatus.FAILED
    with database.session() as session:
        assert session.query(DatasetVersion).one().status == VersionStatus.READY


def test_what_does_not_fit_the_images_is_refused(client: TestClient, database: Database, storage: Storage) -> None:
    store_ready(database, storage, pets())
    assert problem(client, 422, {"augmentation": {"crop": {"padding": 20}}})["errors"][0]["pointer"] == (
        "#/augmentation/crop/padding"
    )
    assert problem(client, 422, {"augmentation": {"flap": True}})["errors"][0]["pointer"] == "#/augmentation/flap"
    assert problem(client, 422, {"image_size": 5000})["errors"][0]["pointer"] == "#/image_size"


def test_another_project_s_version_is_not_there(
    guarded: TestClient, database: Database, storage: Storage, tenants: "Tenants"
) -> None:
    store_ready(database, storage, pets(), project="first")
    answer = guarded.post(SHEET, json=FLIP, headers=tenants.header("second"))
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")
    assert guarded.post(SHEET, json=FLIP, headers=tenants.header("first", "read")).status_code == 403
    assert not all_tasks(database)
