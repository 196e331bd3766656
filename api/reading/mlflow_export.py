"""A job as a run of the operator's MLflow tracking server."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import structlog

from api.dependencies import ProjectDatabase
from api.http.errors import MlflowNotSet, MlflowRefused, MlflowUnavailable
from api.service.mlflow_messages import LONGEST_TAG, LONGEST_VALUE, ExportAnswer, ExportedEpoch, ExportOrder
from api.views.flat_spec import flat
from jobs import queries
from jobs.queries import JobDetails
from models import Job, JobStatus
from settings import Settings
from training.spec import ResolvedSpec

SECONDS = 60.0  # that an export may take
ROWS_PER_PAGE = 1000
METRICS = (
    *("train_loss", "train_accuracy", "test_loss", "test_accuracy", "test_top5_accuracy"),
    *("validation_loss", "validation_accuracy", "learning_rate", "seconds", "images_per_second"),
    *("gradient_norm", "update_ratio", "dead_units", "loading_share"),
)
STATUSES: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "SCHEDULED",
    JobStatus.STARTING: "SCHEDULED",
    JobStatus.RUNNING: "RUNNING",
    JobStatus.PAUSED: "SCHEDULED",
    JobStatus.SUCCEEDED: "FINISHED",
    JobStatus.STOPPED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "KILLED",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Exported:
    """The run that a job is."""

    experiment: str
    run_id: str
    is_new: bool
    epochs: int


def export(database: ProjectDatabase, settings: Settings, job_id: str) -> Exported:
    """Write a job to the server, as it is now. Raises JobNotFound, MlflowNotSet, MlflowUnavailable and
    MlflowRefused."""
    uri = settings.mlflow_tracking_uri
    with database.snapshot() as session:
        record = queries.find(session, job_id)
    if uri is None:
        raise MlflowNotSet
    order = _order(record, _epochs(database, job_id), uri.get_secret_value())
    answer = carried_out(order)
    match answer.failure:
        case "not_installed":
            raise MlflowNotSet
        case "unavailable":
            raise MlflowUnavailable
        case "refused":
            raise MlflowRefused
        case None:
            return Exported(order.experiment, answer.run_id, answer.is_new, answer.epochs)


def carried_out(order: ExportOrder) -> ExportAnswer:
    """In a process of its own, which is ended when its time is up."""
    command = [sys.executable, "-m", "api.service.mlflow_program"]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command, input=json.dumps(asdict(order)).encode(), capture_output=True, timeout=SECONDS, check=False
        )
        return ExportAnswer(**json.loads(ended.stdout))
    except subprocess.TimeoutExpired as error:
        log.warning("mlflow export took too long", job_id=order.job_id)
        raise MlflowUnavailable from error
    except ValueError as error:  # what it has written there may have the address, and is not told
        log.error("mlflow export failed", job_id=order.job_id, exit_status=ended.returncode)
        raise MlflowRefused from error


def _order(record: JobDetails, epochs: Iterator[ExportedEpoch], uri: str) -> ExportOrder:
    job, address = record.job, urlsplit(uri)
    spec = ResolvedSpec.to_show(job.spec).model_dump(mode="json")
    host = address.netloc.rpartition("@")[2]
    return ExportOrder(
        uri=urlunsplit(address._replace(netloc=host)),
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        experiment=f"epochal/{job.project}",
        job_id=job.id,
        run_name=job.name or job.id,
        status=STATUSES[JobStatus(job.status)],
        started=_milliseconds(job.started_at or job.created_at),
        ended=_milliseconds(job.finished_at) if job.finished_at else None,
        parameters={name: _written(value)[:LONGEST_VALUE] for name, value in flat(spec)},
        tags={name: value[:LONGEST_TAG] for name, value in _tags(job) if value},
        epochs=list(epochs),
    )


def _tags(job: Job) -> Iterator[tuple[str, str | None]]:
    yield "epochal.status", str(job.status)
    yield "epochal.tags", ", ".join(job.tags)
    yield "epochal.dataset", f"{job.dataset}@{job.dataset_version}" if job.dataset_version else job.dataset
    yield "epochal.dataset_identity", job.dataset_identity
    yield "mlflow.note.content", job.description


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _epochs(database: ProjectDatabase, job_id: str) -> Iterator[ExportedEpoch]:
    after, more = -1, True
    while more:
        with database.snapshot() as session:
            page = queries.epoch_rows_after(session, job_id, after, ROWS_PER_PAGE)
        yield from (_epoch(row) for row in page.rows)
        after, more = page.rows[-1].epoch if page.rows else after, page.has_more


def _epoch(row: Any) -> ExportedEpoch:
    values = {name: value for name in METRICS if (value := getattr(row, name)) is not None}
    return ExportedEpoch(row.epoch, _milliseconds(row.recorded_at), values)
