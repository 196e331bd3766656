"""Checkpoints and weights: listed, and downloaded from the storage."""

import shutil
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPConnection, IncompleteRead
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

import storage as storage_module
from api.app import create_app
from api.reading import log_text
from jobs import lifecycle, recording
from models import Checkpoint, DatabaseUnavailable
from settings import Settings
from storage import Storage
from tests.api.conftest import LocalClient
from tests.api.test_errors import assert_problem, served

if TYPE_CHECKING:
    from tests.stage import Stage

A_CHECKPOINT = "attempt-0001/epoch-0001-step-000000.safetensors"


def test_checkpoints_with_the_metrics_of_the_epochs_that_they_close(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=0.25)
    stage.checkpoint(claim, 1, 0, b"first")
    stage.checkpoint(claim, 1, 7, b"in the middle")
    page = client.get(f"/v1/jobs/{job_id}/checkpoints").json()
    assert (page["has_more"], page["next"]) == (False, None)
    middle, first = page["data"]
    assert first.pop("created_at").endswith("Z")
    assert first.pop("metrics")["test_accuracy"] == 0.25
    assert first == {
        "name": A_CHECKPOINT,
        "attempt": 1,
        "epoch": 1,
        "step": 0,
        "size_bytes": 5,
        "sha256": sha256(b"first").hexdigest(),
        "usable": True,
        "download": f"/v1/jobs/{job_id}/checkpoints/{A_CHECKPOINT}",
    }
    assert (middle["epoch"], middle["step"], middle["metrics"]) == (1, 7, None)
    assert client.get(first["download"]).content == b"first"


def test_checkpoint_that_nobody_can_go_on_from_says_so(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    file = stage.checkpoint(claim, 1, 0)
    with stage.database.session() as session:
        recording.record_unusable(session, claim, file.name, "its hash is wrong")
    [checkpoint] = client.get(f"/v1/jobs/{job_id}/checkpoints").json()["data"]
    assert checkpoint["usable"] is False


def test_checkpoints_in_pages(client: TestClient, stage: "Stage") -> None:
    """Which stay as they are when a checkpoint of them is given up meanwhile."""
    job_id = stage.submit()
    claim = stage.start(job_id)
    with stage.database.session() as session:
        session.add_all(
            Checkpoint(
                name=f"{job_id}/{number}",
                job_id=job_id,
                attempt=claim.attempt,
                epoch=number // 3,
                step=number % 3,
                size_bytes=1,
                sha256="",
                failed_loads=0,
            )
            for number in range(7)
        )
    seen, page = list[tuple[int, int]](), client.get(f"/v1/jobs/{job_id}/checkpoints", params={"limit": 2}).json()
    while True:
        seen += [(row["epoch"], row["step"]) for row in page["data"]]
        with stage.database.session() as session:
            session.execute(delete(Checkpoint).where(Checkpoint.name == f"{job_id}/{page['data'][-1]['name']}"))
        if not page["has_more"]:
            break
        page = client.get(page["next"]).json()
    assert seen == [(number // 3, number % 3) for number in reversed(range(7))]
    assert page["next"] is None


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "1-2"}, {"after": "1-2-3\n"}, {"limit": 0}, {"limit": 1001}]
)
def test_a_page_of_checkpoints_that_there_is_not(client: TestClient, stage: "Stage", query: dict[str, Any]) -> None:
    assert client.get(f"/v1/jobs/{stage.submit()}/checkpoints", params=query).status_code == 422


def test_checkpoint_is_streamed(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    content = bytes(range(256)) * 1000
    file = stage.checkpoint(stage.start(job_id), 3, 120, content)
    answer = client.get(f"/v1/jobs/{job_id}/checkpoints/attempt-0001/epoch-0003-step-000120.safetensors")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == "256000"
    assert answer.headers["ETag"] == f'"{file.sha256}"'
    name = f"{job_id}-attempt-0001-epoch-0003-step-000120.safetensors"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


CONTENT = bytes(range(200))


@pytest.fixture
def weights(client: TestClient, stage: "Stage") -> str:
    """The address of weights that are CONTENT."""
    job_id = stage.submit()
    stage.succeed(stage.start(job_id), CONTENT)
    return f"/v1/jobs/{job_id}/weights"


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=150-", slice(150, None)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=190-100000", slice(190, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-100000", slice(0, None)),
        ("Bytes = 0-4", slice(0, 5)),
    ],
)
def test_a_part_of_a_file(client: TestClient, weights: str, asked: str, part: slice) -> None:
    answer = client.get(weights, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[part])
    first, last, _ = part.indices(200)
    assert answer.headers["Content-Range"] == f"bytes {first}-{last - 1}/200"
    assert answer.headers["Content-Length"] == str(last - first)
    assert answer.headers["ETag"] == f'"{sha256(CONTENT).hexdigest()}"'


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "items=0-5", "bytes=a-b", "x"])
def test_a_range_that_is_none_is_ignored(client: TestClient, weights: str, asked: str) -> None:
    answer = client.get(weights, headers={"Range": asked})
    assert (answer.status_code, answer.content, answer.headers["Accept-Ranges"]) == (200, CONTENT, "bytes")


@pytest.mark.parametrize("asked", ["bytes=200-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_that_lies_behind_the_file(client: TestClient, weights: str, asked: str) -> None:
    answer = client.get(weights, headers={"Range": asked})
    assert_problem(answer.status_code, answer.headers, answer.content, "range_not_satisfiable")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */200")


def test_the_rest_is_sent_of_the_same_file_only(client: TestClient, weights: str) -> None:
    tag = client.get(weights).headers["ETag"]
    for if_range, status in ((tag, 206), (f"W/{tag}", 200), ('"other"', 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)):
        assert client.get(weights, headers={"Range": "bytes=5-", "If-Range": if_range}).status_code == status


def test_a_file_that_the_client_has_is_not_sent_again(client: TestClient, weights: str) -> None:
    tag = client.get(weights).headers["ETag"]
    for etags in (tag, f'"other", W/{tag}', "*"):
        answer = client.get(weights, headers={"If-None-Match": etags, "Range": "bytes=5-"})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)


def test_weights_of_a_finished_job(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    address = f"/v1/jobs/{job_id}/weights"
    problem = client.get(address).json()
    assert (problem["status"], problem["code"], problem["job_status"]) == (404, "weights_not_found", "queued")
    claim = stage.start(job_id)
    assert client.get(f"/v1/jobs/{job_id}").json()["weights"] is None
    stage.succeed(claim, b"the weights")
    weights = client.get(f"/v1/jobs/{job_id}").json()["weights"]
    digest = sha256(b"the weights").hexdigest()
    assert weights == {"size_bytes": 11, "sha256": digest, "download": address}
    answer = client.get(address)
    assert (answer.content, answer.headers["ETag"]) == (b"the weights", f'"{digest}"')
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{job_id}-attempt-0001-weights.safetensors"'


def test_cancelled_job_has_no_files(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.checkpoint(claim, 1, 0)
    client.post(f"/v1/jobs/{job_id}/cancel")
    stage.release_job(claim)
    assert client.get(f"/v1/jobs/{job_id}/checkpoints").json()["data"] == []
    for part in (f"checkpoints/{A_CHECKPOINT}", "weights"):
        assert client.get(f"/v1/jobs/{job_id}/{part}").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        A_CHECKPOINT.replace("1", "2"),
        "attempt-0001/weights.safetensors",
        "attempt-0001/%00",
        "../attempt-0001",
        "%2e%2e/x",
        "a/é",
        "a/" + "a" * 300,
    ],
)
def test_checkpoint_that_is_not_there(client: TestClient, stage: "Stage", name: str) -> None:
    job_id = stage.submit()
    stage.checkpoint(stage.start(job_id), 1, 0)
    answer = client.get(f"/v1/jobs/{job_id}/checkpoints/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] in ("checkpoint_not_found", "route_not_found")


def test_files_of_one_job_are_not_another_ones(client: TestClient, stage: "Stage") -> None:
    mine, other = stage.submit(), stage.submit()
    stage.checkpoint(stage.start(mine), 1, 0)
    assert client.get(f"/v1/jobs/{other}/checkpoints/{A_CHECKPOINT}").status_code == 404


def test_storage_that_does_not_have_the_file(client: TestClient, stage: "Stage", settings: Settings) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.checkpoint(claim, 1, 0)
    ended_id = stage.submit()
    stage.succeed(stage.start(ended_id))
    shutil.rmtree(settings.data_dir / "storage")
    for part in (f"{job_id}/checkpoints/{A_CHECKPOINT}", f"{ended_id}/weights"):
        answer = client.get(f"/v1/jobs/{part}")
        assert_problem(answer.status_code, answer.headers, answer.content, "storage_unavailable")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert str(settings.data_dir) not in answer.text


def test_bucket_that_does_not_answer(settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = stage.submit()
    stage.succeed(stage.start(job_id))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    with LocalClient(create_app(settings.model_copy(update={"storage_url": "s3://bucket/prefix"}))) as client:
        answer = client.get(f"/v1/jobs/{job_id}/weights")
    assert_problem(answer.status_code, answer.headers, answer.content, "storage_unavailable")


def test_no_more_than_a_block_is_in_memory(settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "BLOCK_BYTES", 1000)
    app, sent = create_app(settings), list[int]()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            sent.append(len(message.get("body", b"")))
            await send(message)

        await app(scope, receive, watch if scope["type"] == "http" else send)

    job_id = stage.submit()
    stage.succeed(stage.start(job_id), b"w" * 2500)
    with LocalClient(watched) as client:
        assert client.get(f"/v1/jobs/{job_id}/weights").content == b"w" * 2500
    assert [size for size in sent if size] == [1000, 1000, 500]


def assert_broken_off(settings: Settings, address: str) -> None:
    """The client sees that the answer is not complete, and the log has a line of it without a traceback."""
    with capture_logs() as logs, served(create_app(settings)) as (host, port):
        connection = HTTPConnection(host, port, timeout=240)
        connection.request("GET", address)
        with pytest.raises(IncompleteRead):
            connection.getresponse().read()
        connection.close()
    assert "answer broken off" in [line["event"] for line in logs]
    assert [line for line in logs if line["log_level"] == "error"] == []


def test_file_that_breaks_off_is_cut_off(settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_storage: Storage, _name: str, _start: int, _length: int) -> Iterator[bytes]:
        yield b"half"
        raise OSError("the disk is gone")

    job_id = stage.submit()
    stage.succeed(stage.start(job_id))
    monkeypatch.setattr(Storage, "stream", broken)
    assert_broken_off(settings, f"/v1/jobs/{job_id}/weights")


def test_a_log_that_breaks_off_is_cut_off(settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Iterator[str]:
        yield "========== epoch: 0 ==========\n"
        raise DatabaseUnavailable("the connection is closed")

    job_id = stage.submit()
    monkeypatch.setattr(log_text, "stream", broken)
    assert_broken_off(settings, f"/v1/jobs/{job_id}/log")


def test_predictions_are_downloaded_as_weights_are(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    here = f"/v1/jobs/{job_id}/predictions"
    assert client.get(here).json()["code"] == "predictions_not_found"
    claim = stage.start(job_id)
    file = stage.storage.put(f"{job_id}/attempt-0001/predictions.safetensors", b"0123456789")
    with stage.database.session() as session:
        lifecycle.settle_success(session, claim, stage.weights(claim), predictions=file)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["predictions"] == {"size_bytes": 10, "sha256": file.sha256, "download": here}
    whole = client.get(here)
    assert (whole.content, whole.headers["ETag"]) == (b"0123456789", f'"{file.sha256}"')
    part = client.get(here, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert client.get(here, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert client.get("/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/predictions").json()["code"] == "job_not_found"
