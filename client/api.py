"""The API's operations as methods."""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx2

from client.decoding import decode
from client.errors import EpochalError, EpochalUnreachable
from client.records import EpochRow, Job, Page, StepRow, Worker

Record = TypeVar("Record")

# Before each further try of a GET whose connection failed: long enough for an API that is started again.
RETRY_AFTER_SECONDS = (0.2, 0.4, 0.8, 1.6)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Client:
    """A connection to one service. Every method raises EpochalError.

    A GET is tried again where the connection fails; nothing that changes something ever is.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        timeout_seconds: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        # No proxy of the environment leads to this machine itself.
        through_proxy = httpx2.URL(base_url).host not in LOOPBACK
        self._http = httpx2.Client(
            base_url=self.base_url, timeout=timeout_seconds, transport=transport, trust_env=through_proxy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def submit(self, spec: Mapping[str, Any], *, name: str | None = None, tags: Sequence[str] = ()) -> Job:
        """Submit a training job; `spec` needs a `dataset`, everything else has a default."""
        body = {"spec": dict(spec), "name": name, "tags": list(tags)}
        return _record(Job, self._answer("POST", "/v1/jobs", json=body))

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        return _record(Job, self._answer("GET", _job_path(job_id)))

    def jobs(self, status: str | Sequence[str] = ()) -> Iterator[Job]:
        """Every job, the newest first, of one or several statuses if asked for; pages are fetched as needed."""
        statuses = [status] if isinstance(status, str) else list(status)
        return self._pages(Job, "/v1/jobs", {"status": statuses} if statuses else None)

    def cancel(self, job_id: str) -> Job:
        """Ask for the job's end, its weights discarded. A running job says `requested` until its worker lets go."""
        return _record(Job, self._answer("POST", _job_path(job_id, "cancel")))

    def metrics(self, job_id: str, after_epoch: int = -1) -> list[EpochRow]:
        """The epochs behind `after_epoch`, in order."""
        return list(self._pages(EpochRow, _job_path(job_id, "metrics"), {"after_epoch": after_epoch}))

    def steps(self, job_id: str, after_epoch: int = -1, after_step: int | None = None) -> list[StepRow]:
        """The recorded steps of the epochs behind `after_epoch`, in order; with `after_step`, also those of that epoch
        which come behind this step.
        """
        place = {"after_epoch": after_epoch}
        if after_step is not None:
            place["after_step"] = after_step
        return list(self._pages(StepRow, _job_path(job_id, "steps"), place))

    def log(self, job_id: str) -> str:
        """The job's losses and accuracies in the lab exercise's form, line for line."""
        return self._answer("GET", _job_path(job_id, "log")).text

    def curves(self, job_id: str, kind: Literal["svg", "png"] = "svg") -> bytes:
        """An image of loss and accuracy over the epochs."""
        return self._answer("GET", _job_path(job_id, f"curves.{kind}")).content

    def workers(self) -> list[Worker]:
        """The connected workers."""
        return list(self._pages(Worker, "/v1/workers"))

    def ready(self) -> bool:
        """Whether the service can do its work now."""
        try:
            self._answer("GET", "/readyz")
        except EpochalError as error:
            if error.status == httpx2.codes.SERVICE_UNAVAILABLE:
                return False
            raise
        return True

    def wait(self, job_id: str, *, poll_seconds: float = 0.5) -> Job:
        """The job once nothing more will happen to it, however that ends."""
        while not (job := self.job(job_id)).finished:
            time.sleep(poll_seconds)
        return job

    def _pages(self, kind: type[Record], path: str, query: Mapping[str, Any] | None = None) -> Iterator[Record]:
        page = _record(Page, self._answer("GET", path, params=query))
        while True:
            for row in page.data:
                yield _decoded(kind, row)
            if not (page.has_more and page.next):
                return
            page = _record(Page, self._answer("GET", page.next))

    def _answer(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """The service's answer, when it is a good one."""
        waits = list(RETRY_AFTER_SECONDS) if method == "GET" else []
        while True:
            try:
                response = self._http.request(method, path, **content)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
                if not waits:
                    raise EpochalUnreachable(self.base_url, str(error)) from error
                time.sleep(waits.pop(0))
            except httpx2.RequestError as error:
                raise EpochalUnreachable(self.base_url, str(error)) from error
            else:
                break
        if not response.is_success:
            raise _refusal(response)
        return response


def _job_path(job_id: str, *rest: str) -> str:
    return "/".join(["/v1/jobs", quote(job_id, safe=""), *rest])


def _refusal(response: httpx2.Response) -> EpochalError:
    """A proxy in between answers without a problem: then the status is all there is."""
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return EpochalError.from_problem(_json(response), response.status_code)
    answer = f"{response.status_code} {response.reason_phrase}"
    return EpochalError(
        f"{response.url} answered {answer}.", code=f"http_{response.status_code}", status=response.status_code
    )


def _record(kind: type[Record], response: httpx2.Response) -> Record:
    return _decoded(kind, _json(response))


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise _unexpected(f"{response.url} answered no JSON") from error


def _decoded(kind: type[Record], value: object) -> Record:
    try:
        return decode(kind, value)
    except ValueError as error:
        raise _unexpected(str(error)) from error


def _unexpected(reason: str) -> EpochalError:
    return EpochalError(f"This is not an answer of Epochal's API: {reason}.", code="unexpected_answer")
