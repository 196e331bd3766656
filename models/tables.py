"""The tables of jobs and workers. Only `jobs/` writes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Enum,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from models.base import DEFAULT_PROJECT, JOB_ID, PROJECT_ID, Base
from models.columns import DatabaseNow
from models.status import JobStatus, Request


def _enum(kind: type[JobStatus] | type[Request], name: str) -> Enum:
    """Text with a CHECK on both databases: a new value is an ordinary migration."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda kind: [member.value for member in kind],
    )


DEFAULT_PRIORITY = 5
DEFAULT_MAX_RETRIES = 3


class Job(Base):
    """A training job, and the worker that has it.

    `attempt` is the fencing token: it rises with every claim, and a write that carries an older one changes nothing.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "status", "id"),  # of every project: who runs, who waits
        # A project's lists, by age, since ids ascend with time, and by what they can be filtered and sorted by.
        Index(None, "project", "id"),
        Index(None, "project", "status", "id"),
        Index(None, "project", "dataset", "id"),
        Index(None, "project", "architecture", "id"),
        Index(None, "project", "name", "id"),
        Index(None, "project", "priority", "id"),
        Index(None, "project", "finished_at", "id"),
        Index(None, "project", "best_accuracy", "id"),
        Index(
            "ix_jobs_parent",
            "parent",
            postgresql_where=text("parent IS NOT NULL"),
            sqlite_where=text("parent IS NOT NULL"),
        ),
        # Expired leases, among the few jobs that have one.
        Index(
            None,
            "lease_until",
            postgresql_where=text("lease_until IS NOT NULL"),
            sqlite_where=text("lease_until IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(JOB_ID, primary_key=True)
    # With a default of the database as well: an earlier release that does not know the column may still run.
    project: Mapped[str] = mapped_column(
        ForeignKey("projects.id"), default=DEFAULT_PROJECT, server_default=DEFAULT_PROJECT
    )
    # Rises with whatever changes of the job, its epochs or its events.
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    name: Mapped[str | None] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]]
    spec: Mapped[dict[str, Any]]
    # Its name, without a version; here too, for whoever looks for jobs.
    dataset: Mapped[str | None] = mapped_column(String(200))
    # Of the data that it is trained on, by content: set by the first attempt that begins to train, for all of them.
    dataset_identity: Mapped[str | None] = mapped_column(String(64))
    dataset_version: Mapped[int | None]  # of an uploaded data set: which one, resolved when the job was submitted
    architecture: Mapped[str | None] = mapped_column(String(64))  # as the spec says, likewise
    status: Mapped[JobStatus] = mapped_column(_enum(JobStatus, "status"), default=JobStatus.QUEUED)
    requested: Mapped[Request | None] = mapped_column(_enum(Request, "requested"))
    requested_at: Mapped[datetime | None]
    priority: Mapped[int] = mapped_column(default=DEFAULT_PRIORITY)  # 0 to 9, higher goes first
    max_retries: Mapped[int] = mapped_column(default=DEFAULT_MAX_RETRIES)
    devices: Mapped[int] = mapped_column(default=1)  # as the spec says; here too, for whoever looks for work
    accelerator: Mapped[str | None] = mapped_column(String(64))  # the kind of device it asks for, in lower case
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)  # attempts lost in a row without progress
    owner: Mapped[str | None] = mapped_column(ForeignKey("workers.id"))
    lease_until: Mapped[datetime | None]
    queued_at: Mapped[datetime] = mapped_column(default=DatabaseNow())  # when it last came into the queue
    not_before: Mapped[datetime | None]  # when its next attempt may begin, after several were lost
    latest_epoch: Mapped[int | None]
    best_epoch: Mapped[int | None]
    best_accuracy: Mapped[float | None]  # of the best epoch: what it was chosen by
    weights: Mapped[dict[str, Any] | None]  # storage.StoredFile
    predictions: Mapped[dict[str, Any] | None]  # storage.StoredFile
    # The audit or the sweep whose part it is, or the job that it repeats under another seed.
    parent: Mapped[str | None] = mapped_column(String(30))
    repeats: Mapped[int] = mapped_column(default=1, server_default="1")  # jobs of its spec, with itself
    # Of its checkpoints, its weights and its predictions.
    storage_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    started_at: Mapped[datetime | None]  # of its first attempt
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]  # set: readers do not see it, and its rows are deleted soon

    attempts: Mapped[list["Attempt"]] = relationship(order_by="Attempt.number", viewonly=True)


# The kind of device that a job asks for; "" for any. The "" is a literal: with a parameter, the databases do not see
# that this is the expression of the indexes below.
DEVICE_KIND: ColumnElement[str] = func.coalesce(Job.accelerator, literal_column("''"))


def _of_queued(name: str, *columns: ColumnElement[Any] | InstrumentedAttribute[Any], only: str | None = None) -> None:
    """A partial index of the queued jobs, which are few. It begins with the status, although that is the same for all
    of them: without it, SQLite prefers the index of every status, and sorts what it finds there."""
    where = text(" AND ".join(filter(None, ("status = 'queued'", only))))
    Index(name, Job.status, *columns, postgresql_where=where, sqlite_where=where)


# The queue, in the order in which it is served.
_of_queued("ix_jobs_queue", Job.priority.desc(), Job.id)
# A lane of the queue holds the jobs that ask for the same kind and number of devices (jobs/lanes.py). These two indexes
# have each lane in the order in which it is served, for all projects together and for each project. So a worker finds
# the lanes, and its next job, without reading jobs that do not fit it, or whose project has reached a quota.
_SERVED = (DEVICE_KIND, Job.devices, Job.priority.desc(), Job.id)
_of_queued("ix_jobs_lane", *_SERVED, only="not_before IS NULL")
_of_queued("ix_jobs_project_lane", Job.project, *_SERVED, only="not_before IS NULL")
_of_queued("ix_jobs_stopping", Job.requested, Job.priority.desc(), Job.id, only="requested = 'stop'")
_of_queued("ix_jobs_backing_off", Job.not_before, only="not_before IS NOT NULL")
_of_queued("ix_jobs_queued_at", Job.queued_at)  # how long the first of them has been there


# Deleted jobs, whose files and rows are to be purged.
Index(
    "ix_jobs_deleted_at",
    Job.deleted_at,
    postgresql_where=text("deleted_at IS NOT NULL"),
    sqlite_where=text("deleted_at IS NOT NULL"),
)


class JobTag(Base):
    """A copy of a job's tag, so that jobs can be found by it."""

    __tablename__ = "job_tags"

    project: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    job_id: Mapped[str] = mapped_column(JOB_ID, ForeignKey("jobs.id"), primary_key=True, index=True)


class Attempt(Base):
    """One worker's run of a job, from its claim to its end."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "ended_at"),)  # what a project has used in a month, what has ended since

    job_id: Mapped[str] = mapped_column(JOB_ID, ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    worker: Mapped[str] = mapped_column(ForeignKey("workers.id"))
    started_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))
    devices: Mapped[list[str] | None]  # that it trains on
    resumed_from: Mapped[str | None] = mapped_column(String(200))  # the checkpoint's name; None: from the beginning
    starting_weights: Mapped[dict[str, Any] | None]  # storage.StoredFile; None: random, or written by a release before
    facts: Mapped[dict[str, Any] | None]  # training.metrics.RunFacts
    step_epoch: Mapped[int | None]  # where the last recorded step is
    step: Mapped[int | None]


class Epoch(Base):
    """A job's metrics of one epoch, as training.metrics.EpochMetrics describes them."""

    __tablename__ = "epochs"

    job_id: Mapped[str] = mapped_column(JOB_ID, ForeignKey("jobs.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    train_loss: Mapped[float]
    train_accuracy: Mapped[float]
    test_loss: Mapped[float | None]
    test_accuracy: Mapped[float | None]
    test_top5_accuracy: Mapped[float | None]
    validation_loss: Mapped[float | None]
    validation_accuracy: Mapped[float | None]
    learning_rate: Mapped[float]
    seconds: Mapped[float]
    images_per_second: Mapped[float]
    device_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    gradient_norm: Mapped[float | None]
    update_ratio: Mapped[float | None]
    dead_units: Mapped[float | None]
    loading_share: Mapped[float | None]
    layers: Mapped[list[Any] | None] = mapped_column(deferred=True)
    recorded_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class Step(Base):
    """The loss of one batch, as training.metrics.StepMetrics describes it."""

    __tablename__ = "steps"

    job_id: Mapped[str] = mapped_column(JOB_ID, ForeignKey("jobs.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    loss: Mapped[float]
    learning_rate: Mapped[float]
    recorded_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class Checkpoint(Base):
    """A file from which a job can go on. Only a file that a row names is a checkpoint: any other is garbage."""

    __tablename__ = "checkpoints"
    __table_args__ = (Index(None, "job_id", "epoch", "step"),)

    name: Mapped[str] = mapped_column(String(200), primary_key=True)  # in the storage
    job_id: Mapped[str] = mapped_column(JOB_ID, ForeignKey("jobs.id"))
    attempt: Mapped[int]
    epoch: Mapped[int]  # of the next step
    step: Mapped[int]  # the next, within the epoch
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    failed_loads: Mapped[int] = mapped_column(default=0)  # attempts that could not go on from it, or died of trying
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class Event(Base):
    """Something that happened to a job. The row is inserted in the transaction that made it happen, and never
    changed."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "job_id", "id"), Index(None, "job_id", "number_in_job"))

    # SQLite numbers rows by itself only where the key is an INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    job_id: Mapped[str] = mapped_column(JOB_ID, ForeignKey("jobs.id"))
    attempt: Mapped[int]
    type: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int | None]  # that was recorded
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    # The first of a job is 1, each other one more than the one before. None where a release before wrote it.
    number_in_job: Mapped[int | None] = mapped_column(BigInteger)

    @hybrid_property
    def number(self) -> int:
        """The event's number for clients. `id` is not shown: from it, tenants could count each other's events. The
        number rises within a job, even where earlier events have none of their own, since it is never above `id`."""
        return self.id if self.number_in_job is None else self.number_in_job

    @number.inplace.expression
    @classmethod
    def _number_expression(cls) -> ColumnElement[int]:
        return func.coalesce(cls.number_in_job, cls.id)


class Worker(Base):
    """A worker process that is or was there."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    slots: Mapped[int]
    devices: Mapped[list[str]]
    torch_version: Mapped[str] = mapped_column(String(64))
    python_version: Mapped[str | None] = mapped_column(String(64))
    epochal_version: Mapped[str | None] = mapped_column(String(64))
    cores: Mapped[int | None]  # that it may use
    load_average: Mapped[float | None]  # of its machine: tasks that run or wait to, over the last minute
    memory_total_bytes: Mapped[int | None] = mapped_column(BigInteger)
    memory_available_bytes: Mapped[int | None] = mapped_column(BigInteger)
    draining_at: Mapped[datetime | None]  # since when it takes no more jobs
    started_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    seen_at: Mapped[datetime] = mapped_column(default=DatabaseNow(), index=True)
    ended_at: Mapped[datetime | None]  # when it left in good order
