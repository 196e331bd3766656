"""A good client: it waits no longer than a request should take, and repeats what was not answered."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.chaos.contract import Offers, Verb

PATIENCE_SECONDS = 3.0

# The service is away, or busy with the same request: later, it may answer.
TRY_AGAIN = frozenset({408, 425, 429, 502, 503, 504})
INTERNAL_ERROR = 500


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """The service has answered, and what it has answered no repetition changes."""

    status: int
    body: str


class InternalError(Exception):
    """The service has failed by itself: 500. That is not to be repeated, and is a violation."""


class Heard:
    """What all clients together were answered that they were not to hear. Threads may use it together."""

    def __init__(self) -> None:
        self.internal_errors: list[str] = []
        self.repeated: Counter[int] = Counter()  # answers to repeat after, by status
        self._lock = threading.Lock()

    def note(self, method: str, path: str, answer: httpx2.Response) -> None:
        """An answer, of whatever status. A 500 is kept with the id under which the service's log has it."""
        with self._lock:
            if answer.status_code == INTERNAL_ERROR:
                request_id = answer.headers.get("x-request-id", "none")
                self.internal_errors.append(f"{method} {path}: 500, request_id {request_id}")
            elif answer.status_code in TRY_AGAIN:
                self.repeated[answer.status_code] += 1


class Client:
    """Speaks to the service at `url`. Every call returns None where it got no answer: call again later. Every call
    raises InternalError."""

    def __init__(self, url: str, heard: Heard, patience: float = PATIENCE_SECONDS) -> None:
        self._heard = heard
        self._http = httpx2.Client(base_url=url, timeout=patience, trust_env=False)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def offers(self) -> Offers | None:
        """What the service can be asked for."""
        document = self._send("GET", "/openapi.json")
        return None if document is None else Offers.of(document)

    def is_ready(self) -> bool:
        """Whether the service says that it can do its work."""
        with suppress(InternalError):  # it is noted
            return self._send("GET", "/readyz") is not None
        return False

    def submit(self, key: str, body: dict[str, Any]) -> str | None:
        """The accepted job's id. Raises Refusal."""
        try:
            job = self._send("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key})
        except Refusal as refusal:
            if refusal.status == 409 and "progress" in refusal.body:  # the same request, sent at once, is under way
                return None
            raise
        return None if job is None else str(job["id"])

    def ask(self, job_id: str, verb: Verb | str) -> bool | None:
        """Whether the job has taken the request; one that has ended, say, refuses it."""
        try:
            return None if self._send("POST", f"/v1/jobs/{job_id}/{verb}") is None else True
        except Refusal as refusal:
            if refusal.status == 409:
                return False
            raise

    def status(self, job_id: str) -> str | None:
        """Of the job. Raises Refusal."""
        job = self._send("GET", f"/v1/jobs/{job_id}")
        return None if job is None else str(job["status"])

    def epochs(self, job_id: str) -> tuple[int, ...] | None:
        """The numbers of the job's epochs, as the API lists them. Raises Refusal."""
        page = self._send("GET", f"/v1/jobs/{job_id}/metrics")
        return None if page is None else tuple(row["epoch"] for row in page["data"])

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx2.HTTPError:
            return None
        self._heard.note(method, path, answer)
        if answer.status_code == INTERNAL_ERROR:
            raise InternalError
        if answer.status_code in TRY_AGAIN:
            return None
        if answer.is_success:
            return answer.json()
        raise Refusal(answer.status_code, answer.text)
