"""Trained models, their names, versions and aliases."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
PROJECT, NAME, MODEL = sa.String(length=40), sa.String(length=64), sa.String(length=30)


def upgrade() -> None:
    op.create_table(
        "trained_models",
        sa.Column("id", MODEL, nullable=False),
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.Column("which", sa.String(length=8), nullable=False),
        sa.Column("architecture", sa.String(length=64), nullable=False),
        sa.Column("dataset", sa.String(length=200), nullable=False),
        sa.Column("class_count", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=True),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trained_models")),
    )
    op.create_index(op.f("ix_trained_models_project_id"), "trained_models", ["project", "id"])
    op.create_index(op.f("ix_trained_models_job_id"), "trained_models", ["job_id"])
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "ix_trained_models_deleted_at",
        "trained_models",
        ["deleted_at"],
        postgresql_where=deleted,
        sqlite_where=deleted,
    )
    op.create_table(
        "model_names",
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name=op.f("pk_model_names")),
    )
    _create_versions_and_aliases()


def _create_versions_and_aliases() -> None:
    op.create_table(
        "model_versions",
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("model_id", MODEL, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "name", "number", name=op.f("pk_model_versions")),
        sa.ForeignKeyConstraint(
            ["project", "name"], ["model_names.project", "model_names.name"], name=op.f("fk_model_versions_project")
        ),
    )
    op.create_index(op.f("ix_model_versions_model_id"), "model_versions", ["model_id"])
    op.create_table(
        "model_aliases",
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("alias", NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("moved_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "name", "alias", name=op.f("pk_model_aliases")),
        sa.ForeignKeyConstraint(
            ["project", "name"], ["model_names.project", "model_names.name"], name=op.f("fk_model_aliases_project")
        ),
    )
    op.create_table(
        "model_alias_moves",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project", PROJECT, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("alias", NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("moved_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_alias_moves")),
    )
    op.create_index(
        op.f("ix_model_alias_moves_project_name_alias_id"), "model_alias_moves", ["project", "name", "alias", "id"]
    )


def downgrade() -> None:
    for table in ("model_alias_moves", "model_aliases", "model_versions", "model_names", "trained_models"):
        op.drop_table(table)
