"""Exports and evaluations of trained models."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
MODEL = sa.String(length=30)


def upgrade() -> None:
    op.create_table(
        "model_tasks",
        sa.Column("id", MODEL, nullable=False),
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("model_id", MODEL, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("task", sa.String(length=31), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_tasks")),
    )
    op.create_index(op.f("ix_model_tasks_model_id_id"), "model_tasks", ["model_id", "id"])
    is_open = sa.text("finished_at IS NULL")
    op.create_index(
        "ix_model_tasks_open",
        "model_tasks",
        ["project", "dataset"],
        postgresql_where=is_open,
        sqlite_where=is_open,
    )


def downgrade() -> None:
    op.drop_table("model_tasks")
