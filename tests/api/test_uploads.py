"""Resumable uploads. tests/api/test_tus.py has what clients of tus ask for beside this."""

import hashlib
import re
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from catalog.datasets.uploads import RESUMABLE_SECONDS
from jobs import dataset_garbage, uploads
from models import Database, Task, Upload
from models.columns import DatabaseNow
from storage import Storage
from tests.api.conftest import Tenants
from tests.api.sending import (
    NOTHING,
    PART,
    UPLOADS,
    ZIP,
    archive,
    arrived,
    content_of,
    created,
    kinds,
    left,
    limit,
    refused,
    send,
    task_arguments,
)

# JSON


def test_an_upload_in_two_parts(client: TestClient, database: Database, storage: Storage) -> None:
    digest = hashlib.sha256(ZIP).hexdigest()
    answer = client.post(
        UPLOADS,
        json={"dataset": "pets", "bytes": len(ZIP), "sha256": digest.upper(), "test_fraction": 0.3, "seed": 7},
    )
    assert answer.status_code == 201
    upload = answer.json()
    assert re.fullmatch("upl_[0-9a-z]{26}", upload["id"])
    url = answer.headers["location"]
    assert upload["links"] == {"self": url, "version": None}
    assert (upload["dataset"], upload["bytes"], upload["received_bytes"]) == ("pets", len(ZIP), 0)
    assert (upload["status"], upload["sha256"], upload["version"]) == ("uploading", digest, None)
    assert (upload["test_fraction"], upload["seed"]) == (0.3, 7)
    assert answer.headers["upload-limit"] == f"max-size={16 * 2**30}"
    arrived(send(client, url, ZIP[:100]), 100)
    half = client.get(url)
    assert (half.json()["received_bytes"], half.json()["status"]) == (100, "uploading")
    assert half.json()["expires_at"] > upload["created_at"]
    assert parsedate_to_datetime(half.headers["upload-expires"]).tzinfo
    for name, value in (("upload-offset", "100"), ("upload-length", str(len(ZIP))), ("cache-control", "no-store")):
        assert half.headers[name] == value
    arrived(send(client, url, ZIP[100:], 100), len(ZIP), complete=True)
    complete = client.get(url).json()
    assert (complete["status"], complete["version"], complete["expires_at"]) == ("complete", 1, None)
    assert (complete["test_fraction"], complete["seed"]) == (0.3, 7)
    assert complete["links"]["version"] == "/v1/datasets/pets/versions/1"
    assert client.get(complete["links"]["version"]).json()["status"] == "validating"
    assert content_of(database, storage) == ZIP
    assert task_arguments(database) == {"upload": upload["id"], "sha256": digest, "test_fraction": 0.3, "seed": 7}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "#/dataset"),
        ({"dataset": "pets"}, "#/bytes"),
        ({"dataset": "pets", "bytes": 0}, "#/bytes"),
        ({"dataset": "pets", "bytes": 10**30}, "#/bytes"),
        ({"dataset": "my pets", "bytes": 1}, "#/dataset"),
        ({"dataset": "pets", "bytes": 1, "sha256": "ab"}, "#/sha256"),
        ({"dataset": "pets", "bytes": 1, "test_fraction": 1}, "#/test_fraction"),
        ({"dataset": "pets", "bytes": 1, "seed": -1}, "#/seed"),
        ({"dataset": "pets", "bytes": 1, "name": "x"}, "#/name"),
    ],
)
def test_a_body_that_is_wrong_says_where(client: TestClient, fields: dict[str, Any], pointer: str) -> None:
    problem = refused(client.post(UPLOADS, json=fields), 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == pointer


def test_what_may_not_be_begun(client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(client.post(UPLOADS, json={"dataset": "digits", "bytes": 1}), 409, "dataset_name_taken", "another name")
    refused(client.post(UPLOADS, json={"dataset": "pets", "bytes": 2**40}), 413, "upload_too_large", "bytes")
    limit(database, max_storage_bytes=100)
    refused(client.post(UPLOADS, json={"dataset": "pets", "bytes": 101}), 403, "quota_exceeded")
    monkeypatch.setattr(uploads, "MOST_UNFINISHED", 1)
    created(client, 10)
    refused(client.post(UPLOADS, json={"dataset": "pets", "bytes": 1}), 409, "too_many_uploads", "GET /v1/uploads")
    key = {"Idempotency-Key": "x"}
    refused(client.post(UPLOADS, json={"dataset": "pets", "bytes": 1}, headers=key), 422, "invalid_request")


# Parts


def test_a_part_goes_where_the_upload_stands_or_nowhere(
    client: TestClient, database: Database, storage: Storage
) -> None:
    url = created(client)
    arrived(send(client, url, ZIP[:100]), 100)
    for offset in (0, 99, 101, len(ZIP)):
        answer = send(client, url, ZIP[offset:], offset)
        problem = refused(answer, 409, "mismatching_upload_offset", "100")
        assert (answer.headers["upload-offset"], problem["expected-offset"]) == ("100", 100)
    assert content_of(database, storage) == ZIP[:100]
    arrived(send(client, url, ZIP[100:], 100), len(ZIP), complete=True)


@pytest.mark.parametrize("offset", ["", "-1", "+1", "1.0", "0x0", "1_0", "²", "9" * 30, "0, 0"])
def test_an_offset_is_a_number(client: TestClient, offset: str) -> None:
    url = created(client)
    headers = {**PART, **({"Upload-Offset": offset.encode()} if offset else {})}
    problem = refused(client.patch(url, content=ZIP, headers=headers), 422, "invalid_request", "number of bytes")  # type: ignore[arg-type]  # bytes are a header's value, too
    assert problem["errors"][0]["header"] == "Upload-Offset"


@pytest.mark.parametrize("media_type", ["", "application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_part_says_that_it_is_one(client: TestClient, database: Database, storage: Storage, media_type: str) -> None:
    url = created(client)
    headers = {"Upload-Offset": "0", **({"Content-Type": media_type} if media_type else {})}
    answer = client.patch(url, content=ZIP, headers=headers)
    refused(answer, 415, "unsupported_media_type", "application/offset+octet-stream")
    assert "application/offset+octet-stream" in answer.headers["accept-patch"]
    assert left(database, storage)[1:] == (0, [])


@pytest.mark.parametrize("media_type", ["application/partial-upload", "application/octet-stream; x=y"])
def test_by_any_of_its_names(client: TestClient, media_type: str) -> None:
    arrived(send(client, created(client), ZIP, headers={"Content-Type": media_type}), len(ZIP), complete=True)


def test_more_than_was_stated_is_refused(client: TestClient, database: Database, storage: Storage) -> None:
    url = created(client)
    refused(send(client, url, ZIP + b"x"), 413, "upload_too_large", f"{len(ZIP):,} bytes")
    assert left(database, storage)[1:] == (0, [])
    arrived(send(client, url, ZIP[:100]), 100)
    refused(send(client, url, ZIP[100:] + b"x", 100), 413, "upload_too_large")
    arrived(send(client, url, ZIP[100:], 100), len(ZIP), complete=True)


def test_a_quota_applies_while_it_arrives(client: TestClient, database: Database) -> None:
    url = created(client)
    arrived(send(client, url, ZIP[:100]), 100)
    limit(database, max_storage_bytes=100)
    refused(send(client, url, ZIP[100:], 100), 403, "quota_exceeded")
    limit(database, max_storage_bytes=None)
    arrived(send(client, url, ZIP[100:], 100), len(ZIP), complete=True)


def test_what_is_no_archive_is_told_from_its_first_bytes(
    client: TestClient, database: Database, storage: Storage
) -> None:
    url = created(client, 100_000)
    refused(send(client, url, b"\x89PNG\r\n\x1a\n" + bytes(5000)), 415, "upload_refused", "PNG")
    assert left(database, storage)[1:] == (0, [])
    whole = created(client, 30)
    refused(send(client, whole, b"\x89PNG\r\n\x1a\n" + bytes(22)), 415, "upload_refused", "PNG")


def test_parts_may_be_as_short_as_the_client_likes(client: TestClient, database: Database, storage: Storage) -> None:
    """Shorter than what an archive is told from."""
    url = created(client, 5)
    for offset in range(5):
        arrived(send(client, url, ZIP[offset : offset + 1], offset), offset + 1, complete=offset == 4)
    assert content_of(database, storage) == ZIP[:5]


def test_a_part_that_is_compressed_is_refused(client: TestClient) -> None:
    refused(
        send(client, created(client), ZIP, headers={"Content-Encoding": "gzip"}), 415, "unsupported_content_encoding"
    )


def test_nothing_is_added_to_what_is_complete_and_who_repeats_is_told_that_it_is(
    client: TestClient, database: Database
) -> None:
    """The answer to the last part may have been lost."""
    url = created(client)
    arrived(send(client, url, ZIP), len(ZIP), complete=True)
    refused(send(client, url, ZIP), 409, "upload_complete")
    arrived(send(client, url, b"", len(ZIP)), len(ZIP), complete=True)
    refused(send(client, url, ZIP, len(ZIP)), 409, "upload_complete")
    with database.snapshot() as session:
        assert len(session.scalars(select(Task)).all()) == 1


def test_an_empty_part_changes_nothing(client: TestClient) -> None:
    url = created(client)
    arrived(send(client, url, b""), 0)
    arrived(send(client, url, ZIP[:9]), 9)
    arrived(send(client, url, b"", 9), 9)


# Its end


def test_who_gives_it_up_leaves_nothing(client: TestClient, database: Database, storage: Storage) -> None:
    url = created(client)
    arrived(send(client, url, ZIP[:100]), 100)
    assert client.delete(url).status_code == 204
    assert left(database, storage) == NOTHING
    assert kinds(database)["uploads"] == 0
    for answer in (client.get(url), client.head(url), client.delete(url), send(client, url, ZIP[100:], 100)):
        assert answer.status_code == 404
    refused(client.get(url), 404, "upload_not_found", "expired")


def test_a_complete_one_that_is_deleted_stays_a_data_set(
    client: TestClient, database: Database, storage: Storage
) -> None:
    url = created(client)
    send(client, url, ZIP)
    assert client.delete(url).status_code == 204
    assert content_of(database, storage) == ZIP


def test_one_that_is_left_alone_expires(client: TestClient, database: Database, storage: Storage) -> None:
    url = created(client)
    arrived(send(client, url, ZIP[:100]), 100)
    with database.snapshot() as session:
        row = session.scalars(select(Upload)).one()
        left_seconds = (row.expires_at - session.scalars(select(DatabaseNow())).one()).total_seconds()
    assert RESUMABLE_SECONDS - 60 < left_seconds <= RESUMABLE_SECONDS
    with database.session() as session:
        session.execute(update(Upload).values(expires_at=DatabaseNow(-1)))
    assert client.get(UPLOADS).json()["data"] == []
    refused(send(client, url, ZIP[100:], 100), 404, "upload_not_found", "expired")
    dataset_garbage.purge(database, storage)
    assert left(database, storage) == NOTHING


def test_uploads_are_listed_page_by_page(client: TestClient) -> None:
    urls = [created(client) for _ in range(5)]
    page = client.get(f"{UPLOADS}?limit=2").json()
    found = [upload["links"]["self"] for upload in page["data"]]
    while page["has_more"]:
        page = client.get(page["next"]).json()
        found += [upload["links"]["self"] for upload in page["data"]]
    assert found == urls[::-1]
    assert page["next"] is None
    refused(client.get(f"{UPLOADS}?after=upl_1"), 422, "invalid_request")


def test_an_upload_is_its_project_s_alone(guarded: TestClient, tenants: Tenants, database: Database) -> None:
    first, second = tenants.header("first"), tenants.header("second")
    url = created(guarded, headers=first)
    for foreign in (url, f"{UPLOADS}/upl_01kasm2pbk5s9d0w3g6vq8zrhf", f"{UPLOADS}/x", f"{UPLOADS}/%00"):
        headers = {**second, **PART, "Upload-Offset": "0"}
        for answer in (
            guarded.get(foreign, headers=second),
            guarded.head(foreign, headers=second),
            guarded.patch(foreign, content=ZIP, headers=headers),
            guarded.patch(foreign, content=ZIP, headers={**headers, "Upload-Offset": "7", "Upload-Length": "9"}),
            guarded.delete(foreign, headers=second),
        ):
            assert answer.status_code == 404
    assert guarded.get(UPLOADS, headers=second).json()["data"] == []
    assert guarded.get(url, headers=first).json()["received_bytes"] == 0
    arrived(send(guarded, url, ZIP, headers=first), len(ZIP), complete=True)
    assert kinds(database, "second")["uploads"] == 0


def test_who_may_only_read_sees_where_it_stands(guarded: TestClient, tenants: Tenants) -> None:
    reader, writer = tenants.header("first", "read"), tenants.header("first")
    url = created(guarded, headers=writer)
    assert guarded.get(url, headers=reader).status_code == 200
    for answer in (
        guarded.post(UPLOADS, json={"dataset": "pets", "bytes": 1}, headers=reader),
        send(guarded, url, ZIP, headers=reader),
        guarded.delete(url, headers=reader),
    ):
        refused(answer, 403, "scope_missing")
    refused(send(guarded, url, ZIP), 401, "key_missing")


def test_large_parts_are_streamed(live: httpx2.Client, database: Database, storage: Storage) -> None:
    content = archive(uploads.PART_BYTES + 2**20)
    url = created(live, len(content))
    arrived(send(live, url, content), len(content), complete=True)
    assert content_of(database, storage) == content


def test_a_body_of_the_json_kind_keeps_its_limit(client: TestClient) -> None:
    refused(
        client.post(UPLOADS, content=b"x" * 200_000, headers={"Content-Type": "application/json"}),
        413,
        "body_too_large",
    )
