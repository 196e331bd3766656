"""Uploads of a data set in one request: every way to send it, and every way in which that goes wrong."""

import gzip
import io
import tarfile

import httpx2
import pytest
from fastapi.testclient import TestClient

from jobs import uploads
from models import Database, Task
from storage import Storage
from tests.api.sending import NOTHING, PETS, ZIP, accepted, archive, content_of, head, in_pieces, kinds, left, refused
from tests.api.serving import RawClient

# Ways to send it


def test_put_makes_the_data_set_and_then_its_next_version(
    client: TestClient, database: Database, storage: Storage
) -> None:
    accepted(client.put(PETS, content=ZIP))
    assert content_of(database, storage) == ZIP
    assert kinds(database) == {"jobs": 0, "uploads": len(ZIP), "datasets": 0, "models": 0}
    accepted(client.put(PETS, content=ZIP), version=2)
    listed = client.get("/v1/datasets/pets").json()
    assert (listed["source"], listed["status"], listed["usable"]) == ("upload", "validating", False)
    assert "being validated" in listed["reason"]
    assert client.get(f"{PETS}/versions/1").json()["progress"]["stage"] == "waiting"


@pytest.mark.parametrize("size", [300, uploads.PART_BYTES, 2 * uploads.PART_BYTES + 1])
def test_a_body_may_come_in_chunks(live: httpx2.Client, database: Database, storage: Storage, size: int) -> None:
    content = (archive(size) + b"\0")[-size:] if size > 300 else ZIP
    content = ZIP + content[len(ZIP) :]
    accepted(live.put(PETS, content=in_pieces(content)))
    assert content_of(database, storage) == content
    assert kinds(database)["uploads"] == len(content)


def test_a_body_of_exactly_a_part(live: httpx2.Client, database: Database, storage: Storage) -> None:
    content = (ZIP + bytes(uploads.PART_BYTES))[: uploads.PART_BYTES]
    accepted(live.put(PETS, content=content))
    assert content_of(database, storage) == content
    assert left(database, storage)[:2] == (1, 1)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_browser_sends_a_form(live: httpx2.Client, database: Database, storage: Storage, method: str) -> None:
    content = archive(2**20)
    accepted(live.request(method, PETS, files={"file": ("pets.zip", content, "application/zip")}))
    assert content_of(database, storage) == content


def test_who_asks_first_is_told_to_go_on(address: tuple[str, int], database: Database, storage: Storage) -> None:
    """As curl does before it sends a large body."""
    with RawClient(address) as client:
        client.send(head("PUT", PETS, f"Content-Length: {len(ZIP)}", "Expect: 100-continue"))
        assert client.socket.recv(100).startswith(b"HTTP/1.1 100 ")
        client.send(ZIP)
        assert client.receive().status == 202
    assert content_of(database, storage) == ZIP


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/datasets/digits", [], 409, "dataset_name_taken"),
        (PETS, ["Content-Encoding: gzip"], 415, "unsupported_content_encoding"),
        ("/v1/datasets/-pets", [], 422, "invalid_request"),
    ],
)
def test_and_not_to_where_it_is_refused_anyway(
    address: tuple[str, int], path: str, headers: list[str], status: int, code: str
) -> None:
    with RawClient(address) as client:
        client.send(head("PUT", path, f"Content-Length: {2**30}", "Expect: 100-continue", *headers))
        client.receive().problem(status, code)


def test_the_split_is_told_in_the_query(client: TestClient, database: Database) -> None:
    accepted(client.put(f"{PETS}?test_fraction=0.3&seed=7", content=ZIP))
    with database.snapshot() as session:
        arguments = session.query(Task).one().arguments
    assert (arguments["test_fraction"], arguments["seed"]) == (0.3, 7)
    for query in ("test_fraction=0", "test_fraction=1", "seed=-1", "seed=x", "fraction=0.2"):
        refused(client.put(f"{PETS}?{query}", content=ZIP), 422, "invalid_request")


# What is none


def tar_of(name: str, content: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as file:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 3\n", "LFS"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7z"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), "RAR"),
        (gzip.compress(b"file,label\n1.png,cat\n" * 50, mtime=0), "gzip"),
        (b"file,label\n1.png,cat\n", "zip, tar"),
        (b"\0" * 5000, "zip, tar"),
        (b"\x80\x04\x95", "zip, tar"),
    ],
)
def test_what_is_no_archive_is_told_from_its_first_bytes(
    client: TestClient, database: Database, storage: Storage, content: bytes, what: str
) -> None:
    problem = refused(client.put(f"{PETS}", content=content), 415, "upload_refused", what)
    assert "Send a" in str(problem["detail"]) or "pack it as" in str(problem["detail"])
    assert left(database, storage) == NOTHING


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_other_archives_are_taken(client: TestClient, kind: str) -> None:
    content = tar_of("cat/1.png", b"x")
    accepted(client.put(PETS, content=gzip.compress(content) if kind == "tar.gz" else content))


def test_an_empty_body_says_how_to_send_one(client: TestClient, database: Database, storage: Storage) -> None:
    refused(client.put(PETS), 400, "malformed_body", "It is empty", "curl -T")
    refused(client.put(PETS, content=iter([])), 400, "malformed_body", "It is empty")
    assert left(database, storage) == NOTHING


@pytest.mark.parametrize(
    ("content_type", "body", "word"),
    [
        ("multipart/form-data", b"--x\r\n", "boundary"),
        ("multipart/form-data; boundary=x", b"PK\x03\x04", "no form"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
            "into the address, as ?test_fraction=0.1",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n' + ZIP + b"\r\n"
            b'--x\r\nContent-Disposition: form-data; name="seed"\r\n\r\n1\r\n--x--\r\n',
            "into the address",
        ),
        ("multipart/form-data; boundary=x", b"--x--\r\n", "no file"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n' + ZIP,
            "too early",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n' + ZIP + b"\r\n"
            b'--x\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\n' + ZIP + b"\r\n--x--\r\n",
            "one archive",
        ),
        ("multipart/form-data; boundary=" + "x" * 300, b"--" + b"x" * 300 + b"\r\n", "no form"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nX-Y: z\r\n\r\n" + bytes(2**20) + b"\r\n--x--\r\n",
            "beside",
        ),
    ],
)
def test_a_form_that_is_none_says_why(
    client: TestClient, database: Database, storage: Storage, content_type: str, body: bytes, word: str
) -> None:
    answer = client.put(PETS, content=body, headers={"Content-Type": content_type})
    refused(answer, 400, "malformed_body", word)
    assert left(database, storage) == NOTHING
