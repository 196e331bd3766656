"""What the next attempt at a job needs to begin, read within the transaction that claims the job."""

from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.datasets.errors import DatasetError
from jobs import dataset_versions
from jobs.checkpoints import CheckpointFile
from jobs.errors import StartingWeightsMissing
from jobs.failures import TIME_IS_UP, Failure
from jobs.fence import Claim
from jobs.recording import earlier_facts, usable_checkpoints
from jobs.starting_weights import weights_of
from models import Attempt, Job, Request
from storage import StoredFile
from training.spec import ResolvedSpec, is_of_later_release


class CannotBegin(Exception):
    """No attempt at the job can begin: the job fails with `failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class SpecOfLaterRelease(Exception):
    """The job's spec has fields, kinds or values that this release does not know."""


def prepare(session: Session, job: Job) -> Claim:
    """A claim with everything that the attempt needs; its `attempt` is still the last one's. Raises CannotBegin and
    SpecOfLaterRelease."""
    spec, weights = _spec_and_weights(session, job)
    checkpoints = tuple(
        CheckpointFile(StoredFile(row.name, row.size_bytes, row.sha256), row.epoch, row.step)
        for row in usable_checkpoints(session, job.id)
    )
    finish_at_once = job.requested is Request.STOP
    seconds_left = None
    if spec.time_limit_minutes is not None and not finish_at_once:
        seconds_left = max(0.0, 60 * spec.time_limit_minutes - _seconds_spent(session, job))
        finish_at_once = seconds_left == 0
        if finish_at_once and not checkpoints:
            raise CannotBegin(TIME_IS_UP)
    return Claim(
        job.id,
        job.attempt,
        spec,
        job.project,
        checkpoints,
        weights,
        seconds_left,
        dataset_identity=job.dataset_identity,
        dataset_files=_dataset_files(session, job),
        earlier_facts=None if job.dataset_identity and job.dataset_version is None else earlier_facts(session, job),
        finish_at_once=finish_at_once,
    )


def _spec_and_weights(session: Session, job: Job) -> tuple[ResolvedSpec, StoredFile | None]:
    try:
        spec = ResolvedSpec.from_stored(job.spec)
        return spec, weights_of(session, spec.starting_weights, job.project) if spec.starting_weights else None
    except ValidationError as error:
        if is_of_later_release(error):
            raise SpecOfLaterRelease from error
        hint = "Submit it again: it was stored by a release that wrote specs in another way."
        message = f"Its stored spec cannot be read: {error.errors()[0]['msg']}."
        raise CannotBegin(Failure("internal", message, hint, retryable=False)) from error
    except StartingWeightsMissing as error:
        hint = "Set spec.starting_weights to a job or a trained model that has weights, or to null."
        raise CannotBegin(Failure("spec_conflict", str(error), hint, retryable=False)) from error


def _dataset_files(session: Session, job: Job) -> tuple[StoredFile, ...]:
    """Raises CannotBegin where the version is gone: it cannot be deleted before its jobs have ended."""
    if job.dataset_version is None:
        return ()
    try:
        version = dataset_versions.find_ready(session, job.project, job.dataset or "", job.dataset_version)
    except DatasetError as error:
        hint = "Upload it again, and submit the job with the new version."
        raise CannotBegin(Failure("dataset_invalid", str(error), hint, retryable=False)) from error
    return dataset_versions.trained_files(version)


def _seconds_spent(session: Session, job: Job) -> float:
    """How long workers have had the job, in all attempts together."""
    attempts = session.execute(select(Attempt.started_at, Attempt.ended_at).where(Attempt.job_id == job.id))
    return sum(_seconds_between(began, ended) for began, ended in attempts)


def _seconds_between(began: datetime, ended: datetime | None) -> float:
    return (ended - began).total_seconds() if ended else 0.0
