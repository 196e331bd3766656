"""A service that gives set answers, and bodies as the API writes them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

import httpx2
from cli.samples import sample

from epochal import types

EVENT_STREAM = {"Content-Type": "text/event-stream"}


class Answers:
    """A transport that gives these answers, in order, and keeps the requests. An exception is raised instead. What is
    no response is the JSON of one."""

    def __init__(self, *answers: Any) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = iter(answers)

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, httpx2.Response):
            return httpx2.Response(200, json=answer)
        if isinstance(answer.stream, Pieces):
            return answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)  # may come again

    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) if request.content else None for request in self.requests]

    def headers(self, *names: str) -> list[Any]:
        """Of each request; where one is asked for, its values."""
        rows = [tuple(request.headers.get(name) for name in names) for request in self.requests]
        return [row[0] for row in rows] if len(names) == 1 else rows


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that comes in pieces, and is cut off by `error`."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces, self._error = pieces, error

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def page(*rows: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"data": list(rows), "has_more": following is not None, "next": following}


def problem(status: int, headers: dict[str, str] | None = None, **members: Any) -> httpx2.Response:
    body = {"type": "/problems#x", "title": "Title", "status": status, "detail": "Detail.", **members}
    return httpx2.Response(
        status, headers={"Content-Type": "application/problem+json", **(headers or {})}, content=json.dumps(body)
    )


@cache
def of(kind: Any) -> dict[str, Any]:
    """A record of that kind, as JSON: not to be changed."""
    return dict(sample(kind))


def job_body(job_id: str = "job_1", **given: Any) -> dict[str, Any]:
    """Queued, unless told otherwise."""
    parts = {"dataset": of(types.JobDataset), "progress": of(types.Progress), "links": of(types.JobLinks)}
    return of(types.Job) | parts | {"id": job_id} | given


def epoch_body(epoch: int) -> dict[str, Any]:
    return of(types.EpochRow) | {"epoch": epoch}


def event_body(number: int, message: str = "", **given: Any) -> dict[str, Any]:
    return of(types.Event) | {"id": number, "message": message} | given


def as_events(*events: dict[str, Any], end: bool) -> bytes:
    """As the service streams them."""
    parts = ["retry: 0\n\n", ": \n\n"]
    parts += [f"event: x\ndata: {json.dumps(each, ensure_ascii=False)}\nid: {each['id']}\n\n" for each in events]
    return "".join([*parts, 'event: end\ndata: {"status": "succeeded"}\n\n' if end else ""]).encode()


def streamed(*pieces: bytes, error: Exception | None = None) -> httpx2.Response:
    return httpx2.Response(200, headers=EVENT_STREAM, stream=Pieces(*pieces, error=error))
