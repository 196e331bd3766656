"""The tables of uploaded data sets, and of the work on them that is no job. `catalog/` and `jobs/` write them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import PROJECT_ID, Base
from models.columns import DatabaseNow

DATASET_NAME = String(64)
UPLOAD_ID = String(30)
TASK_ID = String(31)


class Upload(Base):
    """A file on its way into a data set: the parts that have arrived are whole, and what is missing can still come.

    `received_bytes` rises with each part, in the part's own transaction. It is the fence of concurrent writers: a part
    is added only where its offset is `received_bytes`.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index(None, "project", "id"),
        # What is unfinished, among all that is complete.
        Index(
            "ix_uploads_expires_at",
            "expires_at",
            postgresql_where=text("version IS NULL"),
            sqlite_where=text("version IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(UPLOAD_ID, primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    dataset: Mapped[str] = mapped_column(DATASET_NAME)
    total_bytes: Mapped[int | None] = mapped_column(BigInteger)  # as its client states; None: known at its end
    received_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str | None] = mapped_column(String(64))  # as its client states
    options: Mapped[dict[str, Any]]  # catalog.datasets.options.SplitOptions
    version: Mapped[int | None]  # of the data set, once it is complete
    revision: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    expires_after: Mapped[int]  # seconds after its last part, if it is not complete by then
    expires_at: Mapped[datetime]


class UploadPart(Base):
    """A part of an upload: a whole file in the storage."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[str] = mapped_column(UPLOAD_ID, primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))  # in the storage
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))


class Dataset(Base):
    """The name of a project's data set. The row outlives its versions, so that no number is given twice."""

    __tablename__ = "datasets"

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    name: Mapped[str] = mapped_column(DATASET_NAME, primary_key=True)
    last_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class DatasetVersion(Base):
    """What a data set was at one time. It never changes once it is ready.

    `same_as`: the number of an earlier version with the same content, which this one stands for. `files`: index,
    features and packs, as storage.StoredFile; versions of one project may share packs.
    """

    __tablename__ = "dataset_versions"
    __table_args__ = (
        ForeignKeyConstraint(["project", "dataset"], ["datasets.project", "datasets.name"]),
        Index(None, "project", "identity"),
        Index(
            "ix_dataset_versions_deleted_at",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
            sqlite_where=text("deleted_at IS NOT NULL"),
        ),
    )

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    dataset: Mapped[str] = mapped_column(DATASET_NAME, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    status: Mapped[str] = mapped_column(String(16))  # models.status.VersionStatus
    revision: Mapped[int] = mapped_column(default=0)
    same_as: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(16))  # upload, edit or import
    parent: Mapped[int | None]  # the version that was edited
    identity: Mapped[str | None] = mapped_column(String(64))  # by content, as of a job's data
    classes: Mapped[list[str] | None]
    channels: Mapped[int | None]  # 1: every image is grey; 3
    image_size: Mapped[int | None]  # of the squares that all images are; None: they are of several sizes
    train_images: Mapped[int | None]
    test_images: Mapped[int | None]
    report: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)  # training.image_checks' Report
    files: Mapped[list[Any] | None]
    storage_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of files that no earlier version has
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]  # set: readers do not see it, and its files and row are deleted soon


class Task(Base):
    """Work of a worker that is no training job, such as the validation of a data set.

    `attempt` is the fencing token, as a job's is.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index(None, "project", "id"),
        # What waits or is under way, among all that is over.
        Index(
            "ix_tasks_open",
            "status",
            "id",
            postgresql_where=text("status IN ('queued', 'running')"),
            sqlite_where=text("status IN ('queued', 'running')"),
        ),
    )

    id: Mapped[str] = mapped_column(TASK_ID, primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    kind: Mapped[str] = mapped_column(String(32))
    dataset: Mapped[str] = mapped_column(DATASET_NAME)  # that it works on
    version: Mapped[int]
    arguments: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16))  # models.status.TaskStatus
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)  # attempts lost
    owner: Mapped[str | None] = mapped_column(String(100))  # the id of a worker
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]  # when its next attempt may begin, after one was lost
    progress: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    started_at: Mapped[datetime | None]  # of its first attempt
    finished_at: Mapped[datetime | None]


class StorageUse(Base):
    """What a project's files of one kind take: the part of `projects.storage_bytes` that is not of jobs. Rows of
    `usage_entries` come on top."""

    __tablename__ = "storage_use"

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    storage_bytes: Mapped[int] = mapped_column(BigInteger)
