"""The API's operations as methods."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx2

from client.comparison import Comparison
from client.connection import CUT, NO_ANSWER, RETRY_AFTER_SECONDS, Connection, Tries, path_to, record
from client.errors import EpochalError, EpochalNoStream, without_login
from client.estimates import DryRun
from client.following import Following, looks
from client.keys import Keys
from client.projects import Projects
from client.records import Checkpoint, EpochRow, Event, Job, QueuedJob, StepRow, Worker
from client.webhooks import Webhooks


class Client:
    """A connection to one service, at `url` or EPOCHAL_URL, with `api_key` or EPOCHAL_API_KEY where it asks for one.
    Every method raises EpochalError.

    A GET is tried again where the connection fails, or where the service cannot answer now. So is what makes a job: it
    goes out under an Idempotency-Key of its own, so that it makes one job however often it arrives. Nothing else that
    changes something is sent twice, but for what was over the key's rate limit: then nothing has happened yet.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(url, api_key, timeout_seconds, transport)
        self.base_url = self._connection.url
        self.keys = Keys(self._connection)
        self.projects = Projects(self._connection)
        self.webhooks = Webhooks(self._connection)

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()

    def submit(
        self,
        spec: Mapping[str, Any],
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        max_retries: int | None = None,
        accelerator: str | None = None,
    ) -> Job:
        """Submit a training job; `spec` needs a `dataset`, everything else has a default. Of two jobs, the one of the
        higher `priority`, 0 to 9, goes first; `accelerator` is "cpu", "gpu" or part of a device's name.
        """
        chosen = {
            "description": description,
            "priority": priority,
            "max_retries": max_retries,
            "accelerator": accelerator,
        }
        given = {field: value for field, value in chosen.items() if value is not None}
        return self._make(path_to("jobs"), {"spec": dict(spec), "name": name, "tags": list(tags), **given})

    def dry_run(self, spec: Mapping[str, Any], **options: Any) -> DryRun:
        """What `submit` would make of the same arguments: every default, the network's size, its memory and time, and
        its place in the queue. Nothing is stored.
        """
        body = {"spec": dict(spec), **options}
        response = self._connection.ask(
            "POST", path_to("jobs"), query={"dry_run": True}, body=body, again_after=NO_ANSWER
        )
        return record(DryRun, response)

    def rerun(self, job_id: str, **changes: Any) -> Job:
        """Submit a job again, with `changes` to what it was submitted with: `spec`, of which only what is to be
        different, and what `submit` takes beside it; None is the default.
        """
        return self._make(path_to("jobs", job_id, "rerun"), changes)

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        return self._connection.get(Job, path_to("jobs", job_id))

    def jobs(
        self,
        status: str | Sequence[str] = (),
        *,
        dataset: str | None = None,
        architecture: str | None = None,
        tags: Sequence[str] = (),
        name: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[Job]:
        """Every job that is all of this, the newest first; pages are fetched as needed.

        One or several statuses, every tag, the whole name, times with an offset from UTC. `sort` is `created_at`,
        `finished_at`, `name`, `priority` or `best_accuracy`, with `-` the greatest first.
        """
        asked = {
            "status": [status] if isinstance(status, str) else list(status),
            "dataset": dataset,
            "architecture": architecture,
            "tag": list(tags),
            "name": name,
            "created_after": created_after.isoformat() if created_after else None,
            "created_before": created_before.isoformat() if created_before else None,
            "sort": sort,
            "limit": page_size,
        }
        query = {field: value for field, value in asked.items() if value not in (None, [])}
        return self._connection.pages(Job, path_to("jobs"), query or None)

    def change(self, job_id: str, **changes: Any) -> Job:
        """Change its `name`, `description`, `tags` or `priority`; None is the default."""
        return self._connection.send(Job, "PATCH", path_to("jobs", job_id), changes)

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with its curves, checkpoints and weights."""
        self._connection.ask("DELETE", path_to("jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """Ask for the job's end, its weights discarded. A running job says `requested` until its worker lets go."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "cancel"))

    def stop(self, job_id: str) -> Job:
        """Ask for the job's end after its current step, its weights kept."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "stop"))

    def pause(self, job_id: str) -> Job:
        """Ask for a checkpoint, and for the device to be free until the job is resumed."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "pause"))

    def resume(self, job_id: str) -> Job:
        """Queue a paused job again, to go on from its checkpoint."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "resume"))

    def compare(self, job_ids: Sequence[str], *, max_points: int | None = None) -> Comparison:
        """The curves of 2 to 10 jobs on one axis of epochs, and where their specs differ."""
        return self._connection.get(Comparison, path_to("compare"), {"job": list(job_ids), **_bound(max_points)})

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """What the job can go on from, the furthest first."""
        return list(self._connection.pages(Checkpoint, path_to("jobs", job_id, "checkpoints")))

    def download_weights(self, job_id: str, path: str | Path) -> Path:
        """Save the job's weights, a safetensors file, at `path`, whole or not at all. Also raises OSError."""
        return self._download(path_to("jobs", job_id, "weights"), Path(path))

    def download_checkpoint(self, checkpoint: Checkpoint, path: str | Path) -> Path:
        """Save a checkpoint the same way."""
        return self._download(self._connection.given(checkpoint.download), Path(path))

    def metrics(self, job_id: str, after_epoch: int = -1, *, max_points: int | None = None) -> list[EpochRow]:
        """The epochs behind `after_epoch`, in order. With `max_points`, only those that a chart of them needs: the
        first, the last, the best and the extremes among them.
        """
        query = {"after_epoch": after_epoch, **_bound(max_points)}
        return list(self._connection.pages(EpochRow, path_to("jobs", job_id, "metrics"), query))

    def steps(
        self, job_id: str, after_epoch: int = -1, after_step: int | None = None, *, max_points: int | None = None
    ) -> list[StepRow]:
        """The recorded steps of the epochs behind `after_epoch`, in order; with `after_step`, also those of that epoch
        which come behind this step. `max_points` is as for `metrics`.
        """
        place = {"after_epoch": after_epoch} | ({} if after_step is None else {"after_step": after_step})
        return list(self._connection.pages(StepRow, path_to("jobs", job_id, "steps"), {**place, **_bound(max_points)}))

    def events(self, job_id: str, after: int = 0) -> list[Event]:
        """What has happened to the job by now, in order, behind the event with this id."""
        return list(self._connection.pages(Event, path_to("jobs", job_id, "events"), {"after": after}))

    def stream(self, job_id: str, after: int = 0) -> Iterator[Event]:
        """What has happened to the job, behind the event with this id, and then what happens, as it happens, until the
        job ends. Each event comes once, in order, whatever becomes of the connection. Raises EpochalNoStream where
        `looks` is all there is.
        """
        return Following(self._connection, job_id, after).events()

    def looks(self, job_id: str, *, poll_seconds: float = 0.5, wait_seconds: float = 20.0) -> Iterator[Job]:
        """The job now, as soon as it has changed, and at the latest after `wait_seconds`, until nothing more will
        happen to it. An older service, which does not wait for changes, is asked every `poll_seconds`.
        """
        return looks(self._connection, job_id, poll_seconds, wait_seconds)

    def log(self, job_id: str) -> str:
        """The job's losses and accuracies in the lab exercise's form, line for line."""
        return self._connection.ask("GET", path_to("jobs", job_id, "log"), again_after=CUT).text

    def curves(self, job_id: str, kind: Literal["svg", "png"] = "svg") -> bytes:
        """An image of loss and accuracy over the epochs."""
        return self._connection.ask("GET", path_to("jobs", job_id, f"curves.{kind}"), again_after=CUT).content

    def queue(self) -> Iterator[QueuedJob]:
        """The jobs that wait, in the order in which they are served; pages are fetched as needed."""
        return self._connection.pages(QueuedJob, path_to("queue"))

    def workers(self) -> list[Worker]:
        """The connected workers."""
        return list(self._connection.pages(Worker, path_to("workers")))

    def ready(self) -> bool:
        """Whether the service can do its work now."""
        try:
            self._connection.ask("GET", "/readyz", again_after=CUT, not_now=frozenset())
        except EpochalError as error:
            if error.status == httpx2.codes.SERVICE_UNAVAILABLE:
                return False
            raise
        return True

    def wait(self, job_id: str, *, poll_seconds: float = 0.5) -> Job:
        """The job once nothing more will happen to it, however that ends. A paused one is waited for. `poll_seconds` is
        for an older service, as in `looks`.
        """
        try:
            for _event in self.stream(job_id):
                pass
        except EpochalNoStream:
            pass
        for job in self.looks(job_id, poll_seconds=poll_seconds):
            last = job
        return last

    def _make(self, path: str, body: Mapping[str, Any]) -> Job:
        """A new job, one however often this has to ask."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return record(Job, self._connection.ask("POST", path, body=body, headers=key, again_after=NO_ANSWER))

    def _download(self, address: str, path: Path) -> Path:
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            self._save(address, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def _save(self, address: str, destination: Path) -> None:
        """From where it broke off, as long as each try brings something."""
        digest, headers, tries = sha256(), dict[str, str](), Tries(RETRY_AFTER_SECONDS)
        with destination.open("xb") as file:
            while True:
                response = self._connection.ask("GET", address, headers=headers, again_after=CUT, stream=True)
                tag, began = response.headers.get("ETag"), file.tell()
                try:
                    if began and response.status_code != httpx2.codes.PARTIAL_CONTENT:  # another file, or all of it
                        began, digest = file.seek(0), sha256()
                        file.truncate()
                    for block in response.iter_bytes():
                        digest.update(block)
                        file.write(block)
                    break
                except httpx2.RequestError as error:
                    if file.tell() > began:
                        tries = Tries(RETRY_AFTER_SECONDS)
                    tries.wait(self._connection.unreachable(error))
                finally:
                    response.close()
                headers = {"Range": f"bytes={file.tell()}-", "If-Range": tag} if tag and file.tell() else {}
        if tag != f'"{digest.hexdigest()}"':
            raise EpochalError(f"{without_login(str(response.url))} did not come over whole.", code="damaged_download")


def _bound(max_points: int | None) -> dict[str, int]:
    return {} if max_points is None else {"max_points": max_points}
