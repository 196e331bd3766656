"""From what the database holds to what goes over the wire."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from api import schemas
from jobs.queries import JobRecord, Page
from models import Attempt, Epoch, Job, JobStatus, Step
from training.metrics import RunFacts
from training.spec import TrainingSpec

JOBS = "/v1/jobs"

# An estimate beyond this says nothing, and may be later than any date there is.
LONGEST_ESTIMATE = timedelta(days=3650)


def job(record: JobRecord) -> schemas.Job:
    """A job with everything beside it."""
    row = record.job
    spec = TrainingSpec.from_stored(row.spec)
    return schemas.Job(
        id=row.id,
        name=row.name,
        tags=row.tags,
        spec=spec,
        status=row.status,
        requested=row.requested,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        progress=_progress(row, spec, record.latest),
        queue=schemas.QueuePlace.model_validate(record.queue) if record.queue else None,
        latest=schemas.EpochRow.model_validate(record.latest) if record.latest else None,
        best=_best(record.best) if record.best else None,
        attempts=[schemas.Attempt.model_validate(attempt) for attempt in row.attempts],
        error=schemas.JobError.model_validate(row.error) if row.error else None,
        links=_links(row.id),
    )


def jobs(page: Page[JobRecord], statuses: Sequence[JobStatus], limit: int) -> schemas.Page[schemas.Job]:
    """A page of jobs; `next` is the next page, with the same filter."""
    query = {"status": [status.value for status in statuses], "limit": limit}
    following = _url(JOBS, query | {"after": page.rows[-1].job.id}) if page.has_more else None
    return schemas.Page(data=[job(record) for record in page.rows], has_more=page.has_more, next=following)


def epochs(page: Page[Epoch], job_id: str, asked: Mapping[str, int]) -> schemas.Page[schemas.EpochRow]:
    """A page of epochs; `next` is where those will be that are not there yet, too."""
    rows = [schemas.EpochRow.model_validate(epoch) for epoch in page.rows]
    last = {"after_epoch": rows[-1].epoch} if rows else {}
    following = _url(f"{JOBS}/{job_id}/metrics", {**asked, **last})
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def steps(page: Page[Step], job_id: str, asked: Mapping[str, int]) -> schemas.Page[schemas.StepRow]:
    """A page of steps; `next` is where those will be that are not there yet, too."""
    rows = [schemas.StepRow.model_validate(step) for step in page.rows]
    last = {"after_epoch": rows[-1].epoch, "after_step": rows[-1].step} if rows else {}
    following = _url(f"{JOBS}/{job_id}/steps", {**asked, **last})
    return schemas.Page(data=rows, has_more=page.has_more, next=following)


def whole(items: list[schemas.Item]) -> schemas.Page[schemas.Item]:
    """A list that has one page."""
    return schemas.Page(data=items, has_more=False, next=None)


def job_url(job_id: str) -> str:
    """Where a job is."""
    return f"{JOBS}/{job_id}"


def _best(row: Epoch) -> schemas.BestEpoch:
    """An epoch has a validation accuracy where something was split off, and then it was chosen by that."""
    chosen_on: Literal["validation", "test"] = "test" if row.validation_accuracy is None else "validation"
    return schemas.BestEpoch(**dict(schemas.EpochRow.model_validate(row)), chosen_on=chosen_on)


def _links(job_id: str) -> schemas.JobLinks:
    here = job_url(job_id)
    return schemas.JobLinks(
        self=here,
        cancel=f"{here}/cancel",
        metrics=f"{here}/metrics",
        steps=f"{here}/steps",
        log=f"{here}/log",
        curves_svg=f"{here}/curves.svg",
        curves_png=f"{here}/curves.png",
    )


def _url(path: str, query: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(query, doseq=True)}"


def _progress(row: Job, spec: TrainingSpec, latest: Epoch | None) -> schemas.Progress:
    attempt = row.attempts[-1] if row.attempts else None
    facts = RunFacts.model_validate(attempt.facts) if attempt and attempt.facts else None
    steps_per_epoch = facts.steps_per_epoch if facts else None
    # An epoch that an earlier attempt has trained is not this one's progress.
    mine = latest if attempt and latest and latest.attempt == attempt.number else None
    return schemas.Progress(
        epoch=attempt.step_epoch if attempt else None,
        epochs=spec.epochs,
        step=attempt.step if attempt else None,
        steps_per_epoch=steps_per_epoch,
        percent=100 if row.status is JobStatus.SUCCEEDED else _percent(attempt, mine, spec.epochs, steps_per_epoch),
        estimated_finish=_estimated_finish(mine, spec.epochs) if mine and row.status is JobStatus.RUNNING else None,
    )


def _percent(attempt: Attempt | None, latest: Epoch | None, epochs: int, steps_per_epoch: int | None) -> float:
    """Of all steps, one decimal, rounded down."""
    trained = float(latest.epoch + 1) if latest else 0.0
    if attempt and attempt.step_epoch is not None and attempt.step is not None and steps_per_epoch:
        trained = max(trained, attempt.step_epoch + min((attempt.step + 1) / steps_per_epoch, 1))
    return min(int(1000 * trained / epochs) / 10, 100)


def _estimated_finish(latest: Epoch, epochs: int) -> datetime | None:
    remaining = (epochs - latest.epoch - 1) * latest.seconds
    if not remaining < LONGEST_ESTIMATE.total_seconds():  # nor if it is NaN
        return None
    return latest.recorded_at + timedelta(seconds=remaining)
