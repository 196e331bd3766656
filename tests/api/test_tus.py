"""Resumable uploads as clients of tus 1.0 speak, and those of the IETF's draft."""

import pytest
from fastapi.testclient import TestClient

from models import Database
from settings import Settings
from storage import Storage
from tests.api.sending import (
    PART,
    TUS,
    UPLOADS,
    ZIP,
    arrived,
    content_of,
    created,
    left,
    refused,
    send,
    task_arguments,
    told,
)


def test_a_client_asks_what_there_is(client: TestClient, settings: Settings) -> None:
    answer = client.options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert {*answer.headers["tus-extension"].split(",")} == {
        "creation",
        "creation-defer-length",
        "expiration",
        "termination",
    }
    assert answer.headers["tus-max-size"] == str(settings.max_upload_bytes)
    assert client.options(UPLOADS, headers={"Tus-Resumable": "9.9.9"}).status_code == 204


def test_an_upload_as_tus_has_it(client: TestClient, database: Database, storage: Storage) -> None:
    asked = {**TUS, "Upload-Length": str(len(ZIP)), **told(dataset="pets", filename="x.zip", test_fraction="0.3")}
    answer = client.post(UPLOADS, headers=asked)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (201, "1.0.0")
    url = answer.headers["location"]
    assert url.startswith(f"{UPLOADS}/upl_")
    at_first = client.head(url, headers=TUS)
    assert (at_first.status_code, at_first.content) == (200, b"")
    assert (at_first.headers["upload-offset"], at_first.headers["upload-length"]) == ("0", str(len(ZIP)))
    assert (at_first.headers["cache-control"], at_first.headers["tus-resumable"]) == ("no-store", "1.0.0")
    sent = send(client, url, ZIP, headers=TUS)
    arrived(sent, len(ZIP), complete=True)
    assert sent.headers["tus-resumable"] == "1.0.0"
    assert client.head(url, headers=TUS).headers["upload-offset"] == str(len(ZIP))
    assert content_of(database, storage) == ZIP
    assert task_arguments(database)["test_fraction"] == 0.3
    deleted = client.delete(url, headers=TUS)
    assert (deleted.status_code, deleted.headers["tus-resumable"]) == (204, "1.0.0")


@pytest.mark.parametrize("version", ["0.2.2", "2.0.0", "1", "x"])
def test_another_version_is_told_which_is_spoken(client: TestClient, version: str) -> None:
    url, other = created(client), {"Tus-Resumable": version}
    for answer in (
        client.head(url, headers=other),
        client.post(UPLOADS, headers={**other, "Upload-Length": "1"}),
        client.delete(url, headers=other),
        send(client, url, ZIP, headers=other),
    ):
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    refused(client.get(url, headers=other), 412, "unknown_tus_version", "1.0.0")
    assert client.get(url).json()["received_bytes"] == 0


@pytest.mark.parametrize("header", ["Upload-Checksum", "Upload-Concat"])
def test_what_is_not_heeded_is_not_taken(client: TestClient, header: str) -> None:
    url = created(client)
    answer = send(client, url, ZIP, headers={**TUS, header: "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="})
    refused(answer, 422, "invalid_request", header, "sha256" if header == "Upload-Checksum" else "one upload")
    assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pets.zip", "pets"),
        ("my pets.tar.gz", "my-pets"),
        ("C:\\fotos\\Pets 2.zip", "Pets-2"),
        ("/home/me/pets", "pets"),
        ("-x-.zip", "x"),
        ("кот cat.zip", "cat"),
        ("a" * 90 + ".zip", "a" * 64),
    ],
)
def test_a_file_s_name_names_the_data_set(client: TestClient, file: str, name: str) -> None:
    for key in ("filename", "name"):
        answer = client.post(UPLOADS, headers={**TUS, "Upload-Length": "9", **told(**{key: file})})
        assert answer.json()["dataset"] == name


@pytest.mark.parametrize(
    ("headers", "header", "word"),
    [
        ({"Upload-Length": "9"}, "Upload-Metadata", "letters"),
        ({"Upload-Length": "9", **told(dataset="my pets")}, "Upload-Metadata", "letters"),
        ({"Upload-Length": "9", **told(filename="猫.zip")}, "Upload-Metadata", "letters"),
        ({"Upload-Length": "9", "Upload-Metadata": "dataset ???"}, "Upload-Metadata", "Base64"),
        ({"Upload-Length": "9", "Upload-Metadata": "dataset /w=="}, "Upload-Metadata", "Base64"),
        ({"Upload-Length": "9", **told(dataset="pets", seed="x")}, "Upload-Metadata", "`seed`"),
        ({"Upload-Length": "9", **told(dataset="pets", sha256="x")}, "Upload-Metadata", "64 hexadecimal"),
        ({"Upload-Length": "9", **told(dataset="pets", test_fraction="2")}, "Upload-Metadata", "below 1"),
        ({**told(dataset="pets")}, "Upload-Length", "number"),
        ({"Upload-Length": "0", **told(dataset="pets")}, "Upload-Length", "1 or more"),
        ({"Upload-Length": "x", **told(dataset="pets")}, "Upload-Length", "number"),
        ({"Upload-Defer-Length": "0", **told(dataset="pets")}, "Upload-Defer-Length", "1"),
        ({"Upload-Defer-Length": "1", "Upload-Length": "9", **told(dataset="pets")}, "Upload-Defer-Length", "1"),
    ],
)
def test_headers_that_are_wrong_say_why(client: TestClient, headers: dict[str, str], header: str, word: str) -> None:
    problem = refused(client.post(UPLOADS, headers={**TUS, **headers}), 422, "invalid_request", word)
    assert problem["errors"][0]["header"] == header


def test_how_long_a_file_is_may_be_told_later(client: TestClient, database: Database, storage: Storage) -> None:
    answer = client.post(UPLOADS, headers={**TUS, "Upload-Defer-Length": "1", **told(dataset="pets")})
    assert (answer.status_code, answer.json()["bytes"]) == (201, None)
    url = answer.headers["location"]
    arrived(send(client, url, ZIP[:100], headers=TUS), 100)
    stands = client.head(url, headers=TUS)
    assert (stands.headers["upload-defer-length"], "upload-length" in stands.headers) == ("1", False)
    refused(send(client, url, ZIP[100:], 100, headers={"Upload-Length": "99"}), 409, "mismatching_upload_length", "100")
    length = {"Upload-Length": str(len(ZIP))}
    refused(send(client, url, ZIP[100:], 100, headers={"Upload-Length": str(2**40)}), 413, "upload_too_large")
    arrived(send(client, url, ZIP[100:200], 100, headers=length), 200)
    assert client.head(url, headers=TUS).headers["upload-length"] == str(len(ZIP))
    refused(
        send(client, url, ZIP[200:], 200, headers={"Upload-Length": "300"}),
        409,
        "mismatching_upload_length",
        str(len(ZIP)),
    )
    arrived(send(client, url, ZIP[200:], 200, headers=length), len(ZIP), complete=True)
    assert content_of(database, storage) == ZIP


def test_also_after_the_last_byte(client: TestClient) -> None:
    url = client.post(UPLOADS, headers={**TUS, "Upload-Defer-Length": "1", **told(dataset="pets")}).headers["location"]
    arrived(send(client, url, ZIP), len(ZIP))
    arrived(send(client, url, b"", len(ZIP), headers={"Upload-Length": str(len(ZIP))}), len(ZIP), complete=True)


def test_or_that_a_part_is_the_last(client: TestClient) -> None:
    """As the IETF's draft has it."""
    url = client.post(UPLOADS, headers={"Upload-Defer-Length": "1", **told(dataset="pets")}).headers["location"]
    arrived(send(client, url, ZIP[:100], headers={"Upload-Complete": "?0"}), 100)
    arrived(send(client, url, ZIP[100:], 100, headers={"Upload-Complete": "?1"}), len(ZIP), complete=True)


@pytest.mark.parametrize("method", ["PATCH", "patch", "DELETE"])
def test_a_client_without_those_methods_says_which_it_means(
    client: TestClient, database: Database, storage: Storage, method: str
) -> None:
    url = created(client)
    headers = {**TUS, **PART, "Upload-Offset": "0", "X-HTTP-Method-Override": method}
    answer = client.post(url, content=b"" if method == "DELETE" else ZIP, headers=headers)
    assert answer.status_code == 204
    assert left(database, storage)[0] == (0 if method == "DELETE" else 1)
    assert client.post(url, headers={**TUS, "X-HTTP-Method-Override": "GET"}).status_code == 405
    assert client.post("/v1/jobs", headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 422
