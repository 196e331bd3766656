"""The database's history. `python -m migrations` brings it up to date; safe to run in several places at once.

While a release still runs, the next one's migrations must not break it: they add (tables, columns that may be null or
have a default of the database's own, indexes), and take nothing away that the release before uses. A test holds them
to it.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import inspect

from environment.startup import CannotStart
from models import Base, Database
from models.deployment import schema_of


class DatabaseNewer(CannotStart):
    """A newer release has migrated the database."""


class DatabaseForeign(CannotStart):
    """Another program's tables are in the database, or what says which revision ours are of was changed by hand."""


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`; `base` is the empty database. Makes SQLite's file where there is none.

    Does nothing where a newer release was here that says that this one may still run. Raises DatabaseNewer where it
    may not, DatabaseForeign, and DatabaseUnavailable.
    """
    database.create()
    schema = database.schema()
    if schema.is_newer:
        if schema.incompatibility:
            raise DatabaseNewer(schema.incompatibility)
        return
    _require_none_of_another(database)
    config = Config(Path(__file__).parent.parent / "alembic.ini")
    config.attributes["engine"] = database.engine
    try:
        with database.translated_errors():
            if revision == "base":
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)
    except CommandError as error:  # Alembic's errors here concern revisions alone
        raise DatabaseForeign(
            f"The database's table alembic_version has a revision that is none of this release's: {error}. "
            "Give Epochal a database of its own, or a backup of it."
        ) from error


def _require_none_of_another(database: Database) -> None:
    with database.snapshot() as session:  # one state of the database: another process may migrate it meanwhile
        connection = session.connection()
        there = set(inspect(connection).get_table_names()) if schema_of(connection).revision is None else set()
    if clash := sorted(there & Base.metadata.tables.keys()):
        raise DatabaseForeign(
            f"The database has tables called {', '.join(clash)} that no migration of Epochal's has made: give it a "
            "database of its own."
        )
