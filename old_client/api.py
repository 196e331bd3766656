"""The API's operations as methods."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx2

from old_client.comparison import Comparison, Repeats
from old_client.connection import (
    ANY_CONNECTION_ERROR,
    CONNECTION_LOST,
    Connection,
    decode_response,
    path_to,
)
from old_client.datasets import Datasets
from old_client.diagnosis import Diagnosis
from old_client.downloads import download
from old_client.errors import EpochalError, EpochalNoStream
from old_client.estimates import DryRun
from old_client.following import EventStream, poll_job
from old_client.keys import Keys
from old_client.projects import Projects
from old_client.resources import Checkpoint, EpochRow, Event, Job, QueuedJob, StepRow, Worker
from old_client.sweeps import Sweeps
from old_client.webhooks import Webhooks


class Client:
    """A client of one service, at `url` or EPOCHAL_URL. `api_key` or EPOCHAL_API_KEY is needed if the service requires
    keys. Every method raises EpochalError.

    A GET is retried if the connection fails, or if the service is temporarily unavailable. A request that makes a job
    is retried in the same way: it has an Idempotency-Key of its own, so that it makes only one job. No other request
    that changes something is retried after an error, since it may have arrived. A request that the rate limit refused
    is always retried: it changed nothing.
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
        self.datasets = Datasets(self._connection)
        self.keys = Keys(self._connection)
        self.projects = Projects(self._connection)
        self.sweeps = Sweeps(self._connection)
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
        """Close the connections."""
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
        repeats: int | None = None,
    ) -> Job:
        """Submit a training job. `spec` needs a `dataset`; everything else has a default. A job with a higher
        `priority`, 0 to 9, runs first. `accelerator` is "cpu", "gpu" or part of a device's name. With `repeats`, up to
        20, so many jobs train it, each under a seed of its own; the one that is returned stands for all of them.
        """
        chosen = {
            "description": description,
            "priority": priority,
            "max_retries": max_retries,
            "accelerator": accelerator,
            "repeats": repeats,
        }
        given = {field: value for field, value in chosen.items() if value is not None}
        return self._make(path_to("jobs"), {"spec": dict(spec), "name": name, "tags": list(tags), **given})

    def dry_run(self, spec: Mapping[str, Any], **options: Any) -> DryRun:
        """The job that `submit` would make with the same arguments: its spec with every default, the size of its
        network, its memory, its duration, and its place in the queue. Nothing is stored.
        """
        body = {"spec": dict(spec), **options}
        response = self._connection.request(
            "POST", path_to("jobs"), query={"dry_run": True}, body=body, retry_on=ANY_CONNECTION_ERROR
        )
        return decode_response(DryRun, response)

    def rerun(self, job_id: str, **changes: Any) -> Job:
        """Submit a job again. `changes` replace arguments of its submission; None restores a default. In `spec`, give
        only the fields that differ.
        """
        return self._make(path_to("jobs", job_id, "rerun"), changes)

    def repeats(self, job_id: str, *, max_points: int | None = None) -> Repeats:
        """A job under its seeds: the jobs, and each column's mean, deviation and interval in at most `max_points`
        epochs."""
        return self._connection.get(Repeats, path_to("jobs", job_id, "repeats"), _bound(max_points))

    def repeat(self, job_id: str, repeats: int) -> Job:
        """Have the job trained under so many seeds, with its own. What has been trained is kept."""
        body = {"repeats": repeats}
        path = path_to("jobs", job_id, "repeats")
        response = self._connection.request("POST", path, body=body, retry_on=ANY_CONNECTION_ERROR)
        return decode_response(Job, response)

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
        """Every job that matches all filters, the newest first. Pages are fetched as needed.

        A job matches if it has one of the statuses, all tags, and exactly this name. Times need an offset from UTC.
        `sort` is `created_at`, `finished_at`, `name`, `priority` or `best_accuracy`; with `-` in front, the greatest
        comes first.
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
        """Change `name`, `description`, `tags` or `priority` of a job. None restores the default."""
        return self._connection.send(Job, "PATCH", path_to("jobs", job_id), changes)

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with its curves, checkpoints and weights."""
        self._connection.request("DELETE", path_to("jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancel the job and discard its weights. A running job has `requested` set until its worker has ended it."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "cancel"))

    def stop(self, job_id: str) -> Job:
        """End the job after its current step, and keep its weights."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "stop"))

    def pause(self, job_id: str) -> Job:
        """Write a checkpoint and free the device, until the job is resumed."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "pause"))

    def resume(self, job_id: str) -> Job:
        """Queue a paused job again. It continues from its checkpoint."""
        return self._connection.send(Job, "POST", path_to("jobs", job_id, "resume"))

    def compare(self, job_ids: Sequence[str], *, max_points: int | None = None) -> Comparison:
        """The curves of 2 to 10 jobs on one axis of epochs, and where their specs differ."""
        return self._connection.get(Comparison, path_to("compare"), {"job": list(job_ids), **_bound(max_points)})

    def diagnosis(self, job_id: str) -> Diagnosis:
        """What the curves of the job mean up to now, and what to try."""
        return self._connection.get(Diagnosis, path_to("jobs", job_id, "diagnosis"))

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """The checkpoints that the job can resume from, the latest step first."""
        return list(self._connection.pages(Checkpoint, path_to("jobs", job_id, "checkpoints")))

    def download_weights(self, job_id: str, path: str | Path) -> Path:
        """Save the weights of the job, a safetensors file, at `path`. The file appears there only when it is complete.
        Also raises OSError."""
        return download(self._connection, path_to("jobs", job_id, "weights"), Path(path))

    def download_checkpoint(self, checkpoint: Checkpoint, path: str | Path) -> Path:
        """Save a checkpoint, as `download_weights` does."""
        return download(self._connection, self._connection.api_path(checkpoint.download), Path(path))

    def metrics(self, job_id: str, after_epoch: int = -1, *, max_points: int | None = None) -> list[EpochRow]:
        """The epochs after `after_epoch`, in order. With `max_points`, only the epochs that a chart needs, the first,
        last and best one and the extremes among them.
        """
        query = {"after_epoch": after_epoch, **_bound(max_points)}
        return list(self._connection.pages(EpochRow, path_to("jobs", job_id, "metrics"), query))

    def steps(
        self, job_id: str, after_epoch: int = -1, after_step: int | None = None, *, max_points: int | None = None
    ) -> list[StepRow]:
        """The recorded steps of the epochs after `after_epoch`, in order. With `after_step`, also the steps of that
        epoch after this one. `max_points` is as for `metrics`.
        """
        place = {"after_epoch": after_epoch} | ({} if after_step is None else {"after_step": after_step})
        return list(self._connection.pages(StepRow, path_to("jobs", job_id, "steps"), {**place, **_bound(max_points)}))

    def events(self, job_id: str, after: int = 0) -> list[Event]:
        """The events of the job up to now, in order, after the event with the id `after`."""
        return list(self._connection.pages(Event, path_to("jobs", job_id, "events"), {"after": after}))

    def stream(self, job_id: str, after: int = 0) -> Iterator[Event]:
        """The events of the job after the one with the id `after`, past ones first, then new ones as they happen, until
        the job ends. Each event comes once, in order, even if the connection breaks. Raises EpochalNoStream if the
        service cannot stream: use `looks` then.
        """
        return EventStream(self._connection, job_id, after).events()

    def looks(self, job_id: str, *, poll_seconds: float = 0.5, wait_seconds: float = 20.0) -> Iterator[Job]:
        """The job now, then again whenever it has changed, and at least every `wait_seconds`, until it has ended. An
        older service, which cannot wait for changes, is polled every `poll_seconds`.
        """
        return poll_job(self._connection, job_id, poll_seconds, wait_seconds)

    def log(self, job_id: str) -> str:
        """The losses and accuracies of the job as text, in the format of the lab exercise."""
        return self._connection.request("GET", path_to("jobs", job_id, "log"), retry_on=CONNECTION_LOST).text

    def curves(self, job_id: str, kind: Literal["svg", "png"] = "svg") -> bytes:
        """An image of loss and accuracy over the epochs."""
        return self._connection.request(
            "GET", path_to("jobs", job_id, f"curves.{kind}"), retry_on=CONNECTION_LOST
        ).content

    def report(self, job_id: str, form: Literal["html", "md"] = "html", *, sweeps: Sequence[str] = ()) -> str:
        """The result of the job to read: an HTML page that needs nothing else, or Markdown. The answers of `sweeps`,
        by their ids, follow in it."""
        query = {"format": form, "sweep": list(sweeps)}
        path = path_to("jobs", job_id, "report")
        return self._connection.request("GET", path, query=query, retry_on=CONNECTION_LOST).text

    def queue(self) -> Iterator[QueuedJob]:
        """The queued jobs, in the order in which they are served. Pages are fetched as needed."""
        return self._connection.pages(QueuedJob, path_to("queue"))

    def workers(self) -> list[Worker]:
        """The connected workers."""
        return list(self._connection.pages(Worker, path_to("workers")))

    def ready(self) -> bool:
        """Whether the service can do its work now."""
        try:
            self._connection.request("GET", "/readyz", retry_on=CONNECTION_LOST, retry_statuses=frozenset())
        except EpochalError as error:
            if error.status == httpx2.codes.SERVICE_UNAVAILABLE:
                return False
            raise
        return True

    def wait(self, job_id: str, *, poll_seconds: float = 0.5) -> Job:
        """Wait until the job has ended, in whatever status, and return it. A paused job has not ended. `poll_seconds`
        is for an older service, as in `looks`.
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
        """Make one job, however often the request must be repeated."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        response = self._connection.request("POST", path, body=body, headers=key, retry_on=ANY_CONNECTION_ERROR)
        return decode_response(Job, response)


def _bound(max_points: int | None) -> dict[str, int]:
    return {} if max_points is None else {"max_points": max_points}
