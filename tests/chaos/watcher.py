"""Watchers who follow jobs' streams, and come back as the standard says whenever one breaks off."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.chaos.client import Heard
from tests.chaos.workload import Workload

AT_ONCE = 12  # jobs that are followed
SILENCE_SECONDS = 20.0  # more than the service lets pass without a word
RETRY_SECONDS = 0.2
ROUND_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Told:
    """What one watcher was told of one job, from its first event on, over however many connections."""

    job_id: str
    event_ids: tuple[int, ...]
    epochs: tuple[int, ...]
    ended_as: str | None  # None: nobody has said so yet


class Watchers:
    """They begin with the first job, and follow every one that there is room for, until `stop`."""

    def __init__(self, url: str, workload: Workload, heard: Heard) -> None:
        self._heard = heard
        self.told: list[Told] = []
        self.problems: list[str] = []
        self._url = url
        self._workload = workload
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="watcher")
        self._thread = threading.Thread(target=self._begin, name="watchers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let those that are told of an end soon be told of it, and follow nothing new."""
        self._stopping.set()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _begin(self) -> None:
        followed: set[str] = set()
        while not self._stopping.wait(ROUND_SECONDS):
            for ticket in self._workload.tickets:
                if ticket.job_id not in followed:
                    followed.add(ticket.job_id)
                    self._pool.submit(self._follow, ticket.job_id)

    def _follow(self, job_id: str) -> None:
        events: list[tuple[int, str, int | None]] = []
        ended = None
        try:
            while ended is None and not self._stopping.is_set():
                ended = self._connection(job_id, events)
                time.sleep(0 if ended else RETRY_SECONDS)
        except Exception as error:  # whatever a watcher meets must be judged
            self.problems.append(f"stream of {job_id}: {type(error).__name__}: {error}")
        ids = tuple(event_id for event_id, _, _ in events)
        epochs = tuple(epoch for _, kind, epoch in events if kind == "epoch" and epoch is not None)
        self.told.append(Told(job_id, ids, epochs, ended))

    def _connection(self, job_id: str, events: list[tuple[int, str, int | None]]) -> str | None:
        """One connection, until it ends in whatever way. How the job ended, if that was said."""
        headers = {"Last-Event-ID": str(events[-1][0])} if events else {}
        path = f"{self._url}/v1/jobs/{job_id}/stream"
        try:
            with httpx2.stream("GET", path, headers=headers, timeout=SILENCE_SECONDS, trust_env=False) as answer:
                self._heard.note("GET", answer.request.url.path, answer)
                if answer.status_code == 204:
                    return events[-1][1]
                if answer.status_code >= 500:
                    return None
                answer.raise_for_status()
                return self._read(answer, events)
        except httpx2.TransportError:
            return None

    def _read(self, answer: httpx2.Response, events: list[tuple[int, str, int | None]]) -> str | None:
        for kind, data in _messages(answer.iter_lines()):
            if kind == "end":
                return str(data["status"])
            events.append((data["id"], kind, data["epoch"]))
            if self._stopping.is_set():
                return None
        return None


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "data" in fields:
                yield fields["event"], json.loads(fields["data"])
            fields = {}
