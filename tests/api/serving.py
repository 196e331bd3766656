"""The API on a real socket, as `python -m api` serves it, and clients that do not behave."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp

from api.http.server import Protocol, uvicorn_config
from api.schemas import Problem


@contextmanager
def served(app: ASGIApp, protocol: type[Protocol] = Protocol, **options: Any) -> Iterator[tuple[str, int]]:
    """Its address, as long as the context lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(app, protocol, grace_seconds=5, **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool  # whether nothing can follow on this connection

    def problem(self, status: int, code: str) -> dict[str, Any]:
        problem: dict[str, Any] = json.loads(self.body)
        Problem.model_validate(problem)
        assert (self.status, problem["status"], problem["code"]) == (status, status, code)
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["x-request-id"] == problem["request_id"]
        return problem


class RawClient:
    """Sends bytes and reads answers."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=240)
        self._reader = h11.Connection(h11.CLIENT)
        self._reader.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
        self._reader.send(h11.EndOfMessage())

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Answer:
        status, headers, body = 0, {}, b""
        while True:
            match self._reader.next_event():
                case h11.NEED_DATA:
                    self._reader.receive_data(self.socket.recv(65_536))
                case h11.Response() as response:
                    status = response.status_code
                    headers = {name.decode(): value.decode() for name, value in response.headers}
                case h11.Data() as data:
                    body += data.data
                case h11.EndOfMessage():
                    return Answer(status, headers, body, self._reader.their_state is not h11.DONE)
                case other:
                    raise AssertionError(other)

    def is_hung_up_on(self) -> bool:
        """Waits until the server says something, and is true where it is that it has nothing more to say."""
        return self.socket.recv(1) == b""


def ask(address: tuple[str, int], data: bytes) -> Answer:
    with RawClient(address) as client:
        client.send(data)
        return client.receive()
