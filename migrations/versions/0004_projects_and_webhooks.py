"""Projects with their keys, quotas and webhooks; what jobs are found, sorted and followed by."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DEFAULT = "default"
TIME = sa.DateTime(timezone=True)
LISTS = ("id", "status", "dataset", "architecture", "name", "priority", "finished_at", "best_accuracy")


def _job_columns() -> tuple[sa.Column, ...]:
    # The defaults stay: the release before inserts jobs without these columns, while it still runs.
    return (
        sa.Column("project", sa.String(length=40), nullable=False, server_default=DEFAULT),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("dataset", sa.String(length=200), nullable=True),
        sa.Column("architecture", sa.String(length=64), nullable=True),
        sa.Column("best_accuracy", sa.Double(), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("deleted_at", TIME, nullable=True),
    )


def upgrade() -> None:
    _create_projects()
    _drop_queue()
    with op.batch_alter_table("jobs") as jobs:
        for column in _job_columns():
            jobs.add_column(column)
        jobs.create_foreign_key(op.f("fk_jobs_project"), "projects", ["project"], ["id"])
    op.execute("UPDATE jobs SET dataset = spec ->> 'dataset'")
    _fill_in_architectures()
    op.execute(
        "UPDATE jobs SET best_accuracy = (SELECT coalesce(epochs.validation_accuracy, epochs.test_accuracy) "
        "FROM epochs WHERE epochs.job_id = jobs.id AND epochs.epoch = jobs.best_epoch)"
    )
    _count_storage()
    _create_queue()
    for column in LISTS:
        columns = list(dict.fromkeys(["project", column, "id"]))
        op.create_index(op.f(f"ix_jobs_{'_'.join(columns)}"), "jobs", columns)
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index("ix_jobs_deleted_at", "jobs", ["deleted_at"], postgresql_where=deleted, sqlite_where=deleted)
    _create_tags()
    op.create_index(op.f("ix_attempts_ended_at"), "attempts", ["ended_at"])
    op.add_column("events", sa.Column("epoch", sa.Integer(), nullable=True))
    _tell_epochs()
    _give_keys_a_project()
    _create_webhooks()


def _drop_queue() -> None:
    """Before its table is copied, as SQLite's is: a copied index forgets in which direction it goes."""
    op.drop_index("ix_jobs_queue", "jobs")


def _create_queue() -> None:
    queued = sa.text("status = 'queued'")
    op.create_index(
        "ix_jobs_queue", "jobs", [sa.text("priority DESC"), "id"], postgresql_where=queued, sqlite_where=queued
    )


def _create_projects() -> None:
    projects = op.create_table(
        "projects",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("max_running_jobs", sa.Integer(), nullable=True),
        sa.Column("max_queued_jobs", sa.Integer(), nullable=True),
        sa.Column("max_storage_bytes", sa.BigInteger(), nullable=True),
        sa.Column("max_device_hours", sa.Double(), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )
    op.execute(sa.insert(projects).values(id=DEFAULT, storage_bytes=0, created_at=sa.func.current_timestamp()))
    op.create_table(
        "device_use",
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("device_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_device_use_project")),
        sa.PrimaryKeyConstraint("project", "month", name=op.f("pk_device_use")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_api_keys_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_project"), "api_keys", ["project"])


def _fill_in_architectures() -> None:
    """A spec's architecture is stored as an object; those of the first release have a name there."""
    kind = {"sqlite": "json_type(spec, '$.architecture')", "postgresql": "json_typeof(spec -> 'architecture')"}
    op.execute(
        f"UPDATE jobs SET architecture = CASE {kind[op.get_bind().dialect.name]} "  # noqa: S608 - nothing of a user's
        "WHEN 'object' THEN spec -> 'architecture' ->> 'name' ELSE spec ->> 'architecture' END"
    )


def _count_storage() -> None:
    """What device time was used before is not counted: no quota was there to be kept."""
    op.execute(
        "UPDATE jobs SET storage_bytes = coalesce(CAST(weights ->> 'size_bytes' AS BIGINT), 0) + coalesce("
        "(SELECT sum(checkpoints.size_bytes) FROM checkpoints WHERE checkpoints.job_id = jobs.id), 0)"
    )
    op.execute("UPDATE projects SET storage_bytes = (SELECT coalesce(sum(storage_bytes), 0) FROM jobs)")


def _tell_epochs() -> None:
    """Whoever follows a job that has not ended is told its earlier epochs, too."""
    op.execute(
        "INSERT INTO events (job_id, attempt, type, message, epoch, created_at) "
        "SELECT epochs.job_id, epochs.attempt, 'epoch', 'Epoch ' || epochs.epoch || ', recorded before the upgrade.', "
        "epochs.epoch, epochs.recorded_at FROM epochs JOIN jobs ON jobs.id = epochs.job_id "
        "WHERE jobs.status IN ('queued', 'starting', 'running', 'paused') ORDER BY epochs.job_id, epochs.epoch"
    )


def _create_tags() -> None:
    op.create_table(
        "job_tags",
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_tags_job_id")),
        sa.PrimaryKeyConstraint("project", "tag", "job_id", name=op.f("pk_job_tags")),
    )
    op.create_index(op.f("ix_job_tags_job_id"), "job_tags", ["job_id"])
    each = {"sqlite": "json_each(jobs.tags)", "postgresql": "json_array_elements_text(jobs.tags) AS each(value)"}
    copied = "INSERT INTO job_tags (project, tag, job_id) SELECT DISTINCT jobs.project, value, jobs.id FROM jobs, "
    op.execute(copied + each[op.get_bind().dialect.name])


def _give_keys_a_project() -> None:
    with op.batch_alter_table("idempotency_keys") as keys:
        keys.add_column(sa.Column("project", sa.String(length=40), nullable=False, server_default=DEFAULT))
        keys.drop_constraint(op.f("pk_idempotency_keys"), type_="primary")
        keys.create_primary_key(op.f("pk_idempotency_keys"), ["project", "key"])


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_webhooks_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_project"), "webhooks", ["project"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("webhook_id", sa.String(length=30), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(op.f("ix_webhook_deliveries_webhook_id_id"), "webhook_deliveries", ["webhook_id", "id"])
    due = sa.text("next_attempt_at IS NOT NULL")
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["next_attempt_at"],
        postgresql_where=due,
        sqlite_where=due,
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    # An earlier release has no projects: of several keys that are equal, one stays.
    op.execute("DELETE FROM idempotency_keys WHERE project <> 'default'")
    with op.batch_alter_table("idempotency_keys") as keys:
        keys.drop_constraint(op.f("pk_idempotency_keys"), type_="primary")
        keys.create_primary_key(op.f("pk_idempotency_keys"), ["key"])
        keys.drop_column("project")
    op.execute("DELETE FROM events WHERE type IN ('epoch', 'epoch_revised')")
    with op.batch_alter_table("events") as events:
        events.drop_column("epoch")
    op.drop_index(op.f("ix_attempts_ended_at"), "attempts")
    op.drop_table("job_tags")
    op.drop_index("ix_jobs_deleted_at", "jobs")
    for column in LISTS:
        columns = list(dict.fromkeys(["project", column, "id"]))
        op.drop_index(op.f(f"ix_jobs_{'_'.join(columns)}"), "jobs")
    _drop_queue()
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint(op.f("fk_jobs_project"), type_="foreignkey")
        for column in _job_columns():
            jobs.drop_column(column.name)
    _create_queue()
    op.drop_table("api_keys")
    op.drop_table("device_use")
    op.drop_table("projects")
