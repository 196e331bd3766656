"""The table of audits of data sets. Only `jobs/` writes it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import PROJECT_ID, Base
from models.columns import DatabaseNow
from models.datasets import DATASET_NAME, TASK_ID

AUDIT_ID = String(30)


class Audit(Base):
    """A search for wrong labels in a version of a data set: jobs that each hold out a part of its images, and a task
    that judges the labels by what their networks take these images for.

    `open`: something is left to be done for it, by `jobs.audits.settle`: jobs to be waited for, or to be cancelled.
    """

    __tablename__ = "audits"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project", "dataset", "version"],
            ["dataset_versions.project", "dataset_versions.dataset", "dataset_versions.number"],
        ),
        Index(None, "project", "dataset", "version", "id"),
        Index("ix_audits_open", "id", postgresql_where=text("open"), sqlite_where=text("open")),
    )

    id: Mapped[str] = mapped_column(AUDIT_ID, primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    dataset: Mapped[str] = mapped_column(DATASET_NAME)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))  # models.status.AuditStatus
    open: Mapped[bool] = mapped_column(default=True)
    spec: Mapped[dict[str, Any]]  # of the jobs, as that of the first one is stored
    jobs: Mapped[list[str]]  # their ids, by the part that each holds out
    task: Mapped[str | None] = mapped_column(TASK_ID)  # that judges the labels, once all jobs have succeeded
    error: Mapped[dict[str, Any] | None]
    summary: Mapped[dict[str, Any] | None]  # of what was found: counts and accuracies
    suspects: Mapped[list[Any] | None] = mapped_column(deferred=True)  # the most suspicious ones, the worst first
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    finished_at: Mapped[datetime | None]
