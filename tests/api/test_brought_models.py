"""Weights that somebody brings: `POST /v1/models`."""

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load, save

from api.app import create_app
from api.making import bringing
from jobs import brought_models, dataset_garbage, trained_models
from jobs.ids import new_model_id
from models import Database
from settings import Settings
from storage import Storage
from tests.api.conftest import Tenants
from tests.api.sending import in_pieces, kinds, limit, refused
from training.brought.names import their_name
from training.plan import network_plan
from training.plan.tensors import tensor_shapes
from training.spec import Architecture, CifarResNet, ResNet

MODELS = "/v1/models"
IMAGENET = {"mean": [123.675, 116.28, 103.53], "deviation": [58.395, 57.12, 57.375]}


PART_BYTES = 2**18


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brought_models, "PART_BYTES", PART_BYTES)


A_PICKLE = pickle.dumps({"weight": [0.5]}, protocol=2)


def theirs(architecture: Architecture | None = None, channels: int = 3) -> dict[str, Any]:
    """Under torchvision's names."""
    plan = network_plan(architecture or CifarResNet(name="resnet20"), 32, channels, 3)
    drawn = np.random.default_rng(0)
    return {
        their_name(ours): np.array(7) if ours.endswith("tracked") else drawn.random(shape, np.float32)
        for ours, shape in tensor_shapes(plan).items()
    }


@pytest.fixture(scope="module")
def content() -> bytes:
    """More than several parts."""
    written: bytes = save(theirs())
    assert len(written) > 4 * PART_BYTES
    return written


def brought(client: TestClient, content: bytes, **asked: Any) -> dict[str, Any]:
    answer = client.post(MODELS, content=content, params=asked)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_weights_become_a_trained_model_that_is_used_as_a_job_s(
    client: TestClient, content: bytes, storage: Storage, database: Database
) -> None:
    answer = client.post(MODELS, content=in_pieces(content), params={"name": "imagenet", "classes": '["a","b","c"]'})
    model = answer.json()
    assert answer.headers["location"] == model["links"]["self"]
    assert client.get(model["links"]["self"]).json() == model
    assert (model["job_id"], model["which"], model["links"]["job"]) == (None, "brought", None)
    assert (model["architecture"], model["dataset"], model["metrics"]) == ("resnet20", None, None)
    assert model["classes"] == ["a", "b", "c"]
    assert model["input"] == {"size": 32, "channels": 3, "resize": "crop", **IMAGENET}
    assert model["source"] == {"bytes": len(content), "sha256": sha256(content).hexdigest(), "names": "torchvision"}
    assert model["names"] == [{"name": "imagenet", "version": 1, "aliases": []}]
    assert storage.list_names("models") == [f"models/default/{model['id']}/weights.safetensors"]
    own = client.get(f"{MODELS}/imagenet/files/weights.safetensors").content
    assert np.array_equal(load(own)["head.linear.weight"], load(content)["fc.weight"])
    assert kinds(database)["models"] == len(own)
    assert client.get(f"{MODELS}/imagenet/archive").status_code == 200
    assert [each["id"] for each in client.get(MODELS).json()["data"]] == [model["id"]]
    manifest = client.get(model["links"]["manifest"]).json()
    assert manifest["architecture"]["name"] == "resnet20"
    assert manifest["source"]["names"] == "torchvision"


def test_deleted_with_its_files_and_its_share_of_the_quota(
    client: TestClient, content: bytes, storage: Storage, database: Database
) -> None:
    model = brought(client, content, name="cats")
    client.put(f"{MODELS}/cats/aliases/production", json={"version": 1})
    refused(client.delete(f"{MODELS}/cats"), 409, "model_in_use", "cats@production")
    client.delete(f"{MODELS}/cats/aliases/production")
    assert client.delete(f"{MODELS}/{model['id']}").status_code == 204
    assert kinds(database)["models"] == 0
    trained_models.purge_deleted(database, storage)
    assert storage.list_names("models") == []
    refused(client.get(f"{MODELS}/{model['id']}"), 404, "model_not_found")


def test_a_form_says_what_an_address_may_say(client: TestClient, content: bytes) -> None:
    pixels = {"mean": ["1", "2", "3"], "deviation": ["4", "5", "6"]}
    fields = {"name": "cats", "image_size": "48", "resize": "pad", **pixels}
    names = ("names.json", b'["a", "b", "c"]')  # as curl -F classes=@names.json
    answer = client.post(MODELS, data=fields, files={"classes": names, "file": ("resnet18.safetensors", content)})
    assert answer.status_code == 201, answer.text
    model = answer.json()
    assert model["input"] == {"size": 48, "channels": 3, "resize": "pad", "mean": [1, 2, 3], "deviation": [4, 5, 6]}
    assert model["classes"] == ["a", "b", "c"]
    both = client.post(f"{MODELS}?name=dogs", data={"name": "cats"}, files={"file": ("x", content)})
    assert both.json()["errors"] == [
        {"parameter": "name", "detail": "should be in the address or in the form, not in both"}
    ]
    wrong = client.post(MODELS, data={"image_size": "7"}, files={"file": ("x", content)})
    assert wrong.json()["errors"][0]["parameter"] == "image_size"
    other = client.post(MODELS, data={"architecture": "x"}, files={"file": ("x", content)})
    refused(other, 400, "malformed_body", "'architecture'", "image_size")


@pytest.mark.parametrize(
    ("asked", "parameter", "said"),
    [
        ({"classes": '["a", "b"]'}, "classes", "should be 3 names"),
        ({"classes": "a,b,c"}, "classes", "JSON array"),
        ({"classes": "[" * 5000}, "classes", "JSON array"),
        ({"classes": '["a", "b", "a"]'}, "classes", "different names"),
        ({"classes": '["a", "b", "c\\u0000"]'}, "classes", "control characters"),
        ({"classes": '["a", "b", "\\ud800"]'}, "classes", "not UTF-8"),
        ({"mean": [1, 2]}, "mean", "should be 3 numbers"),
        ({"deviation": [0.229, 0.224, 0.225]}, "deviation", "should be at least 1"),
        ({"mean": ["nan", 1, 1]}, "mean", ""),
        ({"name": "a@b"}, "name", ""),
    ],
)
def test_what_does_not_fit_the_network_is_refused_and_leaves_nothing(
    client: TestClient, content: bytes, storage: Storage, asked: dict[str, Any], parameter: str, said: str
) -> None:
    answer = client.post(MODELS, content=content, params=asked)
    refused(answer, 422, "invalid_request")
    error = answer.json()["errors"][0]
    assert error["parameter"].startswith(parameter)
    assert said in error["detail"]
    assert storage.list_names("models") == []


def test_a_grey_network_s_pixels_must_be_said(client: TestClient) -> None:
    grey = save(theirs(ResNet(name="resnet18", stem="imagenet"), channels=1))
    refused(client.post(MODELS, content=grey), 422, "invalid_request")
    model = brought(client, grey, mean=[120], deviation=[60])
    assert model["input"] == {"size": 224, "channels": 1, "resize": "crop", "mean": [120], "deviation": [60]}
    assert model["classes"] == ["class 0", "class 1", "class 2"]


def test_a_file_of_a_job_says_everything_itself(client: TestClient, content: bytes) -> None:
    first = brought(client, content, classes='["x", "y", "z"]', image_size=40)
    own = client.get(f"{first['links']['self']}/files/weights.safetensors").content
    again = brought(client, own)
    assert again["source"]["names"] == "epochal"
    assert (again["classes"], again["input"]) == (["x", "y", "z"], first["input"])
    assert again["files"][0]["sha256"] == sha256(own).hexdigest()
    answer = client.post(MODELS, content=own, params={"image_size": 32})
    assert answer.json()["errors"][0]["parameter"] == "image_size"


def test_what_a_file_says_of_itself_is_not_stored_where_it_is_no_name_of_a_data_set(
    client: TestClient, content: bytes
) -> None:
    first = brought(client, content, classes='["x", "y", "z"]')
    own = client.get(f"{first['links']['self']}/files/weights.safetensors").content
    length = int.from_bytes(own[:8], "little")
    said = rb"\"dataset\": null"
    assert own.count(said) == 1
    for name in (rb"../pets", rb"a\\u0000b"):
        header = own[8 : 8 + length].replace(said, rb"\"dataset\":\"" + name + rb"\"")
        header += b" " * (-len(header) % 8)
        changed = len(header).to_bytes(8, "little") + header + own[8 + length :]
        refused(client.post(MODELS, content=changed), 422, "weights_refused", "what a job of this release writes")


def test_what_is_of_no_network_is_refused_with_what_differs(client: TestClient, storage: Storage) -> None:
    other = theirs()
    del other["layer1.0.conv1.weight"]
    other["fc.bias"] = np.zeros((1, 3), np.float32)
    problem = refused(client.post(MODELS, content=save(other)), 422, "weights_refused", "nearest to resnet20")
    assert problem["differences"] == [
        {"tensor": "layer1.0.conv1.weight", "found": None, "expected": "F32 [16, 16, 3, 3]"},
        {"tensor": "fc.bias", "found": "F32 [1, 3]", "expected": "F32, F16 or BF16 [3]"},
    ]
    refused(client.post(MODELS, content=b"PK\x03\x04" + bytes(100)), 422, "weights_refused", "python -c")
    refused(client.post(MODELS, content=A_PICKLE), 422, "weights_refused", "python -c")
    refused(client.post(MODELS, content=b"abc"), 422, "weights_refused")
    refused(client.post(MODELS, content=b""), 400, "malformed_body", "empty")
    assert storage.list_names("models") == []


def test_a_pickle_is_refused_before_it_has_arrived(live: httpx2.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"PK\x03\x04" + bytes(2**16)
        while sent < 2**26:
            sent += 2**16
            yield bytes(2**16)

    refused(live.post(MODELS, content=endless()), 422, "weights_refused", "python -c")


def test_it_is_exported_by_itself_as_what_a_job_leaves(settings: Settings, content: bytes) -> None:
    app = create_app(settings.model_copy(update={"export_formats": ("onnx", "python")}))
    with TestClient(app, "http://127.0.0.1") as client:
        model = brought(client, content)
        [export] = client.get(f"{model['links']['self']}/exports").json()["data"]
    assert (export["status"], export["formats"]) == ("queued", ["onnx", "python"])


@pytest.fixture
def small(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings.model_copy(update={"max_model_bytes": 2**20})), "http://127.0.0.1") as client:
        yield client


def test_a_file_that_is_too_large_is_refused(small: TestClient, content: bytes, storage: Storage) -> None:
    assert len(content) > 2**20
    refused(small.post(MODELS, content=in_pieces(content)), 413, "model_too_large", "EPOCHAL_MAX_MODEL_BYTES")
    refused(small.post(MODELS, content=content[: 2**20]), 422, "weights_refused", "not whole")
    assert storage.list_names("models") == []


def test_a_quota_is_met_while_bytes_arrive_and_when_they_are_stored(
    client: TestClient, content: bytes, storage: Storage, database: Database
) -> None:
    for bound in (PART_BYTES + 1000, len(content) - 1):
        limit(database, max_storage_bytes=bound)
        refused(client.post(MODELS, content=in_pieces(content)), 403, "quota_exceeded")
    assert storage.list_names("models") == []
    halved = save({name: each.astype(np.float16) if each.ndim else each for name, each in theirs().items()})
    limit(database, max_storage_bytes=len(halved) + 1000)  # what is stored is float32
    refused(client.post(MODELS, content=halved), 403, "quota_exceeded")
    assert storage.list_names("models") == []
    assert kinds(database)["models"] == 0


def test_a_repeated_request_makes_one_model(client: TestClient, content: bytes, storage: Storage) -> None:
    key = {"Idempotency-Key": "once"}
    first = client.post(MODELS, content=content, params={"name": "cats"}, headers=key)
    again = client.post(MODELS, content=in_pieces(content), params={"name": "cats"}, headers=key)
    assert (again.status_code, again.text) == (201, first.text)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert len(client.get(MODELS).json()["data"]) == 1
    assert storage.list_names("models") == [f"models/default/{first.json()['id']}/weights.safetensors"]
    other = client.post(MODELS, content=content, params={"name": "dogs"}, headers=key)
    refused(other, 422, "idempotency_key_reused")


def test_what_a_killed_process_left_is_deleted_a_day_later(
    client: TestClient, content: bytes, storage: Storage, database: Database
) -> None:
    model = brought(client, content)
    now = datetime.now(UTC)
    old, recent = new_model_id(now - timedelta(hours=25)), new_model_id(now - timedelta(hours=23))
    for model_id in (old, recent):
        storage.put(f"models/default/{model_id}/part-000000-abcd", b"x")
        storage.put(f"models/default/{model_id}/weights.safetensors", b"x")
    dataset_garbage.collect(database, storage)
    left = {name.split("/")[2] for name in storage.list_names("models")}
    assert left == {model["id"], recent}


def test_another_project_sees_nothing_of_it(guarded: TestClient, tenants: Tenants, content: bytes) -> None:
    first, second = tenants.header("first", "train"), tenants.header("second", "train")
    answer = guarded.post(MODELS, content=content, headers=first)
    model = answer.json()["id"]
    refused(guarded.get(f"{MODELS}/{model}", headers=second), 404, "model_not_found")
    refused(guarded.delete(f"{MODELS}/{model}", headers=second), 404, "model_not_found")
    refused(guarded.post(MODELS, content=content, headers=tenants.header("first", "read")), 403, "scope_missing")


def test_a_model_whose_maker_was_told_otherwise_keeps_its_files(
    client: TestClient, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = bringing._make

    def make_unheard(*asked: Any) -> Any:
        make(*asked)
        raise OSError("the confirmation of the commit was lost")

    monkeypatch.setattr(bringing, "_make", make_unheard)
    refused(client.post("/v1/models", content=content), 503, "storage_unavailable")
    [model] = client.get("/v1/models").json()["data"]
    assert client.get(model["files"][0]["url"]).status_code == 200
