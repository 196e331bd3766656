"""Resumable uploads whose connections break: what has arrived is kept, and the client goes on there."""

import io
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import pairwise
from threading import Barrier, Semaphore
from typing import Any

import httpx2
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from api.app import create_app
from api.http.middleware import BodyLimit
from api.making import uploading
from api.service.service import Service
from jobs import uploads
from jobs.uploads import UploadWriter
from models import Database
from settings import Settings
from storage import Storage, StoredFile
from tests.api.conftest import serving
from tests.api.cutting import cutting
from tests.api.sending import UPLOADS, ZIP, archive, arrived, chunk, content_of, created, head, left, refused, send
from tests.api.serving import RawClient

PATIENCE_SECONDS = 60.0


def address_of(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Semaphore:
    """Has one more for each byte that a request has taken from its client."""
    found, write = Semaphore(0), UploadWriter.write

    def noted(self: UploadWriter, content: bytes) -> bool:
        try:
            return write(self, content)
        finally:
            found.release(len(content))

    monkeypatch.setattr(UploadWriter, "write", noted)
    return found


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Semaphore:
    """Has one more for each time that a request has stored what it had, or has tried to."""
    found, store = Semaphore(0), uploading._store

    async def noted(service: Service, writer: UploadWriter, *, rest: bool = True) -> None:
        try:
            await store(service, writer, rest=rest)
        finally:
            found.release()

    monkeypatch.setattr(uploading, "_store", noted)
    return found


PART_HEADERS = ("Content-Type: application/offset+octet-stream", "Tus-Resumable: 1.0.0")


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_what_has_arrived_before_the_connection_broke_is_kept(
    address: tuple[str, int],
    database: Database,
    storage: Storage,
    taken: Semaphore,
    stored: Semaphore,
    coding: str,
) -> None:
    content, ends = archive(2**18), (0, 1, 5000, 100_000, 200_000)
    with httpx2.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=PATIENCE_SECONDS) as client:
        url = created(client, len(content))
        for start, end in pairwise(ends):
            how = "Transfer-Encoding: chunked" if coding == "chunked" else f"Content-Length: {len(content) - start}"
            part = content[start:end]
            with RawClient(address) as breaking:
                breaking.send(head("PATCH", url, f"Upload-Offset: {start}", *PART_HEADERS, how))
                breaking.send(chunk(part) if coding == "chunked" else part)
                assert all(taken.acquire(timeout=PATIENCE_SECONDS) for _ in part)
            assert stored.acquire(timeout=PATIENCE_SECONDS)
            assert client.head(url).headers["upload-offset"] == str(end)
        arrived(send(client, url, content[end:], end), len(content), complete=True)
    assert content_of(database, storage) == content


def test_also_before_the_client_was_too_slow(
    settings: Settings, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.middleware_stack.BodyLimit", partial(BodyLimit, body_timeout_seconds=0.3))
    with serving(create_app(settings)) as base, httpx2.Client(base_url=base) as client:
        url = created(client)
        with RawClient(address_of(base)) as slow:
            slow.send(head("PATCH", url, "Upload-Offset: 0", *PART_HEADERS, f"Content-Length: {len(ZIP)}"))
            slow.send(ZIP[:5000])
            slow.receive().problem(408, "request_too_slow")
        assert client.head(url).headers["upload-offset"] == "5000"
        arrived(send(client, url, ZIP[5000:], 5000), len(ZIP), complete=True)
    assert content_of(database, storage) == ZIP


def test_what_breaks_and_cannot_be_stored_is_sent_again(
    address: tuple[str, int], database: Database, storage: Storage, stored: Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with httpx2.Client(base_url=f"http://{address[0]}:{address[1]}") as client:
        url = created(client)
        with monkeypatch.context() as patch:
            patch.setattr("storage.Storage.put", away)
            with RawClient(address) as breaking:
                breaking.send(head("PATCH", url, "Upload-Offset: 0", *PART_HEADERS, f"Content-Length: {len(ZIP)}"))
                breaking.send(ZIP[:5000])
                breaking.socket.shutdown(socket.SHUT_WR)
                assert stored.acquire(timeout=PATIENCE_SECONDS)
            answer = send(client, url, ZIP)
            refused(answer, 503, "storage_unavailable", "go on")
        assert client.head(url).headers["upload-offset"] == "0"
        arrived(send(client, url, ZIP), len(ZIP), complete=True)


def away(*_arguments: Any) -> None:
    raise OSError("It does not answer.")


def test_of_two_parts_at_once_one_arrives(
    live: httpx2.Client, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, put = Barrier(2), Storage.put

    def put_together(self: Storage, name: str, content: bytes) -> StoredFile:
        barrier.wait(PATIENCE_SECONDS)
        return put(self, name, content)

    url = created(live)
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(Storage, "put", put_together)
        sent = [pool.submit(send, live, url, ZIP[:size]) for size in (100, 200)]
        answers = [each.result() for each in sent]
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    winner = 0 if answers[0].status_code == 204 else 1
    stands = [100, 200][winner]
    refused(answers[1 - winner], 409, "mismatching_upload_offset", str(stands))
    assert answers[1 - winner].headers["upload-offset"] == str(stands)
    assert content_of(database, storage) == ZIP[:stands]
    assert len(left(database, storage)[2]) == 1
    arrived(send(live, url, ZIP[stands:], stands), len(ZIP), complete=True)


def test_a_process_that_dies_after_the_last_part_has_left_a_complete_upload(
    live: httpx2.Client, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client sees that all has arrived, and sends nothing more: nobody else would complete it."""

    def die(*_arguments: Any) -> None:
        raise KeyError

    url = created(live)
    with monkeypatch.context() as patch:
        patch.setattr(uploading, "_find", die)
        patch.setattr(uploads, "finish", die)
        assert send(live, url, ZIP).status_code == 500
    stands = live.get(url)
    assert (stands.headers["upload-offset"], stands.json()["status"]) == (str(len(ZIP)), "complete")
    assert stands.json()["version"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_stock_client_gets_through_a_network_that_breaks(
    settings: Settings, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """tuspy, as it is: its connections are cut anywhere, also in answers that it then never sees."""
    monkeypatch.setattr(uploads, "PART_BYTES", 2**17)
    content = archive(2**20)
    with serving(create_app(settings)) as url:
        with cutting(address_of(url), seed, cuts=12, most_bytes=2**19) as proxy:
            uploader = TusClient(f"{proxy.url}{UPLOADS}").uploader(
                file_stream=io.BytesIO(content),
                chunk_size=2**19,
                metadata={"dataset": "pets"},
                retries=30,
                retry_delay=0,
            )
            while uploader.offset < len(content):
                with suppress(TusCommunicationError):  # of the creation, which it does not try again
                    uploader.upload()
            assert proxy.cut >= 5
        with httpx2.Client(base_url=url) as direct:
            complete = [upload for upload in direct.get(UPLOADS).json()["data"] if upload["status"] == "complete"]
    assert len(complete) == 1
    assert content_of(database, storage, complete[0]["id"]) == content
