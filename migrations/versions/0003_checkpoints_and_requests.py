"""Checkpoints, stop and pause, priorities, retries, placement, idempotency keys; what workers say of themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EARLIER_REQUESTS, REQUESTS = ("cancel",), ("cancel", "stop", "pause")


def _job_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="5"),
        sa.Column("max_retries", sa.Integer(), nullable=False, server_default="3"),
        sa.Column("devices", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("accelerator", sa.String(length=64), nullable=True),
        sa.Column("weights", sa.JSON(), nullable=True),
    )


def _attempt_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("devices", sa.JSON(), nullable=True),
        sa.Column("resumed_from", sa.String(length=200), nullable=True),
    )


def _worker_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("python_version", sa.String(length=64), nullable=True),
        sa.Column("epochal_version", sa.String(length=64), nullable=True),
        sa.Column("cores", sa.Integer(), nullable=True),
        sa.Column("load_average", sa.Double(), nullable=True),
        sa.Column("memory_total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("memory_available_bytes", sa.BigInteger(), nullable=True),
        sa.Column("draining_at", sa.DateTime(timezone=True), nullable=True),
    )


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        for column in _job_columns():
            jobs.add_column(column)
        jobs.alter_column("dispatched_at", existing_type=sa.DateTime(timezone=True), new_column_name="queued_at")
        _replace_requests(jobs, REQUESTS)
    op.execute("UPDATE jobs SET devices = CAST(spec ->> 'devices' AS INTEGER) WHERE spec ->> 'devices' IS NOT NULL")
    with op.batch_alter_table("jobs") as jobs:
        for column in _job_columns():
            if column.server_default is not None:
                jobs.alter_column(column.name, existing_type=column.type, server_default=None)
    queued = sa.text("status = 'queued'")
    op.create_index(
        "ix_jobs_queue", "jobs", [sa.text("priority DESC"), "id"], postgresql_where=queued, sqlite_where=queued
    )
    for table, columns in (("attempts", _attempt_columns()), ("workers", _worker_columns())):
        for column in columns:
            op.add_column(table, column)

    op.create_table(
        "checkpoints",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("failed_loads", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_checkpoints_job_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_checkpoints")),
    )
    op.create_index(op.f("ix_checkpoints_job_id_epoch_step"), "checkpoints", ["job_id", "epoch", "step"])
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("checkpoints")
    for table, columns in (("attempts", _attempt_columns()), ("workers", _worker_columns())):
        with op.batch_alter_table(table) as altered:
            for column in columns:
                altered.drop_column(column.name)
    op.drop_index("ix_jobs_queue", "jobs")
    # An earlier release knows neither of the two: the job goes on, and one that was paused waits in the queue.
    op.execute("UPDATE jobs SET requested = NULL WHERE requested IN ('stop', 'pause')")
    op.execute("UPDATE jobs SET status = 'queued' WHERE status = 'paused'")
    with op.batch_alter_table("jobs") as jobs:
        _replace_requests(jobs, EARLIER_REQUESTS)
        jobs.alter_column("queued_at", existing_type=sa.DateTime(timezone=True), new_column_name="dispatched_at")
        for column in _job_columns():
            jobs.drop_column(column.name)


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _replace_requests(jobs, requests: tuple[str, ...]) -> None:  # noqa: ANN001 - Alembic's own
    jobs.drop_constraint(op.f("ck_jobs_requested"), type_="check")
    jobs.create_check_constraint(op.f("ck_jobs_requested"), _among("requested", requests))
