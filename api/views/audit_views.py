"""Turns rows of audits into response schemas."""

from collections.abc import Mapping
from typing import Any

from api import schemas
from api.views.dataset_views import version_url
from api.views.translate import job_url
from jobs.audits import AuditJob
from models import Audit, AuditStatus
from training.spec import ResolvedSpec


def audit_url(row: Audit) -> str:
    """The URL of an audit."""
    return f"{version_url(row.dataset, row.version)}/audits/{row.id}"


def audit(row: Audit, jobs: Mapping[str, AuditJob]) -> schemas.Audit:
    """An audit, with its jobs."""
    spec = ResolvedSpec.to_show(row.spec)
    here, version = audit_url(row), version_url(row.dataset, row.version)
    own = [jobs[job_id] for job_id in row.jobs]
    return schemas.Audit(
        id=row.id,
        dataset=row.dataset,
        version=row.version,
        status=AuditStatus(row.status),
        folds=len(row.jobs),
        spec=spec.model_copy(update={"validation_fold": None}),
        jobs=[schemas.AuditJob(id=job.id, status=job.status, epochs=job.epochs, url=job_url(job.id)) for job in own],
        progress=_progress(row, own, spec.epochs) if row.status == AuditStatus.RUNNING else None,
        result=schemas.AuditResult.model_validate(row.summary, from_attributes=False) if row.summary else None,
        error=schemas.AuditError.model_validate(row.error, from_attributes=False) if row.error else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
        links=schemas.AuditLinks(
            self=here, version=version, suspects=f"{here}/suspects", cancel=f"{here}/cancel", edits=f"{version}/edits"
        ),
    )


def suspect(row: Audit, found: Mapping[str, Any]) -> schemas.AuditSuspect:
    """A suspect, with where its picture is."""
    return schemas.AuditSuspect(**found, picture=f"{version_url(row.dataset, row.version)}/images/{found['image']}")


def _progress(row: Audit, jobs: list[AuditJob], epochs: int) -> schemas.AuditProgress:
    trained = sum(job.epochs for job in jobs)
    return schemas.AuditProgress(
        stage="judging" if row.task else "training", done=trained, total=max(trained, epochs * len(jobs))
    )
