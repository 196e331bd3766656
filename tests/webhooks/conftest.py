"""Receivers that really listen, and webhooks that lead to them."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Condition, Thread
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.outbox import EVENT_TYPES, EventType, enqueue
from models import Database, Event, Job, JobStatus, Project, Webhook, WebhookDelivery
from models.columns import DatabaseNow
from webhooks import endpoints
from webhooks.posting import Poster
from webhooks.sender import Sender

LOOPBACK = (ip_network("127.0.0.0/8"),)

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = tuple[int, Mapping[str, str]]


@dataclass
class Receiver:
    """A web server that keeps what it gets, and answers as `answer` says: by default with 204."""

    url: str = ""
    answer: Callable[[Received], Answer] = lambda _request: (204, {})
    received: list[Received] = field(default_factory=list)
    at_once: int = 0  # requests that it is answering
    most_at_once: int = 0
    changed: Condition = field(default_factory=Condition)

    def await_received(self, count: int) -> Sequence[Received]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, PATIENCE_SECONDS), self.received
            return list(self.received)

    def take(self, request: Received) -> Answer:
        with self.changed:
            self.received.append(request)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
        try:
            return self.answer(request)
        finally:
            with self.changed:
                self.at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, receiver: Receiver, *arguments: Any) -> None:
        self._receiver = receiver
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more = self._receiver.take(Received(self.path, headers, body))
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Whoever asked has gone; what matters to a test it sees."""


@contextmanager
def receiving(host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver()
    with _Server((host, port), partial(_Handler, receiver)) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.url = f"http://{host}:{server.server_port}/hook"
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def sender(database: Database) -> Iterator[Sender]:
    sender = Sender(database, Poster(LOOPBACK))
    yield sender
    sender.close(PATIENCE_SECONDS)


def send_all(sender: Sender) -> None:
    """What is due, to the end."""
    sender.send_due()
    assert sender.wait(PATIENCE_SECONDS)


def add_project(database: Database, project: str) -> None:
    with database.session() as session:
        session.add(Project(id=project))


def add_webhook(
    database: Database, url: str, events: Sequence[EventType] = EVENT_TYPES, *, project: str = "default"
) -> Webhook:
    with database.session() as session:
        return endpoints.make(session, project, url, events, LOOPBACK)


def happen(
    database: Database,
    kind: str = "running",
    *,
    times: int = 1,
    status: JobStatus = JobStatus.RUNNING,
    epoch: int | None = None,
    project: str = "default",
) -> None:
    """Events of a job, of which nothing but what webhooks are told is stored."""
    job = Job(id="job_01kasm2pbk5s9d0w3g6vq8zrhf", project=project, status=status, attempt=1)
    with database.session() as session:
        for _ in range(times):
            enqueue(session, job, Event(job_id=job.id, attempt=1, type=kind, message="", epoch=epoch))


def all_deliveries(database: Database) -> Sequence[WebhookDelivery]:
    with database.snapshot() as session:
        return session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)).all()


def only_delivery(database: Database) -> WebhookDelivery:
    [delivery] = all_deliveries(database)
    return delivery


def make_due(database: Database) -> None:
    """As if the time had passed until what waits is to be sent."""
    waiting = WebhookDelivery.next_attempt_at.is_not(None)
    with database.session() as session:
        session.execute(update(WebhookDelivery).where(waiting).values(next_attempt_at=DatabaseNow(-1)))


def seconds_to_wait(database: Database) -> float:
    """Until the one delivery is sent again."""
    delivery = only_delivery(database)
    assert delivery.next_attempt_at
    with database.snapshot() as session:
        now = session.scalars(select(DatabaseNow())).one()
    return (delivery.next_attempt_at - now).total_seconds()
