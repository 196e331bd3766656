"""The SDK's data sets against the real API: uploads that go on where they stopped, folders, waiting and errors."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from jobs.verified_storage import VerifiedStorage
from models import Database
from old_client import Client, EpochalError
from old_client.archives import archive_of
from old_client.check import check_dataset
from old_client.datasets import PART_BYTES, Upload
from settings import Settings
from tests.api.conftest import serving
from tests.worker.validation.archives import tree, zipped
from worker.task_runner import TaskRunner


@pytest.fixture
def epochal(app: FastAPI) -> Iterator[Client]:
    with serving(app) as url, Client(url) as epochal:
        yield epochal


@pytest.fixture
def worker(settings: Settings, database: Database) -> Iterator[TaskRunner]:
    """What validates."""
    storage = VerifiedStorage(settings.storage_url)
    runner = TaskRunner("worker", settings, database, storage, threading.Event(), storage.delete)
    runner.start()
    yield runner
    runner.close()


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    for name, content in tree().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def waking(worker: TaskRunner, done: threading.Event) -> None:
    while not done.wait(0.05):
        worker.wake()


@pytest.fixture
def awake(worker: TaskRunner) -> Iterator[None]:
    """In place of messages: it looks for tasks all the time."""
    done = threading.Event()
    thread = threading.Thread(target=waking, args=(worker, done))
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("awake")
def test_a_folder_and_its_archive_are_one_version(epochal: Client, pets: Path, tmp_path: Path) -> None:
    first = epochal.datasets.upload("pets", pets)
    assert (first.status, first.version, first.train_images, first.reference) == ("ready", 1, 8, "pets@1")
    (tmp_path / "pets.zip").write_bytes(zipped(tree()))
    assert epochal.datasets.upload("pets", tmp_path / "pets.zip").version == 1
    assert [version.version for version in epochal.datasets.versions("pets")] == [1]
    epochal.datasets.delete("pets")
    with pytest.raises(EpochalError) as told:
        epochal.datasets.version("pets", 1)
    assert told.value.status == 404


@pytest.mark.usefixtures("awake")
def test_what_is_no_data_set_is_told(epochal: Client, tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_bytes(zipped({"notes.txt": b"hello"}))
    with pytest.raises(EpochalError) as told:
        epochal.datasets.upload("notes", tmp_path / "notes.zip")
    assert told.value.code == "dataset_invalid"
    assert "no image" in str(told.value)


def test_an_upload_goes_on_where_it_stopped(epochal: Client, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another program: nothing of it is remembered but what the service knows."""
    sent: list[int] = []
    send = epochal._connection.send_bytes

    def send_and_break(method: str, path: str, content: bytes, headers: dict[str, str]) -> object:
        sent.append(int(headers["Upload-Offset"]))
        if len(sent) == 2:
            raise KeyboardInterrupt
        return send(method, path, content, headers)

    monkeypatch.setattr("old_client.datasets.PART_BYTES", 4096)
    monkeypatch.setattr(epochal._connection, "send_bytes", send_and_break)
    with pytest.raises(KeyboardInterrupt):
        epochal.datasets.upload("pets", pets, wait=False)
    version = epochal.datasets.upload("pets", pets, wait=False)
    assert version.status == "validating"
    assert sent[:4] == [0, 4096, 4096, 8192]
    assert PART_BYTES > 4096


def test_an_upload_with_another_split_begins_anew(epochal: Client, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def uploads() -> list[tuple[float, int, str]]:
        rows = epochal._connection.pages(Upload, "/v1/uploads")
        return sorted((row.test_fraction, row.seed, row.status) for row in rows)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(epochal._connection, "send_bytes", broken_off)
        epochal.datasets.upload("pets", pets, wait=False)
    epochal.datasets.upload("pets", pets, test_fraction=0.5, seed=4, wait=False)
    assert uploads() == [(0.2, 0, "uploading"), (0.5, 4, "complete")]
    epochal.datasets.upload("pets", pets, wait=False)
    assert uploads() == [(0.2, 0, "complete"), (0.5, 4, "complete")]


def broken_off(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_without_files_is_not_sent(epochal: Client, tmp_path: Path) -> None:
    (tmp_path / "pets/cat").mkdir(parents=True)
    with pytest.raises(EpochalError, match=r"The folder .*pets has no files\. Put") as told:
        epochal.datasets.upload("pets", tmp_path / "pets")
    assert told.value.code == "dataset_invalid"
    (tmp_path / "pets/link").symlink_to("/etc/passwd")
    with pytest.raises(EpochalError, match="no files: links and devices, which it has, are not sent"):
        check_dataset(tmp_path / "pets")


def test_a_folder_is_always_the_same_tar(pets: Path) -> None:
    (pets / "link").symlink_to("/etc/passwd")
    with archive_of(pets) as one, archive_of(pets) as other:
        content = one.read()
        assert content == other.read()
    assert b"passwd" not in content
