"""A service that gives set answers."""

import json
from typing import Any

import httpx2

from old_client import Client


class Answers:
    """A transport that gives these answers, in order, and keeps the requests. An exception is raised instead."""

    def __init__(self, *answers: Any) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = iter(answers)

    def client(self, api_key: str | None = None, url: str = "http://epochal.test") -> Client:
        return Client(url, api_key, transport=httpx2.MockTransport(self._handle))

    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) if request.content else None for request in self.requests]

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)


def page(*rows: dict[str, Any], has_more: bool = False, following: str | None = None) -> dict[str, Any]:
    return {"data": list(rows), "has_more": has_more, "next": following}


def problem(status: int, headers: dict[str, str] | None = None, **members: Any) -> httpx2.Response:
    body = {"type": "/problems#x", "title": "Title", "status": status, "detail": "Detail.", **members}
    return httpx2.Response(
        status, headers={"Content-Type": "application/problem+json", **(headers or {})}, content=json.dumps(body)
    )


def no_such_route() -> httpx2.Response:
    """As an older service answers to what it does not have."""
    return problem(404, code="route_not_found")
