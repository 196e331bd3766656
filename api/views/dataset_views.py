"""Turns rows of data sets and uploads into response schemas."""

from api import schemas
from api.http.root_path import public_path
from jobs.dataset_queries import VersionDetails
from models import DatasetVersion, Task, Upload, VersionStatus

DATASETS = "/v1/datasets"
UPLOADS = "/v1/uploads"


def version_url(dataset: str, number: int) -> str:
    """The URL of a version."""
    return public_path(f"{DATASETS}/{dataset}/versions/{number}")


def upload_url(upload_id: str) -> str:
    """The URL of an upload."""
    return public_path(f"{UPLOADS}/{upload_id}")


def version_summary(row: DatasetVersion) -> schemas.DatasetVersionSummary:
    """A version, without its report."""
    return schemas.DatasetVersionSummary(
        name=row.dataset,
        version=row.number,
        status=VersionStatus(row.status),
        source=row.source,
        parent=row.parent,
        identity=row.identity,
        train_images=row.train_images,
        test_images=row.test_images,
        created_at=row.created_at,
        finished_at=row.finished_at,
        links=_links(row),
    )


def version(details: VersionDetails) -> schemas.DatasetVersion:
    """A version with its report, and how far its validation is, if that is not over."""
    row, task, report, others = details
    return schemas.DatasetVersion(
        **dict(version_summary(row)),
        progress=_progress(task) if row.status == VersionStatus.VALIDATING else None,
        classes=row.classes,
        channels=row.channels,
        image_size=row.image_size,
        storage_bytes=row.storage_bytes,
        other_numbers=list(others),
        report=schemas.DatasetReport.model_validate(report, from_attributes=False) if report is not None else None,
        error=schemas.DatasetVersionError.model_validate(row.error, from_attributes=False) if row.error else None,
    )


def upload(row: Upload) -> schemas.Upload:
    """An upload."""
    is_complete = row.version is not None
    return schemas.Upload(
        id=row.id,
        dataset=row.dataset,
        bytes=row.total_bytes,
        received_bytes=row.received_bytes,
        sha256=row.sha256,
        test_fraction=row.options["test_fraction"],
        seed=row.options["seed"],
        status="complete" if is_complete else "uploading",
        version=row.version,
        created_at=row.created_at,
        expires_at=None if is_complete else row.expires_at,
        links=schemas.UploadLinks(
            self=upload_url(row.id),
            version=version_url(row.dataset, row.version) if row.version is not None else None,
        ),
    )


def uploaded_dataset(newest: DatasetVersion, ready: DatasetVersion | None) -> schemas.Dataset:
    """An uploaded data set, by its newest version and the newest that is ready."""
    reason = None if ready else _why_unusable(newest)
    return schemas.Dataset(
        name=newest.dataset,
        title=f"Uploaded data set {newest.dataset}",
        source="upload",
        version=ready.number if ready else None,
        status=VersionStatus(newest.status),
        classes=len(ready.classes or ()) if ready else None,
        train_images=ready.train_images if ready else None,
        test_images=ready.test_images if ready else None,
        image_size=ready.image_size if ready else None,
        channels=ready.channels if ready else None,
        licence=None,
        usable=ready is not None,
        reason=reason,
        ignored_files=None,
        ignored_examples=[],
    )


def _why_unusable(newest: DatasetVersion) -> str:
    if newest.status == VersionStatus.FAILED:
        return f"Version {newest.number} has failed; its `error` says why. Upload it again."
    return f"Version {newest.number} is being validated: wait until it is ready."


def _progress(task: Task | None) -> schemas.DatasetProgress:
    found = (task.progress if task else None) or {}
    return schemas.DatasetProgress(
        stage=found.get("stage", "waiting"), done=found.get("done", 0), total=found.get("total")
    )


def _links(row: DatasetVersion) -> schemas.DatasetVersionLinks:
    return schemas.DatasetVersionLinks(
        self=version_url(row.dataset, row.number), dataset=public_path(f"{DATASETS}/{row.dataset}")
    )
