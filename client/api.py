"""The API's operations as methods."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx2

from client.decoding import decode
from client.errors import EpochalError, EpochalUnreachable
from client.records import Checkpoint, EpochRow, Job, Page, QueuedJob, StepRow, Worker

Record = TypeVar("Record")

# Before each further try: long enough together for an API that is started again.
RETRY_AFTER_SECONDS = (0.2, 0.4, 0.8, 1.6)
# Of a proxy without a service behind it, or of a service without its database.
NOT_NOW = frozenset({502, 503, 504})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Client:
    """A connection to one service. Every method raises EpochalError.

    A GET is tried again where the connection fails. So is what makes a job, and that also where the service answers
    that it cannot now: it goes out under an Idempotency-Key of its own, so that it makes one job however often it
    arrives. Nothing else that changes something is sent twice.
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

    def submit(
        self,
        spec: Mapping[str, Any],
        *,
        name: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        max_retries: int | None = None,
        accelerator: str | None = None,
    ) -> Job:
        """Submit a training job; `spec` needs a `dataset`, everything else has a default. Of two jobs, the one of the
        higher `priority`, 0 to 9, goes first; `accelerator` is "cpu", "gpu" or part of a device's name.
        """
        chosen = {"priority": priority, "max_retries": max_retries, "accelerator": accelerator}
        given = {field: value for field, value in chosen.items() if value is not None}
        return self._make("/v1/jobs", {"spec": dict(spec), "name": name, "tags": list(tags), **given})

    def rerun(self, job_id: str, **changes: Any) -> Job:
        """Submit a job again, with `changes` to what it was submitted with: `spec`, of which only what is to be
        different, and what `submit` takes beside it; None is the default.
        """
        return self._make(_job_path(job_id, "rerun"), changes)

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

    def stop(self, job_id: str) -> Job:
        """Ask for the job's end after its current step, its weights kept."""
        return _record(Job, self._answer("POST", _job_path(job_id, "stop")))

    def pause(self, job_id: str) -> Job:
        """Ask for a checkpoint, and for the device to be free until the job is resumed."""
        return _record(Job, self._answer("POST", _job_path(job_id, "pause")))

    def resume(self, job_id: str) -> Job:
        """Queue a paused job again, to go on from its checkpoint."""
        return _record(Job, self._answer("POST", _job_path(job_id, "resume")))

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """What the job can go on from, the furthest first."""
        return list(self._pages(Checkpoint, _job_path(job_id, "checkpoints")))

    def download_weights(self, job_id: str, path: str | Path) -> Path:
        """Save the job's weights, a safetensors file, at `path`, whole or not at all. Also raises OSError."""
        path = Path(path)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            self._download(_job_path(job_id, "weights"), part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

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

    def queue(self) -> Iterator[QueuedJob]:
        """The jobs that wait, in the order in which they are served; pages are fetched as needed."""
        return self._pages(QueuedJob, "/v1/queue")

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
        """The job once nothing more will happen to it, however that ends. A paused one is waited for."""
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
        waits = iter(RETRY_AFTER_SECONDS if method == "GET" else ())
        while True:
            try:
                return _good(self._http.request(method, path, **content))
            except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
                self._wait(waits, EpochalUnreachable(self.base_url, str(error)))
            except httpx2.RequestError as error:
                raise EpochalUnreachable(self.base_url, str(error)) from error

    def _make(self, path: str, body: Mapping[str, Any]) -> Job:
        """A new job, one however often this has to ask."""
        key, waits = str(uuid.uuid4()), iter(RETRY_AFTER_SECONDS)
        while True:
            try:
                response = self._http.post(path, json=dict(body), headers={"Idempotency-Key": key})
            except httpx2.RequestError as error:
                self._wait(waits, EpochalUnreachable(self.base_url, str(error)))
                continue
            if response.status_code not in NOT_NOW:
                return _record(Job, _good(response))
            self._wait(waits, _refusal(response))

    def _wait(self, waits: Iterator[float], reason: EpochalError) -> None:
        """Before the next try; raises `reason` where there is none."""
        seconds = next(waits, None)
        if seconds is None:
            raise reason
        time.sleep(seconds)

    def _download(self, path: str, destination: Path) -> None:
        digest = sha256()
        try:
            with self._http.stream("GET", path) as response, destination.open("xb") as file:
                if not response.is_success:
                    response.read()
                    raise _refusal(response)
                for block in response.iter_bytes():
                    digest.update(block)
                    file.write(block)
        except httpx2.RequestError as error:
            raise EpochalUnreachable(self.base_url, str(error)) from error
        if response.headers.get("ETag") != f'"{digest.hexdigest()}"':
            raise EpochalError(f"{response.url} did not come over whole.", code="damaged_download")


def _job_path(job_id: str, *rest: str) -> str:
    return "/".join(["/v1/jobs", quote(job_id, safe=""), *rest])


def _good(response: httpx2.Response) -> httpx2.Response:
    if not response.is_success:
        raise _refusal(response)
    return response


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
