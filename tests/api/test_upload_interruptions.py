"""Uploads that break on the way, that are slow, and that wait."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from threading import Event, Semaphore

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.app import create_app
from api.http.middleware import BodyLimit
from api.making import uploading
from api.service.service import UPLOAD_SLOTS, UPLOAD_SLOTS_PER_PROJECT, Service
from jobs import tasks, uploads
from jobs.verified_storage import STORAGE_ID_FILE
from models import Database, Deployment, Upload
from settings import Settings
from storage import Storage
from tests.api.conftest import Tenants
from tests.api.sending import (
    NOTHING,
    PETS,
    ZIP,
    accepted,
    archive,
    chunk,
    head,
    kinds,
    left,
    refused,
)
from tests.api.serving import RawClient, served
from tests.jobs.datasets import alone

PATIENCE_SECONDS = 60.0


@pytest.fixture
def discarded(monkeypatch: pytest.MonkeyPatch) -> Semaphore:
    """Has one more for each upload that has been given up."""
    found, discard = Semaphore(0), uploading.discard

    async def noted(service: Service, upload: Upload) -> None:
        await discard(service, upload)
        found.release()

    monkeypatch.setattr(uploading, "discard", noted)
    return found


def test_an_upload_that_still_arrives_does_not_expire(
    live: httpx2.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly() -> Iterator[bytes]:
        yield ZIP
        alone(database, 1)
        yield bytes(1000)

    monkeypatch.setattr(uploading, "RENEW_SECONDS", 0.0)
    accepted(live.put(PETS, content=slowly()))


def test_nothing_is_left_of_a_body_that_is_cut_off(
    address: tuple[str, int],
    database: Database,
    storage: Storage,
    discarded: Semaphore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "PART_BYTES", 2**16)
    content = archive(2**18)
    for sent in (
        head("PUT", PETS, f"Content-Length: {len(content)}") + content[:-1],
        head("PUT", PETS, f"Content-Length: {len(content)}") + content[:100],
        head("PUT", PETS, "Transfer-Encoding: chunked") + chunk(content),
        head("PUT", PETS, "Transfer-Encoding: chunked") + b"5\r\nPK",
    ):
        with RawClient(address) as client:
            client.send(sent)
            client.socket.shutdown(socket.SHUT_WR)
            assert discarded.acquire(timeout=PATIENCE_SECONDS)
        assert left(database, storage) == NOTHING
    assert kinds(database)["uploads"] == 0
    with database.snapshot() as session:
        assert not tasks.has_queued(session)


def test_a_storage_that_is_away_is_told(
    live: httpx2.Client, database: Database, storage: Storage, settings: Settings
) -> None:
    folder = settings.data_dir / "storage"
    folder.write_text("no folder")
    answer = live.put(PETS, content=ZIP)
    refused(answer, 503, "storage_unavailable", "in a few seconds")
    assert answer.headers["retry-after"]
    folder.unlink()
    assert left(database, storage) == NOTHING
    accepted(live.put(PETS, content=ZIP))


def test_nothing_is_written_into_a_storage_that_is_not_mounted(
    live: httpx2.Client, database: Database, settings: Settings
) -> None:
    folder = settings.data_dir / "storage"
    folder.mkdir()
    (folder / STORAGE_ID_FILE).write_text("ours")
    with database.session() as session:
        session.execute(update(Deployment).values(storage_id="ours"))
    accepted(live.put(PETS, content=ZIP))
    folder.rename(folder.with_name("away"))
    refused(live.put(PETS, content=ZIP), 503, "storage_unavailable")
    assert not folder.exists()


def test_a_storage_that_is_full_is_told(
    live: httpx2.Client, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("storage.Storage.put", full)
    refused(live.put(PETS, content=ZIP), 503, "storage_unavailable", "full")
    assert left(database, storage) == NOTHING


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A service that waits for nobody."""
    monkeypatch.setattr("api.service.middleware_stack.BodyLimit", partial(BodyLimit, body_timeout_seconds=0.3))
    with served(create_app(settings)) as address:
        yield address


def test_a_client_that_sends_nothing_more_is_told_so(
    impatient: tuple[str, int], database: Database, storage: Storage
) -> None:
    for sent in (b"", ZIP[:10]):
        with RawClient(impatient) as client:
            client.send(head("PUT", PETS, f"Content-Length: {len(ZIP)}") + sent)
            answer = client.receive()
            answer.problem(408, "request_too_slow")
            assert answer.closed
        assert left(database, storage) == NOTHING


def test_so_is_one_that_sends_a_byte_now_and_then(
    impatient: tuple[str, int], database: Database, storage: Storage
) -> None:
    """It never pauses for long, and would hold its slot for ever."""
    answered = Event()
    with RawClient(impatient) as client, ThreadPoolExecutor(1) as pool:
        client.send(head("PUT", PETS, f"Content-Length: {2**20}") + ZIP[:4])

        def trickle() -> None:
            while not answered.wait(0.02):
                try:
                    client.send(b"\0")
                except OSError:
                    return

        trickling = pool.submit(trickle)
        client.receive().problem(408, "request_too_slow")
        answered.set()
        trickling.result()
    assert left(database, storage) == NOTHING


def test_and_one_that_sends_enough_takes_as_long_as_it_takes(impatient: tuple[str, int]) -> None:
    with RawClient(impatient) as client:
        client.send(head("PUT", PETS, f"Content-Length: {len(ZIP) // 4 * 4}"))
        for quarter in range(4):
            Event().wait(0.2)
            client.send(ZIP[quarter * (len(ZIP) // 4) :][: len(ZIP) // 4])
        assert client.receive().status == 202


# Who waits for whom


@pytest.fixture
def guarded_app(settings: Settings, tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """It asks for keys, and waits for ever."""
    monkeypatch.setattr("api.service.middleware_stack.BodyLimit", partial(BodyLimit, body_timeout_seconds=3600))
    return create_app(settings.model_copy(update={"require_keys": True}))


def test_uploads_that_do_not_end_hold_up_their_own_project_s_uploads_alone(
    guarded_app: FastAPI, tenants: Tenants
) -> None:
    """Also where that project was alone when it began them."""
    first, second = tenants.header("first"), tenants.header("second")
    key = f"Authorization: {first['Authorization']}"
    with served(guarded_app) as address, ExitStack() as stack:
        slow = [stack.enter_context(RawClient(address)) for _ in range(UPLOAD_SLOTS + 2)]
        for each in slow:
            each.send(head("PUT", PETS, f"Content-Length: {len(ZIP)}", key) + ZIP[:-1])
        with httpx2.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=PATIENCE_SECONDS) as client:
            for headers in (second, first):
                for path in ("/v1/jobs", "/v1/datasets", "/v1/uploads"):
                    assert client.get(path, headers=headers).status_code == 200
            accepted(client.put(PETS, content=ZIP, headers=second))
        for each in slow:
            each.send(ZIP[-1:])
        versions = sorted(json_version(each) for each in slow)
    assert versions == list(range(1, len(slow) + 1))


def json_version(client: RawClient) -> int:
    answer = client.receive()
    assert answer.status == 202
    return int(answer.headers["location"].rpartition("/")[2])


def test_who_leaves_while_it_waits_in_line_leaves_nothing(
    guarded_app: FastAPI, tenants: Tenants, database: Database, storage: Storage, discarded: Semaphore
) -> None:
    key = f"Authorization: {tenants.header('first')['Authorization']}"
    with served(guarded_app) as address, ExitStack() as stack:
        slow = [stack.enter_context(RawClient(address)) for _ in range(UPLOAD_SLOTS_PER_PROJECT)]
        for each in slow:
            each.send(head("PUT", PETS, f"Content-Length: {len(ZIP)}", key) + ZIP[:-1])
        with RawClient(address) as leaving:
            leaving.send(head("PUT", PETS, f"Content-Length: {2 * len(ZIP)}", key) + ZIP)
        for each in slow:
            each.send(ZIP[-1:])
        assert sorted(json_version(each) for each in slow) == list(range(1, len(slow) + 1))
        assert discarded.acquire(timeout=PATIENCE_SECONDS)
    assert left(database, storage)[:2] == (len(slow), len(slow))
