"""Lanes of the queue, and usage that is appended before it is added up."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KIND = sa.text("coalesce(accelerator, '')")
DEFAULT_PRIORITY = sa.text("priority DESC")
BY_LANE = [KIND, "devices", DEFAULT_PRIORITY, "id"]
# Each index: its columns, and which of the queued jobs it holds. The queue's own index did not begin with the status;
# SQLite does not use it then.
INDEXES = {
    "ix_jobs_queue": ([DEFAULT_PRIORITY, "id"], None),
    "ix_jobs_lane": (BY_LANE, "not_before IS NULL"),
    "ix_jobs_project_lane": (["project", *BY_LANE], "not_before IS NULL"),
    "ix_jobs_stopping": (["requested", DEFAULT_PRIORITY, "id"], "requested = 'stop'"),
    "ix_jobs_backing_off": (["not_before"], "not_before IS NOT NULL"),
    "ix_jobs_queued_at": (["queued_at"], None),
}
QUEUED = "status = 'queued'"


def upgrade() -> None:
    op.drop_index("ix_jobs_queue", "jobs")
    for name, (columns, only) in INDEXES.items():
        where = sa.text(f"{QUEUED} AND {only}" if only else QUEUED)
        op.create_index(name, "jobs", ["status", *columns], postgresql_where=where, sqlite_where=where)
    op.create_table(
        "usage_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=True),
        sa.Column("device_seconds", sa.Double(), nullable=False),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_entries")),
    )
    op.create_index(op.f("ix_usage_entries_project"), "usage_entries", ["project"])


def downgrade() -> None:
    """An earlier release reads the sums alone."""
    op.execute(
        "UPDATE projects SET storage_bytes = storage_bytes + coalesce((SELECT sum(usage_entries.storage_bytes) "
        "FROM usage_entries WHERE usage_entries.project = projects.id), 0)"
    )
    op.execute(
        "INSERT INTO device_use (project, month, device_seconds) SELECT project, month, sum(device_seconds) "
        "FROM usage_entries WHERE month IS NOT NULL GROUP BY project, month "
        "ON CONFLICT (project, month) DO UPDATE "
        "SET device_seconds = device_use.device_seconds + excluded.device_seconds"
    )
    op.drop_table("usage_entries")
    for name in INDEXES:
        op.drop_index(name, "jobs")
    where = sa.text(QUEUED)
    op.create_index("ix_jobs_queue", "jobs", [DEFAULT_PRIORITY, "id"], postgresql_where=where, sqlite_where=where)
