"""The database's history. `python -m migrations` brings it up to date; safe to run in several places at once.

While a release still runs, the next one's migrations must not break it: they add (tables, columns that may be null or
have a default of the database's own, indexes), and take nothing away that the release before uses. A test holds them
to it.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config

from environment.startup import CannotStart
from models import Database


class DatabaseNewer(CannotStart):
    """A newer release has migrated the database."""


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`; `base` is the empty database. Makes SQLite's file where there is none.

    Does nothing where a newer release was here that says that this one may still run. Raises DatabaseNewer where it
    may not, and DatabaseUnavailable.
    """
    database.create()
    schema = database.schema()
    if schema.is_newer:
        if schema.flaw:
            raise DatabaseNewer(schema.flaw)
        return
    config = Config(Path(__file__).parent.parent / "alembic.ini")
    config.attributes["engine"] = database.engine
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
