"""A number within its job for each event, so that ids of all tenants' events together need not be shown.

Events that are there already, and those that the release before writes until it is replaced, have none: `id` stands for
it, which is greater than the number of any event before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEX = "ix_events_job_id_number_in_job"


def upgrade() -> None:
    op.add_column("events", sa.Column("number_in_job", sa.BigInteger(), nullable=True))
    op.create_index(INDEX, "events", ["job_id", "number_in_job"])


def downgrade() -> None:
    op.drop_index(INDEX, "events")
    op.drop_column("events", "number_in_job")
