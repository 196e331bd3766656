"""Gathers what a diagnosis of a job reads. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from jobs.errors import JobNotFound
from jobs.recording import earlier_facts
from models import TERMINAL, DatasetVersion, Epoch, Job, JobStatus, ProjectSession, Step
from storage import StoredFile
from training.diagnosis import DataFinding, Facts, Run, StepLoss
from training.spec import ResolvedSpec, UnknownSpec

MOST_EPOCHS = 1000  # rows of a long run that are read
EARLY_EPOCHS, MOST_STEPS = 3, 500  # a learning rate that is too high shows in the first steps
LIKE_READ, MOST_LIKE = 50, 10  # jobs looked at, and used, to forecast a running one

COLUMNS = (
    Epoch.epoch,
    Epoch.train_loss,
    Epoch.train_accuracy,
    Epoch.test_loss,
    Epoch.test_accuracy,
    Epoch.validation_loss,
    Epoch.validation_accuracy,
    Epoch.learning_rate,
    Epoch.loading_share,
)


@dataclass(frozen=True, slots=True)
class DiagnosisInput:
    """A job's record. `predictions`: what its evaluation, and so its confusion matrix, is made of."""

    run: Run
    predictions: StoredFile | None


def gather(session: ProjectSession, job_id: str) -> DiagnosisInput:
    """The record of a job, in a snapshot. Raises JobNotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise JobNotFound(job_id)
    spec = ResolvedSpec.to_show(job.spec)
    known = None if isinstance(spec, UnknownSpec) else spec
    run = Run.from_rows(
        _epochs(session, job),
        steps=_steps(session, job),
        spec=known,
        facts=_facts(session, job),
        data_findings=tuple(_data_findings(session, job)),
        has_ended=job.status in TERMINAL,
        succeeded=job.status is JobStatus.SUCCEEDED,
        is_idle=job.status not in (*TERMINAL, JobStatus.RUNNING),
        diverged=_has_diverged(job),
        planned_epochs=spec.epochs,
        like=_like(session, job, known) if known and job.status is JobStatus.RUNNING else (),
    )
    return DiagnosisInput(run, StoredFile(**job.predictions) if job.predictions else None)


def _epochs(session: Session, job: Job) -> list[Mapping[str, Any]]:
    """The job's epochs; of a long run every second, third, … one, its best and its last. They are spread evenly: the
    ones that are enough to draw a curve are its extremes, and would make it look noisier than it is."""
    wanted = select(*COLUMNS).where(Epoch.job_id == job.id)
    count = session.scalar(select(func.count()).select_from(Epoch).where(Epoch.job_id == job.id)) or 0
    if count > MOST_EPOCHS:
        every = ceil(count / MOST_EPOCHS)
        wanted = wanted.where(or_(Epoch.epoch % every == 0, Epoch.epoch.in_((job.best_epoch, job.latest_epoch))))
    rows = session.execute(wanted.order_by(Epoch.epoch)).mappings()
    return [dict(row) for row in rows]


def _has_diverged(job: Job) -> bool:
    return bool(job.error and job.error.get("code") == "diverged")


def _steps(session: Session, job: Job) -> tuple[StepLoss, ...]:
    """The first ones; and of a job that has diverged the last one, by which it did, perhaps."""
    every = select(Step.epoch, Step.step, Step.loss).where(Step.job_id == job.id)
    early = every.where(Step.epoch < EARLY_EPOCHS).order_by(Step.epoch, Step.step).limit(MOST_STEPS)
    found = {row[:2]: StepLoss(*row) for row in session.execute(early)}
    if _has_diverged(job):
        last = every.order_by(Step.epoch.desc(), Step.step.desc()).limit(1)
        found |= {row[:2]: StepLoss(*row) for row in session.execute(last)}
    return tuple(found.values())


def _facts(session: Session, job: Job) -> Facts:
    facts = earlier_facts(session, job)
    if facts is None:
        return Facts()
    return Facts(
        train_images=facts.train_images,
        test_images=facts.test_images,
        validation_images=facts.validation_images,
        classes=facts.classes,
        image_size=facts.image_size,
        channels=facts.channels,
        steps_per_epoch=facts.steps_per_epoch,
    )


def _data_findings(session: ProjectSession, job: Job) -> Iterator[DataFinding]:
    """Of the report on the uploaded version that it is trained on."""
    report = session.scalar(
        select(DatasetVersion.report).where(
            DatasetVersion.project == job.project,
            DatasetVersion.dataset == job.dataset,
            DatasetVersion.number == job.dataset_version,
        )
    )
    for found in (report or {}).get("findings", ()):
        yield DataFinding(str(found.get("code")), str(found.get("severity")), str(found.get("message")))


def _like(session: ProjectSession, job: Job, spec: ResolvedSpec) -> Sequence[Mapping[int, float]]:
    """Accuracies of the latest jobs of the project that have succeeded on the same data by the same network, optimizer
    and schedule: at the last epoch, and around the one where this job is."""
    if job.latest_epoch is None:
        return ()
    others = (
        select(Job.id, Job.spec)
        .where(
            Job.project == job.project,
            Job.dataset == job.dataset,
            Job.dataset_identity == job.dataset_identity,
            Job.architecture == job.architecture,
            Job.status == JobStatus.SUCCEEDED,
            Job.id != job.id,
        )
        .order_by(Job.id.desc())
        .limit(LIKE_READ)
    )
    alike = [found for found, stored in session.execute(others) if _is_alike(ResolvedSpec.to_show(stored), spec)]
    accuracy = Epoch.validation_accuracy if spec.validation_fraction or spec.validation_fold else Epoch.test_accuracy
    now = job.latest_epoch
    rows = select(Epoch.job_id, Epoch.epoch, accuracy).where(
        Epoch.job_id.in_(alike[:MOST_LIKE]),
        Epoch.epoch.in_((now - 1, now, now + 1, spec.epochs - 1)),
        accuracy.is_not(None),
    )
    curves: dict[str, dict[int, float]] = {}
    for other, epoch, value in session.execute(rows):
        assert value is not None
        curves.setdefault(other, {})[epoch] = value
    return tuple(curves.values())


def _is_alike(other: ResolvedSpec, spec: ResolvedSpec) -> bool:
    return (other.epochs, other.schedule, other.optimizer) == (spec.epochs, spec.schedule, spec.optimizer)
