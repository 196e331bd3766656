"""A small Epochal: jobs that train as soon as somebody looks, idempotency keys, uploads, and versions of data sets. It
does as the real one does, and never more than it is asked to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

from sdk.answers import epoch_body, event_body, job_body, of, page

from epochal import types

EPOCHS = 6
WEIGHTS = bytes(range(256)) * 400


@dataclass(frozen=True)
class Request:
    """As it arrived. Names of headers are in lower case. `is_whole`: all of its body came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    is_whole: bool = True


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def problem(status: int, code: str, **headers: str) -> Answer:
    body = {"title": "T", "status": status, "detail": "D.", "code": code}
    return as_json(body, status, **headers | {"Content_Type": "application/problem+json"})


class SmallService:
    """All that it has done. Each method is called by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.now = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.versions: list[dict[str, Any]] = []
        self.changes = 0
        self._answers: dict[str, Answer | None] = {}  # by the key of a request; None: it is being worked on

    def moment(self) -> str:
        self.now += timedelta(seconds=1)
        return self.now.isoformat().replace("+00:00", "Z")

    def date(self, later: float = 0) -> str:
        """As HTTP writes it."""
        return format_datetime(self.now + timedelta(seconds=later), usegmt=True)

    def begin(self, request: Request) -> Answer | None:
        """The answer where there is one already: a request with that key was made, or is being worked on."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return None
        if key in self._answers:
            return self._answers[key] or problem(409, "request_pending", Retry_After="1")
        self._answers[key] = None
        return None

    def answer(self, request: Request) -> Answer:
        """Carry it out."""
        answer = self._answer(request)
        if key := request.headers.get("idempotency-key"):
            self._answers[key] = answer
        return answer

    def _answer(self, request: Request) -> Answer:
        path, _, query = request.path.partition("?")
        parts = path.split("/")[2:]
        if parts[:1] == ["jobs"]:
            return self._answer_job(request, parts[1:])
        if parts[:1] == ["uploads"]:
            return self._answer_upload(request, parts[1:])
        if parts[:1] == ["datasets"] and len(parts) == 4:
            return self._version(int(parts[3]), request)
        return problem(404, "route_not_found" + query)

    # Jobs

    def _answer_job(self, request: Request, parts: list[str]) -> Answer:
        if request.method == "POST" and not parts:
            return self._submit(json.loads(request.body))
        job = self.jobs.get(parts[0]) if parts else None
        if job is None:
            return problem(404, "job_not_found")
        if request.method == "DELETE":
            del self.jobs[parts[0]]
            return Answer(204)
        return _file(WEIGHTS, request) if parts[1:] == ["weights"] else self._job(job, request)

    def _submit(self, body: dict[str, Any]) -> Answer:
        job_id = f"job_{len(self.events) + 1}"
        self.jobs[job_id] = job_body(job_id, spec=body["spec"], name=body.get("name"), created_at=self.moment())
        self.events[job_id] = []
        return as_json(self.jobs[job_id], 201)

    def _job(self, job: dict[str, Any], request: Request) -> Answer:
        """To who knows it already, its next change: nobody has to wait for that here."""
        if request.headers.get("if-none-match") == _tag(job):
            self.train(job)
        return as_json(job, ETag=_tag(job), Preference_Applied="wait=20")

    def train(self, job: dict[str, Any]) -> None:
        """One thing happens to the job."""
        done = len(self.events[job["id"]])
        if done > EPOCHS:
            return
        given: dict[str, Any] = {"type": "queued"} if done == 0 else {"type": "epoch", "epoch": done - 1}
        metrics = epoch_body(done - 1) if done else None
        self.changes += 1
        event = event_body(self.changes, **given, metrics=metrics, created_at=self.moment())
        self.events[job["id"]].append(event)
        job["status"] = "succeeded" if done == EPOCHS else "running"
        job["progress"] = of(types.Progress) | {"epochs": EPOCHS, "epoch": done}

    def stream(self, job_id: str, last: int) -> Iterator[bytes]:
        """Each part of a stream of the events behind `last`."""
        yield b"retry: 0\n\n: \n\n"
        job, told = self.jobs[job_id], last
        while True:
            with self.lock:
                coming = [event for event in self.events[job_id] if event["id"] > told]
                is_over = job["status"] == "succeeded"
                if not coming and not is_over:
                    self.train(job)
            for event in coming:
                yield f"event: {event['type']}\ndata: {json.dumps(event)}\nid: {event['id']}\n\n".encode()
                told = event["id"]
            if is_over and not coming:
                yield b'event: end\ndata: {"status": "succeeded"}\n\n'
                return

    def is_told(self, job_id: str, last: int) -> bool:
        """Whether nothing comes behind this event any more."""
        events = self.events[job_id]
        return bool(self.jobs[job_id]["status"] == "succeeded" and last >= events[-1]["id"])

    # Uploads

    def _answer_upload(self, request: Request, parts: list[str]) -> Answer:
        if not parts:
            if request.method == "GET":
                return as_json(page(*reversed(self.uploads.values())))
            return self._announce(json.loads(request.body))
        upload = self.uploads[parts[0]]
        return as_json(upload) if request.method == "GET" else self._append(upload, request)

    def _announce(self, body: dict[str, Any]) -> Answer:
        upload_id = f"upl_{len(self.uploads) + 1}"
        made = {"id": upload_id, "received_bytes": 0, "status": "uploading", "links": of(types.UploadLinks)}
        self.uploads[upload_id] = of(types.Upload) | body | made | {"created_at": self.moment()}
        self.contents[upload_id] = b""
        return as_json(self.uploads[upload_id], 201)

    def _append(self, upload: dict[str, Any], request: Request) -> Answer:
        """What has arrived is kept, also of a request that broke off."""
        if upload["version"] is not None:
            return problem(409, "upload_complete")
        if int(request.headers["upload-offset"]) != upload["received_bytes"]:
            return problem(409, "mismatching_upload_offset")
        content = self.contents[upload["id"]] = self.contents[upload["id"]] + request.body
        upload["received_bytes"] = len(content)
        if len(content) == upload["bytes"]:
            is_good = hashlib.sha256(content).hexdigest() == upload["sha256"]
            status = "validating" if is_good else "failed"
            number = len(self.versions) + 1
            made = {"name": upload["dataset"], "version": number, "status": status, "created_at": self.moment()}
            self.versions.append(of(types.DatasetVersion) | {"links": of(types.DatasetVersionLinks)} | made)
            upload |= {"version": number, "status": "complete"}
        return Answer(204)

    def _version(self, number: int, request: Request) -> Answer:
        """Who waits for it sees it change."""
        version = self.versions[number - 1]
        found = as_json(version, Preference_Applied="wait=20")
        if version["status"] == "validating" and "prefer" in request.headers:
            version["status"] = "ready"
        return found


def _tag(job: dict[str, Any]) -> str:
    return f'"{hashlib.sha256(json.dumps(job).encode()).hexdigest()[:16]}"'


def _file(content: bytes, request: Request) -> Answer:
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
    asked = request.headers.get("range", "")
    if not asked or request.headers.get("if-range") != headers["ETag"]:
        return Answer(200, content, headers)
    first = int(asked.removeprefix("bytes=").rstrip("-"))
    ranged = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
    return Answer(206, content[first:], headers | ranged)
