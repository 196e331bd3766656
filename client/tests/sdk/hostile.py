"""A server of HTTP/1.1 that misbehaves by a plan. The same seed is the same plan, but for what threads make of it.

It cuts connections after any byte of a request or of an answer, before or after the request is carried out; it asks to
wait; it closes a stream in the middle of an event, or tells again what it has told; it answers slowly, or never; and it
stops, to start again at the same address with an older clock.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from types import TracebackType

from sdk.small_service import Answer, Request, SmallService, problem

FAULTS = (
    "cut the request",
    "cut before",
    "cut after",
    "cut the answer",
    "ask to wait",
    "bad gateway",
    "slow",
    "late",
    "never",
    "restart before",
    "restart after",
)
ACTS = frozenset({"cut after", "cut the answer", "bad gateway", "slow", "never", "restart after", ""})
IN_A_ROW, OF_A_STREAM_IN_A_ROW = 4, 12  # of faults, at most
DOWN_SECONDS = 0.01
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is closed is reset


class Cut(Exception):
    """The connection is to be closed."""


class Hostile:
    """A server at `url` for as long as the context lasts. `did` is what it did, for whoever wonders about a seed."""

    def __init__(self, seed: int, share: float = 0.6) -> None:
        self.service = SmallService()
        self.did: list[str] = []
        self._random, self._share, self._row = random.Random(seed), share, 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.url = "http://{}:{}".format(*self.address)
        self._is_over = False

    def __enter__(self) -> Hostile:
        self._start(self._accept, self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        with self.service.lock:
            self._stop_listening()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _stop_listening(self) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # which wakes the thread that waits for it
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.add(connection)
            self._start(self._serve, connection)

    def _restart(self) -> None:
        """Nobody is there for a while; then somebody whose clock goes wrong by an hour."""
        self._stop_listening()
        time.sleep(DOWN_SECONDS)
        self.service.now -= timedelta(hours=1)
        if not self._is_over:
            self._listener = socket.create_server(self.address)
            self._start(self._accept, self._listener)

    def _serve(self, connection: socket.socket) -> None:
        try:
            while True:
                self._exchange(connection)
        except (Cut, OSError):
            pass
        finally:
            self._open.discard(connection)
            if self._random.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()

    def _exchange(self, connection: socket.socket) -> None:
        head, rest = _until(connection, b"\r\n\r\n")
        request = _read(head)
        length = int(request.headers.get("content-length", 0))
        fault = self._fault(request)
        self.did.append(f"{request.method} {request.path}: {fault}")
        if fault == "cut the request":
            length = self._random.randrange(-len(head), length + 1)
        while len(rest) < length:
            rest += _received(connection, length - len(rest))
        whole = fault != "cut the request"
        request = Request(request.method, request.path, request.headers, rest[: max(length, 0)], whole)
        if not whole:
            if request.method == "PATCH":
                with self.service.lock:
                    self.service.answer(request)
            raise Cut
        self._carry_out(connection, request, fault)

    def _fault(self, request: Request) -> str:
        is_stream = request.path.endswith("/stream")
        if self._row >= (OF_A_STREAM_IN_A_ROW if is_stream else IN_A_ROW) or self._random.random() > self._share:
            self._row = 0
            return ""
        self._row += 1
        # Who has asked to wait, or follows a stream, does not take long waiting for a fault.
        patient = is_stream or "prefer" in request.headers
        return self._random.choice([fault for fault in FAULTS if not (patient and fault == "never")])

    def _carry_out(self, connection: socket.socket, request: Request, fault: str) -> None:
        answer: Answer | None = None
        with self.service.lock:
            if fault == "restart before":
                self._restart()
            if fault == "ask to wait":
                answer = self._please_wait()
            if fault == "late":
                self._act_later(request)
            elif fault in ACTS and not request.path.endswith("/stream"):
                answer = self.service.begin(request) or self.service.answer(request)
            if fault == "restart after":
                self._restart()
        if fault in ("cut before", "cut after", "restart before", "restart after", "late"):
            raise Cut
        if fault == "never":
            while _received(connection, 100):
                continue
        if fault == "bad gateway":
            answer = Answer(502, b"<html>")
        if answer is None:
            self._stream(connection, request, fault)
        else:
            self._send(connection, answer, fault)

    def _act_later(self, request: Request) -> None:
        """The connection is lost, and the request is carried out all the same, while the client asks again."""

        def act() -> None:
            time.sleep(DOWN_SECONDS)
            with self.service.lock:
                self.service.answer(request)

        if request.headers.get("idempotency-key") and self.service.begin(request) is None:
            self._start(act)

    def _please_wait(self) -> Answer:
        later = self._random.choice((0, 1))
        after = self._random.choice((str(later), self.service.date(later)))
        return problem(self._random.choice((429, 503)), "busy", Retry_After=after)

    def _send(self, connection: socket.socket, answer: Answer, fault: str = "") -> None:
        headers = {"Date": self.service.date(), "Content-Length": str(len(answer.body)), **answer.headers}
        if answer.status == 204:
            del headers["Content-Length"]
        self._write(connection, _head(answer.status, headers) + answer.body, fault)

    def _write(self, connection: socket.socket, content: bytes, fault: str) -> None:
        if fault == "slow":
            for place in range(0, len(content), len(content) // 5 + 1):
                connection.sendall(content[place : place + len(content) // 5 + 1])
                time.sleep(0.002)
        elif fault == "cut the answer":
            connection.sendall(content[: self._random.randrange(len(content))])
            raise Cut
        else:
            connection.sendall(content)

    def _stream(self, connection: socket.socket, request: Request, fault: str) -> None:
        last, job_id = int(request.headers.get("last-event-id", 0)), request.path.split("/")[3]
        if self.service.is_told(job_id, last):
            self._send(connection, Answer(204), fault)
            return
        last = last if self._random.random() < 0.8 else 0  # what is in between tells it again
        headers = {"Date": self.service.date(), "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        connection.sendall(_head(200, headers))
        left = self._random.randrange(2000) if fault == "cut the answer" else 10**9
        for chunk in _chunked(self.service.stream(job_id, last)):
            connection.sendall(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                raise Cut


def _chunked(parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
    return "\r\n".join(lines).encode()


def _received(connection: socket.socket, count: int) -> bytes:
    content = connection.recv(min(count, 65536))
    if not content:
        raise Cut
    return content


def _until(connection: socket.socket, mark: bytes) -> tuple[bytes, bytes]:
    """What comes up to `mark`, and what has come behind it."""
    content = b""
    while mark not in content:
        content += _received(connection, 65536)
    head, _, rest = content.partition(mark)
    return head, rest


def _read(head: bytes) -> Request:
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, headers, b"")
