"""Uploaded data sets: uploads, versions, the tasks that validate them, and storage by kind."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
PROJECT, NAME = sa.String(length=40), sa.String(length=64)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("dataset_version", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("predictions", sa.JSON(), nullable=True))
    op.add_column("jobs", sa.Column("parent", sa.String(length=30), nullable=True))
    op.add_column("projects", sa.Column("retention", sa.JSON(), nullable=True))
    has_parent = sa.text("parent IS NOT NULL")
    op.create_index("ix_jobs_parent", "jobs", ["parent"], postgresql_where=has_parent, sqlite_where=has_parent)
    op.add_column("usage_entries", sa.Column("kind", sa.String(length=16), nullable=True))
    op.create_table(
        "storage_use",
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "kind", name=op.f("pk_storage_use")),
    )
    _create_uploads()
    _create_versions()
    _create_tasks()
    _create_audits()


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("dataset", NAME, nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_after", sa.Integer(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_project_id"), "uploads", ["project", "id"])
    unfinished = sa.text("version IS NULL")
    op.create_index(
        "ix_uploads_expires_at", "uploads", ["expires_at"], postgresql_where=unfinished, sqlite_where=unfinished
    )
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.String(length=30), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "offset", name=op.f("pk_upload_parts")),
    )


def _create_versions() -> None:
    op.create_table(
        "datasets",
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name=op.f("pk_datasets")),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("dataset", NAME, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("same_as", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("identity", sa.String(length=64), nullable=True),
        sa.Column("classes", sa.JSON(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("image_size", sa.Integer(), nullable=True),
        sa.Column("train_images", sa.Integer(), nullable=True),
        sa.Column("test_images", sa.Integer(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("files", sa.JSON(), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("project", "dataset", "number", name=op.f("pk_dataset_versions")),
        sa.ForeignKeyConstraint(
            ["project", "dataset"], ["datasets.project", "datasets.name"], name=op.f("fk_dataset_versions_project")
        ),
    )
    op.create_index(op.f("ix_dataset_versions_project_identity"), "dataset_versions", ["project", "identity"])
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "ix_dataset_versions_deleted_at",
        "dataset_versions",
        ["deleted_at"],
        postgresql_where=deleted,
        sqlite_where=deleted,
    )


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=31), nullable=False),
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("dataset", NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("not_before", TIME, nullable=True),
        sa.Column("progress", sa.JSON(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_project_id"), "tasks", ["project", "id"])
    is_open = sa.text("status IN ('queued', 'running')")
    op.create_index("ix_tasks_open", "tasks", ["status", "id"], postgresql_where=is_open, sqlite_where=is_open)


def _create_audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("dataset", NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("jobs", sa.JSON(), nullable=False),
        sa.Column("task", sa.String(length=31), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.Column("suspects", sa.JSON(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
        sa.ForeignKeyConstraint(
            ["project", "dataset", "version"],
            ["dataset_versions.project", "dataset_versions.dataset", "dataset_versions.number"],
            name=op.f("fk_audits_project"),
        ),
    )
    op.create_index(op.f("ix_audits_project_dataset_version_id"), "audits", ["project", "dataset", "version", "id"])
    is_open = sa.text("open")
    op.create_index("ix_audits_open", "audits", ["id"], postgresql_where=is_open, sqlite_where=is_open)


def downgrade() -> None:
    """Uploaded data sets are lost. Their bytes count no more."""
    op.execute(
        "UPDATE projects SET storage_bytes = storage_bytes - coalesce((SELECT sum(storage_use.storage_bytes) "
        "FROM storage_use WHERE storage_use.project = projects.id AND kind IN ('uploads', 'datasets')), 0)"
    )
    op.execute("DELETE FROM usage_entries WHERE kind IN ('uploads', 'datasets')")
    for table in ("audits", "tasks", "dataset_versions", "datasets", "upload_parts", "uploads", "storage_use"):
        op.drop_table(table)
    op.drop_column("usage_entries", "kind")
    op.drop_column("projects", "retention")
    op.drop_index("ix_jobs_parent", "jobs")
    op.drop_column("jobs", "parent")
    op.drop_column("jobs", "predictions")
    op.drop_column("jobs", "dataset_version")
