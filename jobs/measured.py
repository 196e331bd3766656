"""Measurements of a project's latest jobs: their data, speed and memory.

They are read along indexes, and only of the latest jobs. So they cost the same, however many jobs there are.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.datasets.errors import DatasetError
from jobs import dataset_versions
from models import ACTIVE, Attempt, Epoch, Job, ProjectSession
from training.known.dataset_names import VersionName
from training.known.datasets import KNOWN_DATASETS, SHIPPED
from training.metrics import RunFacts
from training.spec import DataShape, ResolvedSpec

RUNS_READ = 50  # jobs of each kind


@dataclass(frozen=True, slots=True)
class Run:
    """A job, and its latest measurements."""

    spec: ResolvedSpec
    facts: RunFacts
    images_per_second: float
    seconds: float  # of the epoch, with its evaluation
    evaluated: bool
    device_memory_bytes: int | None


def recent_runs(session: Session, architecture: str) -> list[Run]:
    """Running jobs, those that ended last, and the newest with this architecture; the newest first."""
    kinds = (
        select(Job.id).where(Job.status.in_(ACTIVE)).order_by(Job.id.desc()),
        select(Job.id).where(Job.finished_at.is_not(None)).order_by(Job.finished_at.desc(), Job.id.desc()),
        select(Job.id).where(Job.architecture == architecture).order_by(Job.id.desc()),
    )
    ids = {job_id for kind in kinds for job_id in session.scalars(kind.limit(RUNS_READ))}
    columns = (Epoch.images_per_second, Epoch.seconds, Epoch.test_accuracy, Epoch.device_memory_bytes)
    statement = (
        select(Job.spec, Attempt.facts, *columns)
        .join(Epoch, (Epoch.job_id == Job.id) & (Epoch.epoch == Job.latest_epoch))
        .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.number == Epoch.attempt))
        .where(Job.id.in_(ids), Attempt.facts.is_not(None))
        .order_by(Job.id.desc())
    )
    found = []
    for stored_spec, stored_facts, rate, seconds, accuracy, memory in session.execute(statement):
        with suppress(ValidationError):  # stored by a release that this one cannot read
            spec, facts = ResolvedSpec.from_stored(stored_spec), RunFacts.model_validate(stored_facts)
            found.append(Run(spec, facts, rate, seconds, accuracy is not None, memory))
    return [run for run in found if run.images_per_second > 0]  # nor NaN


def data_shape(session: ProjectSession, spec: ResolvedSpec) -> DataShape | None:
    """The shape of the data set that `spec` names, with images of the size that `spec` asks for. None if only a worker
    could tell. A folder replaces a download of the same name; so what a job has loaded takes precedence over what is
    known of the download."""
    known = KNOWN_DATASETS.get(spec.dataset)
    name = VersionName.of(spec.dataset)
    if name.number is not None:
        return _shape_of_version(session, spec, name)
    if spec.dataset not in SHIPPED:
        for facts, image_size in _loaded(session, spec.dataset):
            if spec.image_size is not None or image_size is None:
                return DataShape(
                    train_images=facts.train_images + facts.validation_images,
                    test_images=facts.test_images,
                    classes=facts.classes,
                    image_size=spec.image_size or facts.image_size,
                    channels=facts.channels,
                )
    if known is None:
        return None
    return DataShape(
        train_images=known.train_images,
        test_images=known.test_images,
        classes=known.classes,
        image_size=spec.image_size or known.image_size,
        channels=known.channels,
    )


def _shape_of_version(session: ProjectSession, spec: ResolvedSpec, name: VersionName) -> DataShape | None:
    assert name.number is not None
    try:
        version = dataset_versions.find_ready(session, session.own_project, name.dataset, name.number)
    except DatasetError:
        return None
    return dataset_versions.data_shape(version, spec.image_size)


def _loaded(session: Session, dataset: str) -> Iterator[tuple[RunFacts, int | None]]:
    """What the newest jobs with this data set found in it, and the image size of their specs."""
    newest = select(Job.id).where(Job.dataset == dataset).order_by(Job.id.desc()).limit(RUNS_READ)
    statement = (
        select(Job.spec, Attempt.facts)
        .join(Attempt, Attempt.job_id == Job.id)
        .where(Job.id.in_(session.scalars(newest).all()), Attempt.facts.is_not(None))
        .order_by(Job.id.desc(), Attempt.number.desc())
    )
    for stored_spec, stored_facts in session.execute(statement):
        with suppress(ValidationError):
            yield RunFacts.model_validate(stored_facts), ResolvedSpec.from_stored(stored_spec).image_size
