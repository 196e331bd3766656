"""Epochs that are not evaluated, and figures of a validation split."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEST = ("test_loss", "test_accuracy")
VALIDATION = ("validation_loss", "validation_accuracy")


def upgrade() -> None:
    with op.batch_alter_table("epochs") as epochs:
        for name in TEST:
            epochs.alter_column(name, existing_type=sa.Double(), nullable=True)
        for name in VALIDATION:
            epochs.add_column(sa.Column(name, sa.Double(), nullable=True))


def downgrade() -> None:
    # What was not measured becomes NaN, which both databases keep: SQLite as the text that models.columns writes.
    op.execute("UPDATE epochs SET test_loss = 'NaN' WHERE test_loss IS NULL")
    op.execute("UPDATE epochs SET test_accuracy = 'NaN' WHERE test_accuracy IS NULL")
    with op.batch_alter_table("epochs") as epochs:
        for name in VALIDATION:
            epochs.drop_column(name)
        for name in TEST:
            epochs.alter_column(name, existing_type=sa.Double(), nullable=False)
