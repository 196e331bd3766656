"""What makes a database this one; and defaults for the release before, where they are missing."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Revision 0004 removed these defaults at first. Then the release before it could insert no jobs.
DEFAULTS = {
    "jobs": {"project": "default", "revision": "0", "storage_bytes": "0"},
    "idempotency_keys": {"project": "default"},
}


def upgrade() -> None:
    deployment = op.create_table(
        "deployment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("storage_id", sa.String(length=36), nullable=True),
        sa.Column("oldest_revision", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.execute(
        sa.insert(deployment).values(id=str(uuid4()), oldest_revision="0003", created_at=sa.func.current_timestamp())
    )
    for table, defaults in DEFAULTS.items():
        columns = {column["name"]: column for column in sa.inspect(op.get_bind()).get_columns(table)}
        missing = {name: default for name, default in defaults.items() if columns[name]["default"] is None}
        if missing:
            _set(table, missing, columns)


def _set(table: str, missing: dict[str, str], columns: dict) -> None:
    if table == "jobs":  # SQLite copies the table, and a copied index loses its descending columns
        op.drop_index("ix_jobs_queue", "jobs")
    with op.batch_alter_table(table) as altered:
        for name, default in missing.items():
            altered.alter_column(
                name, existing_type=columns[name]["type"], existing_nullable=False, server_default=default
            )
    if table == "jobs":
        queued = sa.text("status = 'queued'")
        order = [sa.text("priority DESC"), "id"]
        op.create_index("ix_jobs_queue", "jobs", order, postgresql_where=queued, sqlite_where=queued)


def downgrade() -> None:
    op.drop_table("deployment")
