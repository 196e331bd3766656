"""Asks an HTTP server as many clients would, at a small part of what answering costs.

Requests are bytes that were made before; answers are told apart by their `Content-Length`, and not parsed. In the
closed loop each connection asks again as soon as it is answered: requests a second. In the open loop requests are due
at a steady rate, whether or not the server keeps up, and latency counts from when one was due, so that a server that
stands still for a moment is charged for all that would have come meanwhile.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

SETTLING_SECONDS = 1.0  # the first requests of a call find cold caches: they are made, and not counted
OPEN_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and what every request to it carries."""

    host: str
    port: int
    headers: Mapping[str, str]

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        """A request, as it is sent."""
        fields = {"Host": f"{self.host}:{self.port}", **self.headers, **(headers or {})}
        if body:
            fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **fields}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's value."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            field, _, value = line.partition(":")
            if field.lower() == name.lower():
                return value.strip()
        return None


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in seconds, ascending, and what was answered how often."""

    seconds: float
    latencies: Sequence[float]
    statuses: Mapping[int, int]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """The latency in milliseconds that `percent` of the answers had at most."""
        place = min(len(self.latencies) - 1, round(len(self.latencies) * percent / 100))
        return self.latencies[place] * 1000


class Connection(asyncio.Protocol):
    """One that is kept alive: a request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, address: Address) -> "Connection":
        """Connect."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, address.host, address.port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's own."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; its answer is to come."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        """Asyncio's own."""
        received = self._received
        received += data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(received[:end])
        if len(received) - end - 4 < _length(head):
            return
        answer = Answer(int(head[9:12]), head, bytes(received[end + 4 :]))
        received.clear()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's own."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("The server closed the connection."))

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    place = lower.find(b"\r\ncontent-length:")
    if place < 0:  # an answer without a body, such as 304
        return 0
    return int(lower[place + 17 :].partition(b"\r\n")[0])


async def ask(address: Address, request: bytes) -> Answer:
    """One request on a connection of its own."""
    connection = await Connection.open(address)
    try:
        return await connection.ask(request)
    finally:
        connection.close()


async def closed_loop(address: Address, requests: Sequence[bytes], *, connections: int, seconds: float) -> Measured:
    """Each connection asks again as soon as it has its answer."""
    loop = asyncio.get_running_loop()
    line = cycle(requests)
    latencies: list[float] = []
    statuses = Counter[int]()
    counted_from = loop.time() + SETTLING_SECONDS
    until = counted_from + seconds

    async def client() -> None:
        connection = await Connection.open(address)
        while (began := loop.time()) < until:
            answer = await connection.ask(next(line))
            if began >= counted_from:
                latencies.append(loop.time() - began)
                statuses[answer.status] += 1
        connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return Measured(loop.time() - counted_from, sorted(latencies), statuses)


async def open_loop(address: Address, requests: Sequence[bytes], *, per_second: float, seconds: float) -> Measured:
    """A request every `1 / per_second` seconds, on whichever connection is free."""
    free = deque([await Connection.open(address) for _ in range(OPEN_CONNECTIONS)])
    connections = tuple(free)
    overdue: deque[tuple[float, bytes]] = deque()
    latencies: list[float] = []
    statuses = Counter[int]()
    counted_from = time.perf_counter() + SETTLING_SECONDS
    under_way: set[asyncio.Task[None]] = set()

    async def serve(connection: Connection, due: float, request: bytes) -> None:
        while True:
            answer = await connection.ask(request)
            if due >= counted_from:
                latencies.append(time.perf_counter() - due)
                statuses[answer.status] += 1
            if not overdue:
                free.append(connection)
                return
            due, request = overdue.popleft()

    for due, request in _schedule(requests, per_second, SETTLING_SECONDS + seconds):
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if free:
            task = asyncio.create_task(serve(free.popleft(), due, request))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        else:
            overdue.append((due, request))
    await asyncio.gather(*under_way)
    for connection in connections:
        connection.close()
    return Measured(seconds, sorted(latencies), statuses)


def _schedule(requests: Sequence[bytes], per_second: float, seconds: float) -> Iterator[tuple[float, bytes]]:
    began = time.perf_counter()
    line = cycle(requests)
    for number in range(round(per_second * seconds)):
        yield began + number / per_second, next(line)
