"""Training jobs."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from epochal import types
from epochal._async.downloading import download
from epochal._async.following import AsyncEventStream, poll
from epochal._async.job import AsyncJob
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncResource
from epochal._http import given, path_to
from epochal.errors import ConflictError
from epochal.rows import Rows

Path_ = str | os.PathLike[str]

WAIT_SECONDS = 20.0  # that the service may hold back its answer to who waits for a job


class AsyncJobs(AsyncResource):
    """`client.jobs`."""

    async def create(
        self,
        spec: types.TrainingSpec | Mapping[str, Any],
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
        max_retries: int | None = None,
        accelerator: str | None = None,
        repeats: int | None = None,
    ) -> AsyncJob:
        """Submit a training job. `spec` needs a `dataset`; everything else has a default.

        A job with a higher `priority`, 0 to 9, runs first. `accelerator` is "cpu", "gpu" or part of a device's name. It
        is tried again up to `max_retries` times after a failure that may pass. With `repeats`, up to 20, so many jobs
        train it, each under a seed of its own; the one that is returned stands for all of them. However often the
        request must be repeated, it makes one job.
        """
        body = _submission(locals())
        return await self._requester.request("POST", path_to("jobs"), json=body, makes_once=True, cast=AsyncJob)

    async def dry_run(
        self,
        spec: types.TrainingSpec | Mapping[str, Any],
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
        max_retries: int | None = None,
        accelerator: str | None = None,
        repeats: int | None = None,
    ) -> types.DryRun:
        """The job that `create` would make with the same arguments: its spec with every default, the size of its
        network, its memory, its duration, and its place in the queue. Nothing is stored."""
        body = _submission(locals())
        query = {"dry_run": "true"}
        return await self._requester.request(
            "POST", path_to("jobs"), query=query, json=body, repeatable=True, cast=types.DryRun
        )

    async def retrieve(self, job_id: str) -> AsyncJob:
        """The job as it is now."""
        return await self._requester.request("GET", path_to("jobs", job_id), cast=AsyncJob)

    def list(
        self,
        *,
        status: str | Sequence[str] = (),
        dataset: str | None = None,
        architecture: str | None = None,
        tags: Sequence[str] = (),
        name: str | None = None,
        parent: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[AsyncJob]:
        """Every job that matches all filters, the newest first.

        A job matches if it has one of the statuses, all tags, and exactly this name. Times need an offset from UTC.
        `parent` is the sweep, the audit or the repeated job whose part it is. `sort` is `created_at`, `finished_at`,
        `name`, `priority` or `best_accuracy`; with `-` in front, the greatest comes first. `limit` is a page's size.
        """
        return AsyncPages(self._requester, AsyncJob, path_to("jobs"), _filters(locals()))

    def summaries(
        self,
        *,
        ids: Sequence[str] = (),
        search: str | None = None,
        status: str | Sequence[str] = (),
        dataset: str | None = None,
        architecture: str | None = None,
        tags: Sequence[str] = (),
        name: str | None = None,
        parent: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[types.JobSummary]:
        """The same as rows of a table, which are shorter and come up to a thousand at once. `ids` are up to a hundred
        jobs. `search` is a part of a name or an id, or a whole tag, in any case."""
        return AsyncPages(self._requester, types.JobSummary, path_to("job-summaries"), _filters(locals()))

    async def update(self, job_id: str, **changes: Any) -> AsyncJob:
        """Change `name`, `description`, `tags` or `priority` of a job. None restores the default."""
        # To set a value again is harmless, so that the request may be repeated.
        return await self._requester.request(
            "PATCH", path_to("jobs", job_id), json=changes, repeatable=True, cast=AsyncJob
        )

    async def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with its curves, checkpoints and weights."""
        await self._requester.request("DELETE", path_to("jobs", job_id))

    async def rerun(self, job_id: str, **changes: Any) -> AsyncJob:
        """Submit a job again. `changes` replace arguments of its submission; None restores a default. In `spec`, give
        only the fields that differ."""
        path = path_to("jobs", job_id, "rerun")
        return await self._requester.request("POST", path, json=changes, makes_once=True, cast=AsyncJob)

    async def cancel(self, job_id: str) -> AsyncJob:
        """Cancel the job and discard its weights. A running job has `requested` set until its worker has ended it."""
        return await self._act(job_id, "cancel")

    async def stop(self, job_id: str) -> AsyncJob:
        """End the job after its current step, and keep its weights."""
        return await self._act(job_id, "stop")

    async def pause(self, job_id: str) -> AsyncJob:
        """Write a checkpoint and free the device, until the job is resumed."""
        return await self._act(job_id, "pause")

    async def resume(self, job_id: str) -> AsyncJob:
        """Queue a paused job again. It continues from its checkpoint."""
        try:
            return await self._act(job_id, "resume")
        except ConflictError as error:
            if not (error.after_loss and error.code == "job_not_paused"):
                raise
            return await self.retrieve(job_id)  # an earlier try has resumed it

    async def repeats(self, job_id: str, *, max_points: int | None = None) -> types.Repeats:
        """A job under its seeds: the jobs, and each column's mean, deviation and interval in at most `max_points`
        epochs."""
        query = given({"max_points": max_points})
        return await self._requester.request("GET", path_to("jobs", job_id, "repeats"), query=query, cast=types.Repeats)

    async def repeat(self, job_id: str, repeats: int) -> AsyncJob:
        """Have the job trained under so many seeds, with its own. What has been trained is kept."""
        path = path_to("jobs", job_id, "repeats")
        return await self._requester.request("POST", path, json={"repeats": repeats}, repeatable=True, cast=AsyncJob)

    async def metrics(
        self, job_id: str, after_epoch: int = -1, *, max_points: int | None = None
    ) -> Rows[types.EpochRow]:
        """The epochs after `after_epoch`, in order. With `max_points`, only the epochs that a chart needs: the first,
        last and best one and the extremes among them."""
        query = given({"after_epoch": after_epoch, "max_points": max_points})
        pages = AsyncPages(self._requester, types.EpochRow, path_to("jobs", job_id, "metrics"), query)
        return Rows(await pages.to_list())

    async def steps(
        self, job_id: str, after_epoch: int = -1, after_step: int | None = None, *, max_points: int | None = None
    ) -> Rows[types.StepRow]:
        """The recorded steps of the epochs after `after_epoch`, in order. With `after_step`, also the steps of that
        epoch after this one. `max_points` is as for `metrics`."""
        query = given({"after_epoch": after_epoch, "after_step": after_step, "max_points": max_points})
        pages = AsyncPages(self._requester, types.StepRow, path_to("jobs", job_id, "steps"), query)
        return Rows(await pages.to_list())

    async def layers(self, job_id: str, epoch: int | None = None) -> types.EpochLayers:
        """The gradient norm and the update ratio of each layer, in `epoch` or in the last one."""
        query = given({"epoch": epoch})
        return await self._requester.request(
            "GET", path_to("jobs", job_id, "layers"), query=query, cast=types.EpochLayers
        )

    def events(self, job_id: str, after: int = 0) -> AsyncPages[types.Event]:
        """The events of the job up to now, in order, after the event with the id `after`."""
        query = {"after": after} if after else {}
        return AsyncPages(self._requester, types.Event, path_to("jobs", job_id, "events"), query)

    def stream(self, job_id: str, after: int = 0) -> AsyncIterator[types.Event]:
        """The events of the job after the one with the id `after`, past ones first, then new ones as they happen, until
        the job ends. Each comes once, in order, even if the connection breaks or the service starts again. Raises
        StreamNotAvailableError if the service cannot stream: use `poll` then."""
        return AsyncEventStream(self._requester, job_id, after).messages()

    def poll(self, job_id: str, *, wait: float = WAIT_SECONDS) -> AsyncIterator[AsyncJob]:
        """The job now, then again whenever it has changed, and at least every `wait` seconds, until it has ended."""
        return poll(self._requester, path_to("jobs", job_id), AsyncJob, _is_over, wait)

    async def wait(self, job_id: str, *, timeout: float | None = None) -> AsyncJob:
        """Wait until the job has ended, in whatever status, and return it. A paused job has not ended. Raises
        TimeoutError after `timeout` seconds; the job goes on."""
        until = None if timeout is None else time.monotonic() + timeout
        async for each in poll(self._requester, path_to("jobs", job_id), AsyncJob, _is_over, WAIT_SECONDS, until):
            job = each
        if not job.finished:
            raise TimeoutError(f"The job {job_id} is still {job.status} after {timeout} seconds; it goes on.")
        return job

    async def log(self, job_id: str) -> str:
        """The losses and accuracies of the job as text, in the format of the lab exercise."""
        return (await self._requester.request("GET", path_to("jobs", job_id, "log"))).text

    async def curves(self, job_id: str, format: Literal["svg", "png"] = "svg") -> bytes:  # the API's name
        """An image of loss and accuracy over the epochs."""
        return await self._bytes(path_to("jobs", job_id, f"curves.{format}"))

    async def diagnosis(self, job_id: str) -> types.Diagnosis:
        """What the curves of the job mean up to now, and what to try."""
        return await self._requester.request("GET", path_to("jobs", job_id, "diagnosis"), cast=types.Diagnosis)

    async def manifest(self, job_id: str) -> types.JobManifest:
        """Everything that it takes to get this result again."""
        return await self._requester.request("GET", path_to("jobs", job_id, "manifest"), cast=types.JobManifest)

    async def report(
        self,
        job_id: str,
        format: Literal["html", "md"] = "html",
        *,
        sweeps: Sequence[str] = (),
    ) -> str:
        """The result of the job to read: an HTML page that needs nothing else, or Markdown. The answers of `sweeps`,
        by their ids, follow in it."""
        query = {"format": format, "sweep": [*sweeps]}
        return (await self._requester.request("GET", path_to("jobs", job_id, "report"), query=query)).text

    def checkpoints(self, job_id: str) -> AsyncPages[types.Checkpoint]:
        """The checkpoints that the job can resume from, the latest step first."""
        return AsyncPages(self._requester, types.Checkpoint, path_to("jobs", job_id, "checkpoints"))

    async def download_checkpoint(self, checkpoint: types.Checkpoint, path: Path_) -> Path:
        """Save a checkpoint, as `weights` does."""
        return await download(self._requester, self._requester.api_path(checkpoint.download), path)

    async def weights(self, job_id: str, path: Path_) -> Path:
        """Save the weights of the job, a safetensors file, at `path`, where it appears only when it is complete. A
        connection that breaks is taken up where it broke. Also raises OSError."""
        return await download(self._requester, path_to("jobs", job_id, "weights"), path)

    async def predictions(self, job_id: str, path: Path_) -> Path:
        """Save what its network takes each test image for, a safetensors file, as `weights` does."""
        return await download(self._requester, path_to("jobs", job_id, "predictions"), path)

    async def tensorboard(self, job_id: str, path: Path_) -> Path:
        """Save its curves as a zip of a folder for TensorBoard."""
        return await download(self._requester, path_to("jobs", job_id, "tensorboard.zip"), path)

    async def export_to_mlflow(self, job_id: str) -> types.MlflowRun:
        """Write the job to the MLflow server that the service is set up with."""
        path = path_to("jobs", job_id, "export", "mlflow")
        return await self._requester.request("POST", path, repeatable=True, cast=types.MlflowRun)

    async def evaluation(self, job_id: str) -> types.Evaluation:
        """How the network does on each class of the test images."""
        return await self._requester.request("GET", path_to("jobs", job_id, "evaluation"), cast=types.Evaluation)

    async def confusion(self, job_id: str) -> types.Confusion:
        """How often each class was taken for each other one."""
        return await self._requester.request("GET", path_to("jobs", job_id, "confusion"), cast=types.Confusion)

    async def picture(
        self, job_id: str, kind: Literal["confusion.svg", "confusion.csv", "reliability.svg", "mistakes.png"]
    ) -> bytes:
        """The confusion matrix, how reliable its probabilities are, or the images that it was most wrongly sure of."""
        return await self._bytes(path_to("jobs", job_id, kind))

    async def _act(self, job_id: str, verb: str) -> AsyncJob:
        # Asking twice is asking once.
        return await self._requester.request("POST", path_to("jobs", job_id, verb), repeatable=True, cast=AsyncJob)


def _is_over(job: AsyncJob) -> bool:
    return job.finished


def _filters(arguments: dict[str, Any]) -> dict[str, Any]:
    """The query of a list."""
    status, after, before = (arguments[name] for name in ("status", "created_after", "created_before"))
    query = {
        **({"id": [*arguments["ids"]]} if "ids" in arguments else {}),
        "search": arguments.get("search"),
        "status": [status] if isinstance(status, str) else [*status],
        "dataset": arguments["dataset"],
        "architecture": arguments["architecture"],
        "tag": [*arguments["tags"]],
        "name": arguments["name"],
        "parent": arguments["parent"],
        "created_after": after.isoformat() if after else None,
        "created_before": before.isoformat() if before else None,
        "sort": arguments["sort"],
        "limit": arguments["limit"],
    }
    return given(query)


def _submission(arguments: dict[str, Any]) -> dict[str, Any]:
    body = given({name: value for name, value in arguments.items() if name != "self"})
    return {**body, **({"tags": [*body["tags"]]} if "tags" in body else {})}
