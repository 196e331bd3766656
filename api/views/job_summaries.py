"""Jobs as rows of a table."""

from collections import Counter

from api.schemas.job_summaries import JobSummary, SummaryBest, SummaryEpoch
from api.views import translate
from api.views.flat_spec import flat
from api.views.job_json import JsonByRevision
from api.views.progress import progress
from jobs.queries import JobDetails
from jobs.waiting import QueuePlace
from models import Epoch, Job
from training.spec import ResolvedSpec

SUMMARIES = "/v1/job-summaries"


class JobSummaries(JsonByRevision):
    """The JSON of rows, cached by the job's revision."""

    def __init__(self) -> None:
        super().__init__(_without_place, _place, SUMMARIES)


def summary(record: JobDetails) -> JobSummary:
    """A job as a row."""
    job, spec = record.job, ResolvedSpec.to_show(record.job.spec)
    done = progress(record, spec)
    name = job.dataset or spec.dataset
    return JobSummary(
        id=job.id,
        name=job.name,
        tags=job.tags,
        status=job.status,
        requested=job.requested,
        dataset=name if job.dataset_version is None else f"{name}@{job.dataset_version}",
        architecture=job.architecture,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        parent=job.parent,
        priority=job.priority,
        repeats=job.repeats,
        epochs=spec.epochs,
        epoch=done.epoch,
        percent=done.percent,
        estimated_finish=done.estimated_finish,
        latest=SummaryEpoch.model_validate(record.latest) if record.latest else None,
        best=_best(record.best) if record.best else None,
        device=_device(job),
        error_code=job.error["code"] if job.error else None,
        spec=dict(flat(spec.model_dump(mode="json"))),
        queue_code=record.queue.code if record.queue else None,
    )


def _best(row: Epoch) -> SummaryBest | None:
    accuracy = row.test_accuracy if row.validation_accuracy is None else row.validation_accuracy
    if accuracy is None:
        return None
    return SummaryBest(epoch=row.epoch, accuracy=accuracy, chosen_on=translate.chosen_on(row))


def _device(job: Job) -> str | None:
    devices = job.attempts[-1].devices if job.attempts else None
    if not devices:
        return None
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in Counter(devices).items())


def _without_place(record: JobDetails) -> str:
    return summary(record).model_dump_json(exclude={"queue_code"})


def _place(place: QueuePlace | None) -> str:
    return f'"queue_code":"{place.code}"' if place else '"queue_code":null'
