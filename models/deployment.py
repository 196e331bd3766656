"""Which database this is, and whether its schema is one that this release works with."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, String, inspect, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.columns import DatabaseNow

# Of the last migration of this release (a test holds it there). Revisions ascend as text does.
REVISION = "0014"

MIGRATE = "`python -m migrations` of this release brings it up to date."


class Deployment(Base):
    """One row, written by the migration that makes the table: what makes this database this one."""

    __tablename__ = "deployment"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    storage_id: Mapped[str | None] = mapped_column(String(36))  # of the storage that its files lie in
    # The oldest revision whose release works with this schema. A migration that takes something away raises it.
    oldest_revision: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    written_at: Mapped[datetime | None]  # when somebody last tried whether it can be written


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database's schema is to this release."""

    revision: str | None  # None: it has none of our tables
    oldest_revision: str | None = None

    @property
    def is_newer(self) -> bool:
        """Whether a later release has migrated it."""
        return self.revision is not None and self.revision > REVISION

    @property
    def incompatibility(self) -> str | None:
        """Why this release cannot work with it, and what to do; None where it can."""
        if self.revision is None:
            return f"The database has no tables of Epochal's yet: {MIGRATE}"
        if self.revision < REVISION:
            return f"The database is at revision {self.revision}, this release needs {REVISION}: {MIGRATE}"
        if self.is_newer and (self.oldest_revision is None or self.oldest_revision > REVISION):
            return (
                f"The database is at revision {self.revision}, made by a newer release, which this one (revision "
                f"{REVISION}) cannot work with: install that release."
            )
        return None


def schema_of(connection: Connection) -> Schema:
    """As it is now."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        return Schema(None)
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    oldest = connection.scalar(text("SELECT oldest_revision FROM deployment")) if "deployment" in tables else None
    return Schema(revision, oldest)
