"""Uploads that are refused: what of, who may not, and what is too much. Each answer says what would be right."""

import gzip
from collections.abc import Iterator

import httpx2
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from jobs import uploads
from models import Database
from settings import Settings
from storage import Storage
from tests.api.conftest import LocalClient, Tenants, serving
from tests.api.sending import NOTHING, PETS, ZIP, accepted, archive, in_pieces, kinds, left, limit, refused
from training.known.datasets import KNOWN_DATASETS


@pytest.mark.parametrize("name", KNOWN_DATASETS)
def test_a_name_that_everybody_knows_is_taken(client: TestClient, name: str) -> None:
    refused(client.put(f"/v1/datasets/{name}", content=ZIP), 409, "dataset_name_taken", "another name")


def test_so_is_the_operator_s(settings: Settings, database: Database) -> None:
    folder = settings.datasets_dir / "birds" / "train" / "crow"
    folder.mkdir(parents=True)
    with LocalClient(create_app(settings)) as client:
        refused(client.put("/v1/datasets/birds", content=ZIP), 409, "dataset_name_taken")


@pytest.mark.parametrize(
    "name", ["-pets", ".pets", "my pets", "a" * 65, "pets@2", "%E2%80%AE", "..%2f..%2fetc", "pets%00"]
)
def test_a_name_is_one_or_the_rule_is_told(client: TestClient, name: str) -> None:
    answer = client.put(f"/v1/datasets/{name}", content=ZIP)
    if answer.status_code != 404:  # a slash is no part of a name: there is nothing at such an address
        problem = refused(answer, 422, "invalid_request", "letters, digits")
        assert problem["errors"][0]["parameter"] == "name"


def test_a_compressed_body_is_refused(client: TestClient, database: Database, storage: Storage) -> None:
    answer = client.put(PETS, content=gzip.compress(ZIP), headers={"Content-Encoding": "gzip"})
    refused(answer, 415, "unsupported_content_encoding", "without a Content-Encoding")
    answer = client.put(PETS, content=ZIP, headers={"Content-Range": "bytes 0-1/200"})
    refused(answer, 400, "malformed_body", "Content-Range")
    assert left(database, storage) == NOTHING


def test_an_idempotency_key_is_refused(client: TestClient) -> None:
    refused(client.put(PETS, content=ZIP, headers={"Idempotency-Key": "x"}), 422, "invalid_request")


@pytest.fixture
def small(settings: Settings) -> Iterator[httpx2.Client]:
    """A service that takes a megabyte."""
    app = create_app(settings.model_copy(update={"max_upload_bytes": 2**20}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=240) as client:
        yield client


def test_a_file_may_be_so_large_by_what_is_stated_and_by_what_comes(
    small: httpx2.Client, database: Database, storage: Storage
) -> None:
    content = archive(2**20 + 1)
    for body in (content, in_pieces(content)):
        refused(small.put(PETS, content=body), 413, "upload_too_large", "1,048,576 bytes", "EPOCHAL_MAX_UPLOAD_BYTES")
        assert left(database, storage) == NOTHING
    accepted(small.put(PETS, content=in_pieces((ZIP + content)[: 2**20])))


def test_a_quota_applies_to_what_is_stated_and_to_what_comes(
    live: httpx2.Client, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PART_BYTES", 2**16)
    limit(database, max_storage_bytes=2**18)
    content = archive(2**18 + 1)
    for body in (content, in_pieces(content)):
        problem = refused(live.put(PETS, content=body), 403, "quota_exceeded")
        assert (problem["quota"], problem["bound"]) == ("max_storage_bytes", 2**18)
        assert left(database, storage) == NOTHING
    assert kinds(database)["uploads"] == 0
    accepted(live.put(PETS, content=in_pieces(archive(2**17))))


def test_it_needs_the_scope_train(guarded: TestClient, tenants: Tenants) -> None:
    refused(guarded.put(PETS, content=ZIP, headers=tenants.header("first", "read")), 403, "scope_missing")
    refused(guarded.put(PETS, content=ZIP), 401, "key_missing")
    accepted(guarded.put(PETS, content=ZIP, headers=tenants.header("first", "train")))


def test_a_page_of_another_origin_sends_no_form(client: TestClient) -> None:
    """A browser asks nobody before it sends one."""
    answer = client.post(PETS, files={"file": ("a.zip", ZIP)}, headers={"Origin": "http://elsewhere.example"})
    refused(answer, 403, "not_local")


def test_a_data_set_is_its_project_s_alone(guarded: TestClient, tenants: Tenants, database: Database) -> None:
    first, second = tenants.header("first"), tenants.header("second")
    accepted(guarded.put(PETS, content=ZIP, headers=first))
    for method, path, code in (
        ("GET", PETS, "dataset_not_found"),
        ("DELETE", PETS, "dataset_not_found"),
        ("GET", f"{PETS}/versions", "dataset_not_found"),
        ("GET", f"{PETS}/versions/1", "dataset_not_found"),
        ("DELETE", f"{PETS}/versions/1", "dataset_not_found"),
    ):
        refused(guarded.request(method, path, headers=second), 404, code)
        mine = guarded.request(method, path.replace("pets", "none"), headers=second)
        assert mine.json()["code"] == code  # as if there were none
    names = [entry["name"] for entry in guarded.get("/v1/datasets", headers=second).json()["data"]]
    assert "pets" not in names
    accepted(guarded.put(PETS, content=ZIP, headers=second))
    assert kinds(database, "first") == kinds(database, "second")
    assert guarded.get(f"{PETS}/versions/1", headers=first).status_code == 200


def test_who_sends_everything_before_it_reads_gets_the_answer(
    live: httpx2.Client, database: Database, storage: Storage
) -> None:
    """And may go on to use its connection."""
    for _ in range(2):
        refused(live.put("/v1/datasets/digits", content=bytes(2**24)), 409, "dataset_name_taken")
    accepted(live.put(PETS, content=ZIP))
    assert left(database, storage)[:2] == (1, 1)


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "01", "x", "null", "1" * 10, "9" * 400, "%00", "+1", "²"])
def test_what_is_no_number_of_a_version_names_none(client: TestClient, number: str) -> None:
    accepted(client.put(PETS, content=ZIP))
    for method in ("GET", "DELETE"):
        refused(client.request(method, f"{PETS}/versions/{number}"), 404, "dataset_version_not_found")
    assert client.get(f"{PETS}/versions/1").status_code == 200
