"""What a project keeps, and for how long. Rules are carried out now and then, and can be tried without doing anything.

No rule takes what a job that is not over needs: its own files, the weights that it starts from, the version that it
trains on. The best jobs of each data set keep their files, whatever their age.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import structlog
from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session, aliased

from catalog.datasets.errors import DatasetError
from catalog.trained.errors import ModelInUse
from jobs import dataset_deletion, uploads
from jobs.fence import for_update
from jobs.trained_models import forget_of_job, named_jobs
from jobs.transitions import add_event
from jobs.usage import note_storage
from models import TERMINAL, Checkpoint, Database, DatasetVersion, Job, Project, TrainedModel, Upload, VersionStatus
from models.columns import DatabaseNow

DAY = 24 * 3600.0
MOST_AT_ONCE = 500  # of each kind, in one pass

RemovalKind = Literal["checkpoints", "weights", "dataset_versions", "uploads"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Ages are in days; None: such files are kept. `keep_best`: of each data set, so many jobs with the highest
    accuracy keep their files. `keep_versions`: of each data set, so many of the newest versions that are ready
    stay."""

    checkpoints_days: float | None = None
    weights_days: float | None = None
    keep_best: int = 0
    dataset_versions_days: float | None = None
    keep_versions: int = 1
    uploads_days: float | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Self:
        """From a project's row. What a later release has added is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in (stored or {}).items() if name in known})


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that a rule takes: files of a job, a version of a data set, or an upload."""

    kind: RemovalKind
    name: str  # the job's id, `pets@3`, or the upload's id
    size_bytes: int


def plan(session: Session, project: str, rules: RetentionRules) -> list[Removal]:
    """What would go now, up to MOST_AT_ONCE of each kind. Nothing is changed."""
    return [*_checkpoints(session, project, rules), *_weights(session, project, rules), *_rest(session, project, rules)]


def set_rules(session: Session, project: Project, rules: RetentionRules) -> None:
    """From now on these hold."""
    project.retention = asdict(rules)
    session.flush()


def apply_all(database: Database) -> None:
    """Carry out every project's rules."""
    with database.autocommit_read() as session:
        ruled = select(Project.id, Project.retention).where(Project.retention.is_not(None)).order_by(Project.id)
        projects = session.execute(ruled).all()
    for project, stored in projects:
        if stored:
            _apply(database, project, RetentionRules.of(stored))


def _apply(database: Database, project: str, rules: RetentionRules) -> None:
    with database.autocommit_read() as session:
        removals = plan(session, project, rules)
    for removal in removals:
        with database.session() as session, suppress(DatasetError, ModelInUse):  # needed, or gone, meanwhile
            _remove(session, project, removal)
    if removals:
        freed = sum(removal.size_bytes for removal in removals)
        log.info("retention", project=project, removed=len(removals), size_bytes=freed)


def _remove(session: Session, project: str, removal: Removal) -> None:
    match removal.kind:
        case "checkpoints" | "weights":
            _remove_files(session, removal)
        case "dataset_versions":
            dataset, _, number = removal.name.rpartition("@")
            dataset_deletion.delete(session, project, dataset, int(number))
        case "uploads":
            uploads.discard(session, removal.name)  # its files go with the next collection of garbage


def _remove_files(session: Session, removal: Removal) -> None:
    job = session.scalar(for_update(removal.name))
    if job is None or job.status not in TERMINAL:
        return
    if removal.kind == "weights":
        if job.id in named_jobs(session, job.project):  # it was given a name meanwhile
            return
        forget_of_job(session, job.id, job.project)
        job.weights = job.predictions = None
    else:
        session.execute(delete(Checkpoint).where(Checkpoint.job_id == job.id))
    note_storage(session, job)
    add_event(session, job, "files_removed", f"Its {removal.kind} were removed, as the project's rules say.")


def _checkpoints(session: Session, project: str, rules: RetentionRules) -> Iterator[Removal]:
    if rules.checkpoints_days is None:
        return
    sizes = (
        select(Checkpoint.job_id, func.sum(Checkpoint.size_bytes).label("size_bytes"))
        .group_by(Checkpoint.job_id)
        .subquery()
    )
    old = _ended(project, rules, rules.checkpoints_days).join(sizes, sizes.c.job_id == Job.id)
    for job_id, size in session.execute(old.add_columns(sizes.c.size_bytes)):
        yield Removal("checkpoints", job_id, int(size))


def _weights(session: Session, project: str, rules: RetentionRules) -> Iterator[Removal]:
    if rules.weights_days is None:
        return
    still_open = select(Job.spec).where(Job.project == project, Job.status.not_in(TERMINAL), Job.deleted_at.is_(None))
    needed = {spec.get("starting_weights") for spec in session.scalars(still_open)}
    of_models = select(TrainedModel.job_id).where(TrainedModel.id.in_(filter(None, needed)))
    needed |= {*session.scalars(of_models), *named_jobs(session, project)}
    old = _ended(project, rules, rules.weights_days).add_columns(Job.weights, Job.predictions)
    for job_id, *files in session.execute(old.where(Job.weights.is_not(None))):
        if job_id not in needed:
            yield Removal("weights", job_id, sum(int(file["size_bytes"]) for file in files if file))


def _ended(project: str, rules: RetentionRules, days: float) -> Select[Any]:
    """Ids of jobs that ended so long ago, but for the best of each data set; the oldest first."""
    over = (Job.project == project) & Job.status.in_(TERMINAL) & Job.deleted_at.is_(None)
    old = select(Job.id).where(over, Job.finished_at < DatabaseNow(-days * DAY))
    if rules.keep_best:
        better = aliased(Job)
        same = (better.project == Job.project) & (better.dataset == Job.dataset) & better.deleted_at.is_(None)
        ranked = same & better.best_accuracy.is_not(None) & _is_better(better)
        rank = select(func.count()).select_from(better).where(ranked).scalar_subquery()
        old = old.where(Job.best_accuracy.is_(None) | (rank >= rules.keep_best))
    return old.order_by(Job.finished_at).limit(MOST_AT_ONCE)


def _is_better(better: type[Job]) -> ColumnElement[bool]:
    return (better.best_accuracy > Job.best_accuracy) | (
        (better.best_accuracy == Job.best_accuracy) & (better.id > Job.id)
    )


def _rest(session: Session, project: str, rules: RetentionRules) -> Iterator[Removal]:
    if rules.dataset_versions_days is not None:
        yield from _versions(session, project, rules.keep_versions, rules.dataset_versions_days)
    if rules.uploads_days is not None:
        unfinished = (Upload.project == project) & Upload.version.is_(None)
        old = select(Upload.id, Upload.received_bytes).where(
            unfinished, Upload.created_at < DatabaseNow(-rules.uploads_days * DAY)
        )
        for upload_id, size in session.execute(old.order_by(Upload.id).limit(MOST_AT_ONCE)):
            yield Removal("uploads", upload_id, size)


def _versions(session: Session, project: str, keep: int, days: float) -> Iterator[Removal]:
    there = (
        (DatasetVersion.project == project)
        & DatasetVersion.deleted_at.is_(None)
        & (DatasetVersion.status != VersionStatus.VALIDATING)
    )
    is_old = DatasetVersion.finished_at < DatabaseNow(-days * DAY)
    is_ready = DatasetVersion.status == VersionStatus.READY
    columns = (DatasetVersion.dataset, DatasetVersion.number, DatasetVersion.storage_bytes, DatasetVersion.same_as)
    newest_first = (DatasetVersion.dataset, DatasetVersion.number.desc())
    rows = session.execute(select(*columns, is_ready, is_old).where(there).order_by(*newest_first)).all()
    needed = _trained_on(session, project)
    yield from _old_ones(rows, needed, keep)


def _old_ones(rows: Sequence[Any], needed: set[tuple[str, int]], keep: int) -> Iterator[Removal]:
    kept: dict[str, set[int]] = {}
    for dataset, number, _size, same_as, is_ready, _is_old in rows:
        newest = kept.setdefault(dataset, set())
        if is_ready and len(newest) < keep:
            newest.add(same_as or number)
    for dataset, number, size, same_as, _is_ready, is_old in rows:
        if is_old and same_as is None and number not in kept[dataset] and (dataset, number) not in needed:
            yield Removal("dataset_versions", f"{dataset}@{number}", size)


def _trained_on(session: Session, project: str) -> set[tuple[str, int]]:
    """Versions that jobs which are not over train on."""
    jobs = select(Job.dataset, Job.dataset_version).where(
        Job.project == project, Job.status.not_in(TERMINAL), Job.dataset_version.is_not(None), Job.deleted_at.is_(None)
    )
    return {(dataset or "", number or 0) for dataset, number in session.execute(jobs)}
