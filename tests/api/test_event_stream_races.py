"""The stream of all jobs loses and doubles nothing, whatever breaks and in whatever order transactions commit."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import httpx2
import pytest
from sqlalchemy import select

from api.app import create_app
from api.reading import all_events
from jobs import event_feed
from jobs.fence import for_update
from jobs.queries import EventWithEpoch
from jobs.transitions import add_event
from models import DatabaseUnavailable, Event, ProjectSession
from settings import Settings
from tests.api.conftest import serving
from tests.api.test_event_stream import listening, say, wait_until

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage


class Client:
    """Comes and goes, now to one process and now to another."""

    def __init__(self, urls: Sequence[str], seed: int, header: Mapping[str, str]) -> None:
        self._urls, self._seed, self._random, self._header = urls, seed, Random(seed), dict(header)
        self._last: str | None = None
        self.seen: list[tuple[str, int]] = []
        self.wrong: list[str] = []
        self.is_ready = threading.Event()
        self.connections = 0

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self.connections += 1
            url = self._urls[self.connections % 2] if self.is_ready.is_set() else self._urls[self._seed % 2]
            with httpx2.Client(base_url=url, timeout=60) as client:
                self._listen(client, self._random.randrange(1, 10), is_over)

    def _listen(self, client: httpx2.Client, count: int, is_over: Callable[[], bool]) -> None:
        with listening(client, after=self._last, **self._header) as messages:
            for message in messages:
                if message.id is not None:
                    self._last, count = message.id, count - 1
                    if message.kind not in ("ready", "note", "queued"):
                        self.wrong.append(message.kind)
                    if message.kind != "ready":
                        self.seen.append((message.data["job_id"], message.data["id"]))
                    self.is_ready.set()
                if not count or is_over():
                    return


def test_each_event_once_whatever_breaks(
    settings: Settings, tenants: "Tenants", stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes of the API, reads that fail, clients that come and go, and transactions that commit in another
    order than they began."""
    random = Random(5)
    read = event_feed._whole

    def failing(session: ProjectSession, ids: Sequence[int]) -> list[EventWithEpoch]:
        if ids and random.random() < 0.2:
            raise DatabaseUnavailable("for a moment")
        return read(session, ids)

    monkeypatch.setattr(event_feed, "_whole", failing)
    monkeypatch.setattr("api.service.polling.RETRY_SECONDS", 0.01)
    monkeypatch.setattr(all_events, "RETRY_MILLISECONDS", 1)
    with stage.database.snapshot() as session:
        at_once = 1 if event_feed.is_in_order(session) else 6
    jobs = {stage.submit(project=project): project for project in ("first", "second") for _ in range(4)}
    kept = settings.model_copy(update={"require_keys": True, "rate_limit": 100_000})
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(create_app(kept))) for _ in range(2)]
        projects = ["first", "first", "first", "second"]
        clients = [Client(urls, seed, tenants.header(name, "read")) for seed, name in enumerate(projects)]
        written: set[tuple[str, int]] = set()
        over = threading.Event()

        def is_over() -> bool:
            return over.is_set()

        threads = [threading.Thread(target=client.run, args=(is_over,), daemon=True) for client in clients]
        for thread, client in zip(threads, clients, strict=True):
            thread.start()
            assert client.is_ready.wait(20)  # one after the other: FastAPI builds routes at their first request
        write(stage, jobs, random, at_once)
        with stage.database.snapshot() as session:
            rows = session.execute(select(Event.job_id, Event.number).where(Event.type == "note"))
            written = {(row[0], row[1]) for row in rows}
        for client, project in zip(clients, projects, strict=True):
            mine = {each for each in written if jobs[each[0]] == project}
            wait_until(partial(_has_seen, client, mine), 40)
        over.set()
        say(stage, next(job for job in jobs if jobs[job] == "first"), "the end")  # whoever waits for a message ends
        say(stage, next(job for job in jobs if jobs[job] == "second"), "the end")
        for thread in threads:
            thread.join(20)
    assert len(written) > 60
    for client, project in zip(clients, projects, strict=True):
        seen = client.seen
        assert client.wrong == []
        assert client.connections > 5
        assert len(set(seen)) == len(seen), "told twice"
        assert {each for each in written if jobs[each[0]] == project} <= set(seen), "lost"
        for job_id in jobs:
            numbers = [number for job, number in seen if job == job_id]
            assert numbers == sorted(numbers)


def _has_seen(client: Client, events: set[tuple[str, int]]) -> bool:
    return events <= set(client.seen)


def write(stage: "Stage", jobs: Mapping[str, str], random: Random, at_once: int) -> None:
    """Events in up to so many transactions that are open together, each with a job of its own. They take their ids in
    another order than they began."""
    running: dict[str, tuple[ExitStack, ProjectSession]] = {}
    for _ in range(120):
        job_id = random.choice(list(jobs))
        if job_id not in running and len(running) < at_once:
            stack = ExitStack()
            running[job_id] = (stack, stack.enter_context(stage.database.session()))
            running[job_id][1].scalar(for_update(job_id))
        speaking = random.choice(list(running))
        _, session = running[speaking]
        job = session.scalar(for_update(speaking))
        assert job
        add_event(session, job, "note", "")
        session.flush()
        if len(running) == at_once or random.random() < 0.4:
            stack, session = running.pop(random.choice(list(running)))
            if random.random() < 0.2:
                session.rollback()
            stack.close()
        time.sleep(0.005)
    for stack, _ in running.values():
        stack.close()
