"""Trained models that no job has left: somebody has brought their weights."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("trained_models") as models:
        models.alter_column("job_id", existing_type=sa.String(length=30), nullable=True)


def downgrade() -> None:
    # The release before knows trained models of jobs alone. Names of the others stand for nothing there.
    op.execute("DELETE FROM trained_models WHERE job_id IS NULL")
    with op.batch_alter_table("trained_models") as models:
        models.alter_column("job_id", existing_type=sa.String(length=30), nullable=False)
