"""Sweeps; jobs that are repeated under other seeds; signals of an epoch, beside its losses."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SIGNALS = ("gradient_norm", "update_ratio", "dead_units", "loading_share")


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("project", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("experiment", sa.String(length=64), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("space", sa.JSON(), nullable=False),
        sa.Column("trials", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )
    op.create_index(op.f("ix_sweeps_project_id"), "sweeps", ["project", "id"])
    op.add_column("jobs", sa.Column("repeats", sa.Integer(), server_default="1", nullable=False))
    for name in SIGNALS:
        op.add_column("epochs", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("epochs", sa.Column("layers", sa.JSON(), nullable=True))


def downgrade() -> None:
    for name in (*SIGNALS, "layers"):
        op.drop_column("epochs", name)
    op.drop_column("jobs", "repeats")
    op.drop_table("sweeps")
