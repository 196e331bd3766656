"""What weights an attempt began from, which its job's manifest says when they are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("starting_weights", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("attempts", "starting_weights")
