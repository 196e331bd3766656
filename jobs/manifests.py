"""What it takes to get a job's result again, as far as it is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.trained.file_names import BEST_WEIGHTS, PREDICTIONS, WEIGHTS
from jobs import queries
from jobs.errors import StartingWeightsMissing
from jobs.metrics_table import MetricsTable, metrics_table
from jobs.provenance import provenance
from jobs.queries import CheckpointWithEpoch
from jobs.starting_weights import weights_of
from jobs.trained_models import files_of
from models import TERMINAL, Attempt, Job, TrainedModel
from storage import StoredFile

FORMAT = "epochal-job-manifest/1"
_OF_TRAINING = (BEST_WEIGHTS, PREDICTIONS, WEIGHTS)  # exports are made later, and of these


@dataclass(frozen=True, slots=True)
class JobManifest:
    """`provenance`: as `jobs.provenance` says it, with the facts of the latest attempt that has begun to train.
    `model`: the trained model that the job has left. `files`: of that, by name. `starting_weights`: what the job has
    begun from, even if it is gone, or will begin from; None where that is random, or not known. `complete`: the job has
    ended, so that nothing will be added."""

    job: Job
    complete: bool
    provenance: Mapping[str, Any]
    attempts: Sequence[Attempt]
    starting_weights: StoredFile | None
    model: str | None
    files: Mapping[str, StoredFile]
    checkpoints: Sequence[CheckpointWithEpoch]
    metrics: MetricsTable


def manifest_of_job(session: Session, job_id: str) -> JobManifest:
    """Of a job in any state. Reads all of its epochs. Raises JobNotFound."""
    job = queries.find(session, job_id).job
    facts = next((attempt.facts for attempt in reversed(job.attempts) if attempt.facts), None)
    left = select(TrainedModel).where(TrainedModel.job_id == job.id, TrainedModel.project == job.project)
    model = session.scalars(left.where(TrainedModel.deleted_at.is_(None)).limit(1)).first()
    return JobManifest(
        job=job,
        complete=job.status in TERMINAL,
        provenance=provenance(job, facts),
        attempts=job.attempts,
        starting_weights=_starting_weights(session, job),
        model=model.id if model else None,
        files=_files(job, model),
        checkpoints=queries.checkpoints(session, job_id).rows,
        metrics=metrics_table(session, job_id),
    )


def _files(job: Job, model: TrainedModel | None) -> Mapping[str, StoredFile]:
    """A job that ended under a release before 0.4 has weights and no trained model."""
    if model is None:
        return {WEIGHTS: StoredFile(**job.weights)} if job.weights else {}
    return {name: file for name, file in sorted(files_of(model).items()) if name in _OF_TRAINING}


def _starting_weights(session: Session, job: Job) -> StoredFile | None:
    from_the_beginning = [attempt.starting_weights for attempt in job.attempts if attempt.resumed_from is None]
    if began_from := next(filter(None, reversed(from_the_beginning)), None):
        return StoredFile(**began_from)
    reference = job.spec.get("starting_weights")
    try:
        return weights_of(session, reference, job.project) if reference else None
    except StartingWeightsMissing:
        return None
