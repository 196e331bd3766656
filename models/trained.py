"""The tables of trained models, and of the names that projects give them. Only `jobs/` writes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import JOB_ID, PROJECT_ID, Base
from models.columns import DatabaseNow
from models.datasets import DATASET_NAME, TASK_ID

MODEL_ID = String(30)
MODEL_NAME = String(64)


class TrainedModel(Base):
    """A network that a job has trained, or that somebody has brought, with what using it takes. It never changes, but
    for its files: exports are added.

    `manifest`: what is known of it, without its files. `files`: a list of `{"name": what users see, "file":
    storage.StoredFile, "facts": what is known of it, where there is more}`, by name.
    """

    __tablename__ = "trained_models"
    __table_args__ = (
        Index(None, "project", "id"),
        Index(None, "job_id"),
        Index(
            "ix_trained_models_deleted_at",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
            sqlite_where=text("deleted_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(MODEL_ID, primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    job_id: Mapped[str | None] = mapped_column(JOB_ID)  # None: somebody has brought its weights
    which: Mapped[str] = mapped_column(String(8))  # last or best: of which epoch its weights are; or brought
    architecture: Mapped[str] = mapped_column(String(64))
    dataset: Mapped[str] = mapped_column(String(200))  # its name, without a version; "" where nobody knows
    class_count: Mapped[int]
    metrics: Mapped[dict[str, Any] | None]  # of its weights; None where these were not evaluated
    manifest: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    files: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    deleted_at: Mapped[datetime | None]  # set: readers do not see it, and its row is deleted with its job's files


class ModelTask(Base):
    """Something that was asked of a trained model and that a worker does: an export, or an evaluation on a data set.

    The row of `tasks` that carries it out is forgotten some days after its end; this one stays as long as the trained
    model does. `arguments`: what was asked. `result`: what came of it, beside `files`, a list as of a trained model.
    """

    __tablename__ = "model_tasks"
    __table_args__ = (
        Index(None, "model_id", "id"),
        Index(
            "ix_model_tasks_open",
            "project",
            "dataset",
            postgresql_where=text("finished_at IS NULL"),
            sqlite_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(MODEL_ID, primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    model_id: Mapped[str] = mapped_column(MODEL_ID)
    kind: Mapped[str] = mapped_column(String(32))  # jobs.tasks.EXPORT or EVALUATE
    task: Mapped[str] = mapped_column(TASK_ID)
    arguments: Mapped[dict[str, Any]]
    dataset: Mapped[str | None] = mapped_column(DATASET_NAME)  # an uploaded one that an evaluation needs
    version: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(16))  # queued until it is over; then succeeded or failed
    result: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    files: Mapped[list[Any]]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    finished_at: Mapped[datetime | None]


class ModelName(Base):
    """A name that a project gives to trained models. The row outlives its versions, so that no number is given
    twice, and it is the lock of whoever changes versions and aliases."""

    __tablename__ = "model_names"

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    name: Mapped[str] = mapped_column(MODEL_NAME, primary_key=True)
    last_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class ModelVersion(Base):
    """A trained model under a name. It never becomes another one."""

    __tablename__ = "model_versions"
    __table_args__ = (
        ForeignKeyConstraint(["project", "name"], ["model_names.project", "model_names.name"]),
        Index(None, "model_id"),
    )

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    name: Mapped[str] = mapped_column(MODEL_NAME, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    model_id: Mapped[str] = mapped_column(MODEL_ID)
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class ModelAlias(Base):
    """A word, such as `production`, that stands for one version of a name now."""

    __tablename__ = "model_aliases"
    __table_args__ = (ForeignKeyConstraint(["project", "name"], ["model_names.project", "model_names.name"]),)

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    name: Mapped[str] = mapped_column(MODEL_NAME, primary_key=True)
    alias: Mapped[str] = mapped_column(MODEL_NAME, primary_key=True)
    version: Mapped[int]
    moved_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class ModelAliasMove(Base):
    """A change of an alias. Rows are never changed."""

    __tablename__ = "model_alias_moves"
    __table_args__ = (Index(None, "project", "name", "alias", "id"),)

    # SQLite numbers rows by itself only where the key is an INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    name: Mapped[str] = mapped_column(MODEL_NAME)
    alias: Mapped[str] = mapped_column(MODEL_NAME)
    version: Mapped[int | None]  # that it stands for from then on; None: it was removed
    reason: Mapped[str | None] = mapped_column(Text)
    moved_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
