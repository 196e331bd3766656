"""Uploads against a service that drops connections, answers that it is busy and starts again, and forgets nothing."""

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from epochal import uploading as rules
from epochal._async.requester import AsyncRequester
from epochal._async.uploading import AsyncUploading
from epochal._http import Options
from epochal._sync.requester import Requester
from epochal._sync.uploading import Uploading
from epochal.errors import (
    APIConnectionError,
    ConflictError,
    DatasetFailedError,
    LocalError,
    PayloadTooLargeError,
)
from epochal.packing import open_upload
from epochal.uploading import UploadProgress

Fault = Callable[["Service", httpx2.Request], httpx2.Response]
PART = 1000


class Service:
    """Uploads as the API has them. `faults` say of each request, in turn, what happens to it; None: nothing."""

    def __init__(self, faults: Iterator[Fault | None] = iter(())) -> None:
        self.faults = faults
        self.uploads: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.versions: dict[int, str] = {}  # status by number
        self.asked: list[str] = []
        self.offsets: list[int] = []
        self.validations: Iterator[str] = iter(())  # statuses of a version, one an answer; then it is ready
        self.largest_part = 10**9

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        fault = next(self.faults, None)
        return self.answer(request) if fault is None else fault(self, request)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        assert "Idempotency-Key" not in request.headers  # which the API refuses here
        parts = request.url.path.split("/")[2:]
        match request.method, parts:
            case "GET", ["uploads"]:
                rows = [*reversed(self.uploads.values())]
                after = request.url.params.get("after")
                begin = 0 if after is None else 1 + [row["id"] for row in rows].index(after)
                page = rows[begin : begin + 1]  # pages of one row: who looks at the first alone is found out
                more = begin + 1 < len(rows)
                link = f"/v1/uploads?after={page[-1]['id']}" if more else None
                return httpx2.Response(200, json={"data": page, "has_more": more, "next": link})
            case "POST", ["uploads"]:
                return self.begin(json.loads(request.content))
            case "GET", ["uploads", upload_id]:
                return httpx2.Response(200, json=self.uploads[upload_id])
            case "PATCH", ["uploads", upload_id]:
                return self.append(self.uploads[upload_id], int(request.headers["Upload-Offset"]), request.content)
            case "GET", ["datasets", name, "versions", number]:
                return self.version(name, int(number))
        raise AssertionError(request)

    def begin(self, asked: dict[str, Any]) -> httpx2.Response:
        upload_id = f"upl_{len(self.uploads)}"
        links = {"self": f"/v1/uploads/{upload_id}", "version": None}
        rest = {"id": upload_id, "received_bytes": 0, "status": "uploading", "version": None, "links": links}
        self.uploads[upload_id] = asked | rest | {"created_at": "2026-11-30T12:00:00Z", "expires_at": None}
        self.contents[upload_id] = b""
        return httpx2.Response(201, json=self.uploads[upload_id])

    def append(self, upload: dict[str, Any], offset: int, content: bytes) -> httpx2.Response:
        if len(content) > self.largest_part:
            return httpx2.Response(413, html="<h1>413 Request Entity Too Large</h1>")
        if upload["version"] is not None:
            return problem(409, "upload_complete")
        if offset != upload["received_bytes"]:
            return problem(409, "mismatching_upload_offset")
        self.offsets.append(offset)
        self.store(upload, content)
        return httpx2.Response(204)

    def store(self, upload: dict[str, Any], content: bytes) -> None:
        self.contents[upload["id"]] += content
        upload["received_bytes"] += len(content)
        assert upload["received_bytes"] <= upload["bytes"]
        if upload["received_bytes"] == upload["bytes"]:
            upload["version"], upload["status"] = len(self.versions) + 1, "complete"
            self.versions[upload["version"]] = "validating"

    def version(self, name: str, number: int) -> httpx2.Response:
        if number not in self.versions:
            return problem(404, "version_not_found")
        if self.versions[number] == "validating":
            self.versions[number] = next(self.validations, "ready")
        return httpx2.Response(200, json=version(name, number, self.versions[number]))


def version(name: str, number: int, status: str) -> dict[str, Any]:
    error = {"code": "dataset_invalid", "message": "It is none.", "hint": "Look again."} if status == "failed" else None
    return {
        "name": name,
        "version": number,
        "status": status,
        "source": "upload",
        "parent": None,
        "identity": None,
        "train_images": None,
        "test_images": None,
        "created_at": "2026-11-30T12:00:00Z",
        "finished_at": None,
        "links": {"self": f"/v1/datasets/{name}/versions/{number}", "dataset": f"/v1/datasets/{name}"},
        "progress": {"stage": "decoding", "done": 1, "total": 8} if status == "validating" else None,
        "storage_bytes": 0,
        "other_numbers": [],
        "error": error,
    }


def problem(status: int, code: str, **headers: str) -> httpx2.Response:
    body = {"title": "Title", "status": status, "detail": "Detail.", "code": code}
    return httpx2.Response(
        status, headers={"Content-Type": "application/problem+json", **headers}, content=json.dumps(body)
    )


def nothing_arrives(_service: Service, request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


def answer_is_lost(service: Service, request: httpx2.Request) -> httpx2.Response:
    service.answer(request)
    raise httpx2.ReadError("reset", request=request)


def half_arrives(service: Service, request: httpx2.Request) -> httpx2.Response:
    if request.method == "PATCH":
        upload = service.uploads[request.url.path.rpartition("/")[2]]
        if int(request.headers["Upload-Offset"]) == upload["received_bytes"]:
            service.store(upload, request.content[: len(request.content) // 2])
    raise httpx2.WriteError("broken pipe", request=request)


def another_was_first(service: Service, request: httpx2.Request) -> httpx2.Response:
    """Another program uploads the same folder: of two requests with one part, the second finds that it has arrived."""
    if request.method == "PATCH":
        service.answer(request)
    return service.answer(request)


def is_busy(_service: Service, _request: httpx2.Request) -> httpx2.Response:
    return problem(429, "rate_limited", **{"Retry-After": "3"})


def starts_again(_service: Service, _request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(503, html="<h1>503</h1>", headers={"Retry-After": "2"})


FAULTS: list[Fault] = [nothing_arrives, answer_is_lost, half_arrives, another_was_first, is_busy, starts_again]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait, none of which is waited for."""
    seconds: list[float] = []

    async def awaited(each: float) -> None:
        seconds.append(each)

    monkeypatch.setattr("epochal._sync.waiting.sleep", seconds.append)
    monkeypatch.setattr("epochal._async.waiting.sleep", awaited)
    monkeypatch.setattr(rules, "FIRST_PART", PART)
    monkeypatch.setattr(rules, "SMALLEST_PART", PART // 4)
    monkeypatch.setattr(rules, "LARGEST_PART", PART)
    return seconds


@pytest.fixture(params=["sync", "async"])
def upload(request: pytest.FixtureRequest, waited: list[float]) -> Callable[..., Any]:
    """The method, of both clients."""

    def call(service: Service, *arguments: Any, max_retries: int = 5, **named: Any) -> Any:
        transport, options = httpx2.MockTransport(service.handle), Options(max_retries=max_retries)
        if request.param == "sync":
            return Uploading(Requester("http://service", None, options, transport)).upload(*arguments, **named)
        uploading = AsyncUploading(AsyncRequester("http://service", None, options, transport))
        return asyncio.run(uploading.upload(*arguments, **named))

    return call


def whole(path: Path) -> bytes:
    with open_upload(path) as file:
        return file.read_at(0, file.size)


@pytest.mark.parametrize("seed", range(12))
def test_it_comes_through_faults_at_any_request(upload: Callable[..., Any], pets: Path, seed: int) -> None:
    chance = random.Random(seed)
    faults = (chance.choice(FAULTS) if chance.random() < 0.4 else None for _ in range(10**6))
    service = Service(faults)
    found = upload(service, "pets", pets, max_retries=100)
    assert (found.version, found.status) == (1, "ready")
    assert list(service.versions) == [1]
    [finished] = [each for each in service.uploads.values() if each["version"]]
    assert service.contents[finished["id"]] == whole(pets)
    assert all(len(content) in (0, finished["bytes"]) for content in service.contents.values())


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_arrived_although_the_answer_was_lost_is_not_sent_again(
    upload: Callable[..., Any], pets: Path, method: str
) -> None:
    class Lossy(Service):
        def handle(self, request: httpx2.Request) -> httpx2.Response:
            answer = super().handle(request)
            if request.method == method:
                raise httpx2.ReadError("reset", request=request)
            return answer

    service = Lossy()
    assert upload(service, "pets", pets).version == 1
    assert len(service.uploads) == len(service.versions) == 1
    assert service.offsets == [*range(0, len(whole(pets)), PART)]


def test_two_programs_upload_one_folder_at_once(upload: Callable[..., Any], pets: Path) -> None:
    """Each part, also the last one, has arrived already when it comes."""
    service = Service(another_was_first for _ in range(10**6))
    assert upload(service, "pets", pets).version == 1
    assert len(service.uploads) == len(service.versions) == 1


def test_another_call_goes_on_where_one_broke_off(upload: Callable[..., Any], pets: Path) -> None:
    def stop(progress: UploadProgress) -> None:
        if progress.stage == "sending" and progress.done == 3 * PART:
            raise KeyboardInterrupt

    service = Service()
    with pytest.raises(KeyboardInterrupt):
        upload(service, "pets", pets, on_progress=stop)
    with pytest.raises(KeyboardInterrupt):
        upload(service, "pets", pets, seed=7, on_progress=stop)  # of another split: another upload
    service.offsets.clear()
    assert upload(service, "pets", pets).version == 1
    assert service.offsets[0] == 3 * PART
    assert len(service.uploads) == 2
    service.offsets.clear()
    assert upload(service, "pets", pets).version == 1
    assert service.offsets == []  # it is complete: nothing is sent again
    service.versions[1] = "failed"
    assert upload(service, "pets", pets).version == 2
    del service.versions[2]  # deleted
    service.versions[3] = "ready"
    assert upload(service, "pets", pets).version == 3


def test_a_file_that_changes_meanwhile_is_named_and_no_version_is_made(upload: Callable[..., Any], pets: Path) -> None:
    changed = pets / "train/bee/1.png"

    def change(progress: UploadProgress) -> None:
        if progress.stage == "sending" and progress.done == PART:
            os.utime(changed, ns=(0, 0))

    service = Service()
    with pytest.raises(LocalError, match=r"train/bee/1\.png' has been changed") as told:
        upload(service, "pets", pets, on_progress=change)
    assert told.value.code == "file_changed"
    assert service.versions == {}


def test_what_would_be_refused_is_not_sent_unless_it_is_to_be(
    upload: Callable[..., Any], folder_of: Callable[[dict[str, bytes]], Path], pictures: dict[str, bytes]
) -> None:
    one_class = folder_of({name: content for name, content in pictures.items() if "ant" in name})
    service = Service()
    with pytest.raises(LocalError, match="one class only, ant") as told:
        upload(service, "ants", one_class)
    assert told.value.code == "dataset_invalid"
    assert service.asked == ["GET /v1/uploads"]
    assert upload(service, "ants", one_class, check=False).version == 1


def test_a_service_is_waited_for_as_it_asks_and_not_for_ever(
    upload: Callable[..., Any], pets: Path, waited: list[float]
) -> None:
    upload(Service(iter([None, None, starts_again, is_busy])), "pets", pets)
    assert waited[:2] == [2.0, 3.0]
    waited.clear()
    gone = [None, None, None, *[nothing_arrives] * 1000]
    with pytest.raises(APIConnectionError):
        upload(Service(iter(gone)), "pets", pets)
    assert 250 < sum(waited) <= rules.PATIENCE
    waited.clear()
    with pytest.raises(APIConnectionError):
        upload(Service(iter(gone)), "pets", pets, max_retries=0)
    assert waited == []


def test_progress_makes_it_patient_again(upload: Callable[..., Any], pets: Path, waited: list[float]) -> None:
    """A line that lets half a part through each time is slow, and no reason to give up."""

    class Slow(Service):
        def handle(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "PATCH" and len(request.content) > 3:
                return half_arrives(self, request)
            return super().handle(request)

    assert upload(Slow(), "pets", pets).version == 1
    assert max(waited) < 1
    assert len(waited) > 20


@pytest.mark.parametrize("error", [(409, "dataset_name_taken"), (413, "upload_too_large")])
def test_what_does_not_pass_by_itself_is_raised_at_once(
    upload: Callable[..., Any], pets: Path, waited: list[float], error: tuple[int, str]
) -> None:
    with pytest.raises((ConflictError, PayloadTooLargeError)):
        upload(Service(iter([None, None, lambda _service, _request: problem(*error)])), "pets", pets)
    assert waited == []


def test_parts_become_smaller_where_something_in_between_takes_no_large_ones(
    upload: Callable[..., Any], pets: Path
) -> None:
    service = Service()
    service.largest_part = PART // 3
    assert upload(service, "pets", pets).version == 1
    assert service.offsets[:3] == [0, PART // 4, PART // 2]
    service = Service()
    service.largest_part = 10
    with pytest.raises(PayloadTooLargeError):
        upload(service, "pets", pets)


def test_the_progress_is_told(upload: Callable[..., Any], pets: Path) -> None:
    told: list[UploadProgress] = []
    service = Service()
    service.validations = iter(["validating", "validating"])
    upload(service, "pets", pets, on_progress=told.append)
    size = len(whole(pets))
    assert list(dict.fromkeys(each.stage for each in told)) == ["looking", "hashing", "sending", "validating"]
    last = {each.stage: (each.done, each.total) for each in told}
    assert last == {"looking": (8, 8), "hashing": (size, size), "sending": (size, size), "validating": (1, 8)}
    assert [each.done for each in told if each.stage == "sending"] == [*range(0, size, PART), size]
    [look] = [each.look for each in told if each.look]
    assert (look.files, look.images, look.findings) == (8, 8, ())


def test_a_version_that_fails_says_why(upload: Callable[..., Any], pets: Path) -> None:
    service = Service()
    service.validations = iter(["validating", "failed"])
    with pytest.raises(DatasetFailedError, match=r"It is none\.") as told:
        upload(service, "pets", pets)
    assert (told.value.code, told.value.hint) == ("dataset_invalid", "Look again.")


@pytest.mark.parametrize(
    "fields", [{"test_fraction": 0}, {"test_fraction": 1}, {"seed": -1}, {"seed": 2**53}, {"name": "my pets"}]
)
def test_an_argument_that_would_be_refused_is_refused_first(
    upload: Callable[..., Any], pets: Path, fields: dict[str, Any]
) -> None:
    service = Service()
    with pytest.raises(LocalError) as told:
        upload(service, **{"name": "pets", "path": pets} | fields)
    assert told.value.code == "invalid_request"
    assert service.asked == []
