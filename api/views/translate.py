"""Turns rows of the database into response schemas."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from api import schemas
from api.http.root_path import public_path
from api.views.curve_data import CurveData, Point
from api.views.progress import progress
from jobs.paging import Page
from jobs.queries import CheckpointWithEpoch, EventWithEpoch, JobDetails, QueuedJob
from jobs.workers import ConnectedWorker
from models import Attempt, Epoch, Step
from training.number_format import plain
from training.spec import ResolvedSpec, UnknownSpec

JOBS = "/v1/jobs"

Identified = TypeVar("Identified", schemas.Key, schemas.Project, schemas.Webhook, schemas.WebhookDelivery)


def job(record: JobDetails) -> schemas.Job:
    """A job with its progress, latest and best epoch, attempts, weights and place in the queue."""
    row = record.job
    spec = ResolvedSpec.to_show(row.spec)
    return schemas.Job(
        id=row.id,
        project=row.project,
        name=row.name,
        description=row.description,
        tags=row.tags,
        spec=spec,
        dataset=schemas.JobDataset(
            name=row.dataset or spec.dataset, version=row.dataset_version, identity=row.dataset_identity
        ),
        status=row.status,
        requested=row.requested,
        priority=row.priority,
        max_retries=row.max_retries,
        accelerator=row.accelerator,
        repeats=row.repeats,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        progress=progress(record, spec),
        latest=schemas.EpochRow.model_validate(record.latest) if record.latest else None,
        best=best_epoch(record.best) if record.best else None,
        attempts=[attempt(each) for each in row.attempts],
        weights=_weights(row.id, row.weights) if row.weights else None,
        predictions=_predictions(row.id, row.predictions) if row.predictions else None,
        parent=row.parent,
        error=schemas.JobError.model_validate(row.error) if row.error else None,
        links=_links(row.id),
        queue=schemas.QueuePlace.model_validate(record.queue) if record.queue else None,
    )


def epochs(page: Page[Any], job_id: str, parameters: Mapping[str, Any]) -> schemas.Page[schemas.EpochRow]:
    """A page of epochs. `next` is never null: it is the address of epochs yet to come, too."""
    rows = [schemas.EpochRow.model_validate(epoch) for epoch in page.rows]
    last = {"after_epoch": rows[-1].epoch} if rows else {}
    following = url(f"{JOBS}/{job_id}/metrics", {**parameters, **last})
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def steps(page: Page[Step], job_id: str, parameters: Mapping[str, int]) -> schemas.Page[schemas.StepRow]:
    """A page of steps. `next` is never null: it is the address of steps yet to come, too."""
    rows = [schemas.StepRow.model_validate(step) for step in page.rows]
    last = {"after_epoch": rows[-1].epoch, "after_step": rows[-1].step} if rows else {}
    following = url(f"{JOBS}/{job_id}/steps", {**parameters, **last})
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def curve_data(record: JobDetails, rows: Sequence[Epoch]) -> CurveData:
    """The data for the picture of a job and its epochs."""
    spec = ResolvedSpec.to_show(record.job.spec)
    optimizer = spec.optimizer
    trained = f"{optimizer.name}, learning rate {plain(optimizer.learning_rate)}"
    subtitle = f"{spec.architecture.name} on {spec.dataset}   ·   {trained}"
    return CurveData(
        title=record.job.name or record.job.id,
        subtitle=f"on {spec.dataset}" if isinstance(spec, UnknownSpec) else subtitle,
        planned=spec.epochs,
        epochs=[_point(row) for row in rows],
        best=_point(record.best) if record.best else None,
    )


def event(record: EventWithEpoch) -> schemas.Event:
    """An event, with the metrics of its epoch."""
    row = record.event
    return schemas.Event(
        id=row.number,
        type=row.type,
        message=row.message,
        attempt=row.attempt,
        epoch=row.epoch,
        metrics=schemas.EpochRow.model_validate(record.epoch) if record.epoch else None,
        created_at=row.created_at,
    )


def events(page: Page[EventWithEpoch], job_id: str, parameters: Mapping[str, int]) -> schemas.Page[schemas.Event]:
    """A page of events. `next` is never null: it is the address of events yet to come, too."""
    rows = [event(record) for record in page.rows]
    last = {"after": rows[-1].id} if rows else {}
    following = url(f"{JOBS}/{job_id}/events", {**parameters, **last})
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def checkpoint(record: CheckpointWithEpoch) -> schemas.Checkpoint:
    """A checkpoint with the metrics of the epoch that it completes."""
    row = record.checkpoint
    name = _within_job(row.name)
    return schemas.Checkpoint(
        name=name,
        attempt=row.attempt,
        epoch=row.epoch,
        step=row.step,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at=row.created_at,
        metrics=schemas.EpochRow.model_validate(record.epoch) if record.epoch else None,
        usable=record.usable,
        download=f"{job_url(row.job_id)}/checkpoints/{name}",
    )


def checkpoints(page: Page[CheckpointWithEpoch], job_id: str, limit: int) -> schemas.Page[schemas.Checkpoint]:
    """A page of checkpoints. Its cursor is a position, which remains valid when that checkpoint is deleted."""
    following = None
    if page.has_more:
        last = page.rows[-1].checkpoint
        after = f"{last.epoch}-{last.step}-{last.attempt}"
        following = url(f"{JOBS}/{job_id}/checkpoints", {"after": after, "limit": limit})
    rows = [checkpoint(record) for record in page.rows]
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def queue(page: Page[QueuedJob], limit: int) -> schemas.Page[schemas.QueuedJob]:
    """A page of the queue."""
    rows = [
        schemas.QueuedJob(
            job_id=queued.job.id,
            name=queued.job.name,
            priority=queued.job.priority,
            devices=queued.job.devices,
            accelerator=queued.job.accelerator,
            requested=queued.job.requested,
            queued_at=queued.job.queued_at,
            position=queued.place.position,
            code=queued.place.code,
            reason=queued.place.reason,
        )
        for queued in page.rows
    ]
    following = url("/v1/queue", {"after": rows[-1].job_id, "limit": limit}) if page.has_more else None
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def worker(record: ConnectedWorker, project: str) -> schemas.Worker:
    """A worker with those of its jobs that `project` may see."""
    row = record.worker
    return schemas.Worker(
        id=row.id,
        state="draining" if row.draining_at else "online",
        slots=row.slots,
        busy_slots=len(record.jobs),
        jobs=[job.id for job in record.jobs if job.project == project],
        devices=row.devices,
        torch_version=row.torch_version,
        python_version=row.python_version,
        epochal_version=row.epochal_version,
        cores=row.cores,
        load_average=row.load_average,
        memory_total_bytes=row.memory_total_bytes,
        memory_available_bytes=row.memory_available_bytes,
        started_at=row.started_at,
        seen_at=row.seen_at,
    )


def single_page(items: list[schemas.Item]) -> schemas.Page[schemas.Item]:
    """A list that fits on one page."""
    return schemas.Page(data=items, has_more=False, next=None)


def page(items: list[Identified], limit: int, path: str) -> schemas.Page[Identified]:
    """A page of a list ordered by id. `items` has one item more than `limit` if there is another page."""
    rows, has_more = items[:limit], len(items) > limit
    following = url(path, {"after": rows[-1].id, "limit": limit}) if has_more else None
    return schemas.Page(data=rows, has_more=has_more, next=following)


def job_url(job_id: str) -> str:
    """The URL of a job."""
    return public_path(f"{JOBS}/{job_id}")


def best_epoch(row: Epoch) -> schemas.BestEpoch:
    """An epoch with the split that it was chosen on."""
    return schemas.BestEpoch(**dict(schemas.EpochRow.model_validate(row)), chosen_on=chosen_on(row))


def chosen_on(row: Epoch) -> Literal["validation", "test"]:
    """The split that a best epoch was chosen on: validation if that was measured, test otherwise."""
    return "test" if row.validation_accuracy is None else "validation"


def _point(row: Epoch) -> Point:
    return Point._make(getattr(row, field) for field in Point._fields)


def attempt(row: Attempt) -> schemas.Attempt:
    """An attempt, with the name of the checkpoint that it resumed from as users see it."""
    resumed_from = _within_job(row.resumed_from) if row.resumed_from else None
    return schemas.Attempt.model_validate(row).model_copy(update={"resumed_from": resumed_from})


def _within_job(name: str) -> str:
    """The name of a stored file without its prefix, the job's id."""
    return name.partition("/")[2]


def _weights(job_id: str, stored: Mapping[str, Any]) -> schemas.Weights:
    return schemas.Weights(
        size_bytes=stored["size_bytes"], sha256=stored["sha256"], download=f"{job_url(job_id)}/weights"
    )


def _predictions(job_id: str, stored: Mapping[str, Any]) -> schemas.Predictions:
    return schemas.Predictions(
        size_bytes=stored["size_bytes"], sha256=stored["sha256"], download=f"{job_url(job_id)}/predictions"
    )


def _links(job_id: str) -> schemas.JobLinks:
    here = job_url(job_id)
    return schemas.JobLinks(
        self=here,
        stream=f"{here}/stream",
        cancel=f"{here}/cancel",
        stop=f"{here}/stop",
        pause=f"{here}/pause",
        resume=f"{here}/resume",
        rerun=f"{here}/rerun",
        repeats=f"{here}/repeats",
        diagnosis=f"{here}/diagnosis",
        events=f"{here}/events",
        checkpoints=f"{here}/checkpoints",
        weights=f"{here}/weights",
        metrics=f"{here}/metrics",
        layers=f"{here}/layers",
        steps=f"{here}/steps",
        log=f"{here}/log",
        curves_svg=f"{here}/curves.svg",
        curves_png=f"{here}/curves.png",
        tensorboard=f"{here}/tensorboard.zip",
        manifest=f"{here}/manifest",
        report=f"{here}/report",
    )


def url(path: str, query: Mapping[str, Any]) -> str:
    """The URL of a page of a list."""
    return f"{public_path(path)}?{urlencode(query, doseq=True)}"
