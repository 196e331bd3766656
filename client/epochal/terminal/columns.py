"""What the tables of the command line show of each kind of record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from epochal.terminal import formats
from epochal.terminal.tables import Column, number

STATUS_COLOURS: dict[str, tuple[str, ...]] = {
    "running": ("cyan",),
    "starting": ("cyan",),
    "paused": ("yellow",),
    "stopped": ("yellow",),
    "succeeded": ("green",),
    "ready": ("green",),
    "online": ("green",),
    "failed": ("red",),
    "draining": ("yellow",),
    "cancelled": ("dim",),
}


def status_colour(record: Any) -> tuple[str, ...]:
    """The colour of a record's status."""
    return STATUS_COLOURS.get(str(record.status), ())


def accuracy(row: Any) -> float | None:
    """The validation accuracy of an epoch, or else its test accuracy."""
    if row is None:
        return None
    validation: float | None = row.validation_accuracy
    return row.test_accuracy if validation is None else validation


def progress(job: Any) -> str:
    """How far a job is."""
    done = job.progress.epochs if job.status == "succeeded" else job.progress.epoch or 0
    return f"{done}/{job.progress.epochs}"


def left(job: Any, now: datetime) -> str | None:
    """How long a job is expected to take from now on. None where that is not known, or already over."""
    finish = job.progress.estimated_finish
    return None if finish is None or job.finished_at or finish <= now else formats.clock(finish - now)


def _left_or_age(job: Any, now: datetime) -> str:
    time_left = left(job, now)
    return f"{time_left} left" if time_left else formats.ago(job.finished_at or job.created_at, now)


def _seen(worker: Any) -> tuple[str, ...]:
    return STATUS_COLOURS.get(str(worker.state), ())


def _scopes(key: Any, _now: datetime) -> str:
    return ", ".join(key.scopes)


def _key_state(key: Any, now: datetime) -> str:
    if key.revoked_at:
        return f"revoked {formats.ago(key.revoked_at, now)}"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if key.expires_at <= now else 'expires'} {formats.ago(key.expires_at, now)}"


def _of(used: float, most: float | None) -> str:
    return f"{formats.count(used)}{'' if most is None else f' of {formats.count(most)}'}"


def _sizes(used: int, most: int | None) -> str:
    return f"{formats.size(used)}{'' if most is None else f' of {formats.size(most)}'}"


def _hours(project: Any) -> str:
    most = project.max_device_hours
    return f"{project.usage.device_hours:.1f}{'' if most is None else f' of {most:.1f}'}"


def _best_result(recipe: Any) -> Any:
    return max(recipe.results, key=lambda result: result.test_accuracy_mean, default=None)


def _result(recipe: Any, _now: datetime) -> str | None:
    best = _best_result(recipe)
    if best is None:
        return None
    return f"{best.test_accuracy_mean:.2%} on {best.dataset} ({best.architecture}, {best.epochs} epochs)"


def _names(model: Any, _now: datetime) -> str:
    return ", ".join(f"{name.name}:{'/'.join([str(name.version), *name.aliases])}" for name in model.names)


def _image(dataset: Any, _now: datetime) -> str | None:
    if dataset.image_size is None or dataset.channels is None:
        return None
    return f"{dataset.image_size} px, {'grey' if dataset.channels == 1 else 'colour'}"


ID = Column("ID", lambda record, _: record.id, 9, id=True)
NAME = Column("NAME", lambda record, _: record.name, 8, least=16)
STATUS = Column("STATUS", lambda record, _: record.status, 9, colour=status_colour)
CREATED = Column("CREATED", lambda record, now: formats.ago(record.created_at, now), 3)

JOBS = (
    ID,
    NAME,
    STATUS,
    number("EPOCHS", lambda job, _: progress(job), 6),
    number("BEST", lambda job, _: formats.percent(accuracy(job.best)), 7),
    Column("ARCHITECTURE", lambda job, _: job.spec["architecture"]["name"], 4, least=8),
    Column("DATASET", lambda job, _: job.dataset.name, 5, least=8),
    Column("WHEN", lambda job, now: _left_or_age(job, now), 6),
)

RUNNING = (
    Column("JOB", lambda job, _: job.name or job.id, 9, least=14),
    STATUS,
    number("EPOCHS", lambda job, _: progress(job), 7),
    number("LOSS", lambda job, _: formats.loss(job.latest.train_loss if job.latest else None), 5),
    number("ACCURACY", lambda job, _: formats.percent(accuracy(job.latest)), 6),
    number("BEST", lambda job, _: formats.percent(accuracy(job.best)), 4),
    number("LR", lambda job, _: formats.short(job.latest.learning_rate if job.latest else None), 2),
    number("IMAGES/S", lambda job, _: formats.count(job.latest.images_per_second if job.latest else None), 3),
    number("LEFT", left, 8),
)

METRICS = (
    number("EPOCH", lambda row, _: row.epoch, 9),
    number("TRAIN LOSS", lambda row, _: formats.loss(row.train_loss), 8),
    number("TRAIN ACC", lambda row, _: formats.percent(row.train_accuracy), 8),
    number("VAL LOSS", lambda row, _: formats.loss(row.validation_loss), 6),
    number("VAL ACC", lambda row, _: formats.percent(row.validation_accuracy), 6),
    number("TEST LOSS", lambda row, _: formats.loss(row.test_loss), 8),
    number("TEST ACC", lambda row, _: formats.percent(row.test_accuracy), 8),
    number("TOP-5", lambda row, _: formats.percent(row.test_top5_accuracy), 3),
    number("LR", lambda row, _: formats.short(row.learning_rate), 5),
    number("TIME", lambda row, _: formats.seconds(row.seconds), 4),
    number("IMAGES/S", lambda row, _: formats.count(row.images_per_second), 4),
    number("MEMORY", lambda row, _: formats.size(row.device_memory_bytes), 2),
    number("GRAD NORM", lambda row, _: formats.short(row.gradient_norm), 1),
)

STEPS = (
    number("EPOCH", lambda row, _: row.epoch, 9),
    number("STEP", lambda row, _: row.step, 9),
    number("LOSS", lambda row, _: formats.loss(row.loss), 8),
    number("LR", lambda row, _: formats.short(row.learning_rate), 7),
    number("ATTEMPT", lambda row, _: row.attempt, 5),
)

WORKERS = (
    Column("WORKER", lambda worker, _: worker.id, 9, least=12),
    Column("STATE", lambda worker, _: worker.state, 8, colour=_seen),
    number("SLOTS", lambda worker, _: f"{worker.busy_slots}/{worker.slots}", 8),
    Column("DEVICES", lambda worker, _: ", ".join(worker.devices), 6, least=12),
    number("LOAD", lambda worker, _: formats.short(worker.load_average), 4),
    number("MEMORY FREE", lambda worker, _: formats.size(worker.memory_available_bytes), 4),
    Column("TORCH", lambda worker, _: worker.torch_version, 3),
    Column("EPOCHAL", lambda worker, _: worker.epochal_version, 2),
    Column("STARTED", lambda worker, now: formats.ago(worker.started_at, now), 2),
    Column("SEEN", lambda worker, now: formats.ago(worker.seen_at, now), 7),
)

QUEUE = (
    number("PLACE", lambda queued, _: queued.position, 9),
    Column("JOB", lambda queued, _: queued.job_id, 8, id=True),
    Column("NAME", lambda queued, _: queued.name, 7, least=12),
    number("PRIORITY", lambda queued, _: queued.priority, 3),
    number("DEVICES", lambda queued, _: queued.devices, 2),
    Column("QUEUED", lambda queued, now: formats.ago(queued.queued_at, now), 4),
    Column("WHY IT WAITS", lambda queued, _: queued.reason, 6, least=20),
)

DATASETS = (
    Column("NAME", lambda dataset, _: dataset.name, 9, least=12),
    number("VERSION", lambda dataset, _: dataset.version, 5),
    Column("STATUS", lambda dataset, _: dataset.status, 7, colour=status_colour),
    number("CLASSES", lambda dataset, _: formats.count(dataset.classes), 6),
    number("TRAIN", lambda dataset, _: formats.count(dataset.train_images), 8),
    number("TEST", lambda dataset, _: formats.count(dataset.test_images), 8),
    Column("IMAGES", _image, 4),
    Column("SOURCE", lambda dataset, _: dataset.source, 3),
    Column("NOTE", lambda dataset, _: dataset.reason or dataset.title, 2, least=16),
)

VERSIONS = (
    number("VERSION", lambda version, _: version.version, 9),
    STATUS,
    number("TRAIN", lambda version, _: formats.count(version.train_images), 7),
    number("TEST", lambda version, _: formats.count(version.test_images), 7),
    Column("SOURCE", lambda version, _: version.source, 4, least=8),
    number("PARENT", lambda version, _: version.parent, 3),
    CREATED,
    Column("IDENTITY", lambda version, _: version.identity, 2, least=12),
)

MODELS = (
    ID,
    Column("NAMES", _names, 7, least=12),
    Column("ARCHITECTURE", lambda model, _: model.architecture, 6, least=8),
    Column("DATASET", lambda model, _: model.dataset, 5, least=8),
    number("CLASSES", lambda model, _: formats.count(model.class_count), 3),
    number("TEST ACC", lambda model, _: formats.percent(model.metrics.test_accuracy if model.metrics else None), 8),
    Column("WHICH", lambda model, _: model.which, 4),
    CREATED,
    Column("JOB", lambda model, _: model.job_id, 2, id=True),
)

RECIPES = (
    Column("RECIPE", lambda recipe, _: recipe.name, 9, least=16),
    Column("TITLE", lambda recipe, _: recipe.title, 6, least=16),
    Column("BEST MEASURED TEST ACCURACY", _result, 8, least=27),
)

KEYS = (
    ID,
    NAME,
    Column("PROJECT", lambda key, _: key.project, 6, least=8),
    Column("SCOPES", _scopes, 5),
    Column("STATE", _key_state, 8),
    Column("LAST USED", lambda key, now: formats.ago(key.last_used_at, now), 4),
    CREATED,
)

PROJECTS = (
    Column("PROJECT", lambda project, _: project.id, 9, least=12),
    number("RUNNING", lambda project, _: _of(project.usage.running_jobs, project.max_running_jobs), 7),
    number("QUEUED", lambda project, _: _of(project.usage.queued_jobs, project.max_queued_jobs), 6),
    number("STORAGE", lambda project, _: _sizes(project.usage.storage_bytes, project.max_storage_bytes), 8),
    number("DEVICE HOURS", lambda project, _: _hours(project), 5),
    CREATED,
)

EVENTS = (
    Column("WHEN", lambda event, now: formats.ago(event.created_at, now), 9),
    Column("EVENT", lambda event, _: event.type, 8, least=12),
    number("ATTEMPT", lambda event, _: event.attempt, 3),
    Column("MESSAGE", lambda event, _: event.message, 7, least=20),
)

CHECKPOINTS = (
    Column("CHECKPOINT", lambda checkpoint, _: checkpoint.name, 9, least=24),
    number("EPOCH", lambda checkpoint, _: checkpoint.epoch, 7),
    number("STEP", lambda checkpoint, _: formats.count(checkpoint.step), 6),
    number("ACCURACY", lambda checkpoint, _: formats.percent(accuracy(checkpoint.metrics)), 8),
    number("SIZE", lambda checkpoint, _: formats.size(checkpoint.size_bytes), 5),
    Column("STATE", lambda checkpoint, _: "usable" if checkpoint.usable else "not usable", 4),
    CREATED,
)
