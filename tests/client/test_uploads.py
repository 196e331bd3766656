"""The SDK's uploads against the real API: over a network that breaks every connection, while the service starts again,
and with what is no data set."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from api.app import create_app
from epochal import DatasetFailedError, Epochal, NotFoundError, uploading
from epochal.uploading import UploadProgress
from jobs.verified_storage import VerifiedStorage
from models import Database
from settings import Settings
from tests.api.conftest import serving
from tests.client.cutting import cutting
from tests.worker.validation.archives import tree, zipped
from worker.task_runner import TaskRunner


@pytest.fixture
def epochal(app: FastAPI) -> Iterator[Epochal]:
    with serving(app) as url, Epochal(url) as client:
        yield client


@pytest.fixture
def validating(settings: Settings, database: Database) -> Iterator[None]:
    """A worker, which looks for tasks all the time."""
    storage = VerifiedStorage(settings.storage_url)
    runner = TaskRunner("worker", settings, database, storage, threading.Event(), storage.delete)
    done = threading.Event()
    runner.start()
    thread = threading.Thread(target=_wake, args=(runner, done))
    thread.start()
    yield
    done.set()
    thread.join()
    runner.close()


def _wake(runner: TaskRunner, done: threading.Event) -> None:
    while not done.wait(0.05):
        runner.wake()


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A data set, and beside it some hundred kilobytes that are passed over."""
    folder = tmp_path / "pets"
    for name, content in (tree() | {"notes.txt": random.Random(1).randbytes(200_000)}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SMALLEST_PART": 2**14,
        "FIRST_PART": 2**15,
        "LARGEST_PART": 2**15,
        "FIRST_WAIT": 0.01,
        "LONGEST_WAIT": 0.1,
    }.items():
        monkeypatch.setattr(uploading, name, value)


@pytest.mark.usefixtures("validating")
def test_a_folder_is_uploaded_once(epochal: Epochal, pets: Path) -> None:
    first = epochal.datasets.upload("pets", pets)
    assert (first.status, first.version, first.train_images) == ("ready", 1, 8)
    assert epochal.datasets.upload("pets", pets) == first
    assert len(epochal.uploads.list().to_list()) == 1
    epochal.datasets.delete("pets")
    with pytest.raises(NotFoundError):
        epochal.datasets.version("pets", 1)
    assert epochal.datasets.upload("pets", pets, wait=False).status == "validating"  # it is sent again
    assert len(epochal.uploads.list().to_list()) == 2


@pytest.mark.usefixtures("validating")
def test_what_the_service_finds_to_be_no_data_set_is_told(epochal: Epochal, tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_bytes(zipped({"notes.txt": b"hello"}))
    with pytest.raises(DatasetFailedError, match="no image") as told:
        epochal.datasets.upload("notes", tmp_path / "notes.zip", check=False)
    assert told.value.code == "dataset_invalid"


@pytest.mark.usefixtures("_small_parts")
def test_it_comes_over_a_network_that_breaks_every_connection(epochal: Epochal, pets: Path) -> None:
    url = httpx2.URL(epochal.base_url)
    assert url.port is not None
    with cutting(url.host, url.port, seed=1, most_bytes=60_000) as network, Epochal(network.url) as client:
        version = client.datasets.upload("pets", pets, wait=False)
    assert network.broken > 3
    assert (version.version, version.status) == (1, "validating")
    assert [version.version for version in epochal.datasets.versions("pets")] == [1]
    finished = [upload for upload in epochal.uploads.list() if upload.version]
    assert [upload.received_bytes for upload in finished] == [upload.bytes for upload in finished]
    assert len(finished) == 1


class Elsewhere(httpx2.BaseTransport):
    """A service that is now at one address, then nowhere, then at another."""

    def __init__(self) -> None:
        self.url: httpx2.URL | None = None
        self.was_missed = threading.Event()
        self._network = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.url is None:
            self.was_missed.set()
            raise httpx2.ConnectError("refused")
        request.url = request.url.copy_with(host=self.url.host, port=self.url.port)
        request.headers["Host"] = self.url.netloc.decode()
        return self._network.handle_request(request)

    def close(self) -> None:
        self._network.close()


@pytest.mark.usefixtures("_small_parts", "database")
def test_it_goes_on_when_the_service_was_started_again(settings: Settings, pets: Path) -> None:
    place, begun, is_gone = Elsewhere(), threading.Event(), threading.Event()
    sent: list[int] = []

    def note(progress: UploadProgress) -> None:
        if progress.stage == "sending" and progress.detail is None:
            sent.append(progress.done)
            if len(sent) == 3:
                begun.set()
                assert is_gone.wait(60)

    with ThreadPoolExecutor(1) as pool, Epochal("http://service", transport=place) as client:
        with serving(create_app(settings)) as url:
            place.url = httpx2.URL(url)
            uploaded = pool.submit(client.datasets.upload, "pets", pets, wait=False, on_progress=note)
            assert begun.wait(60)
            place.url = None
        is_gone.set()
        assert place.was_missed.wait(60)
        with serving(create_app(settings)) as url:
            place.url = httpx2.URL(url)
            assert uploaded.result(60).version == 1
    assert sent == sorted(sent)
    assert sent[2:4] == [2 * uploading.LARGEST_PART] * 2
