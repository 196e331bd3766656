"""The database's history. `python -m migrations` brings it up to date; safe to run in several places at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from models import Database


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`; `base` is the empty database."""
    database.make_file()
    config = Config(Path(__file__).parent.parent / "alembic.ini")
    config.attributes["engine"] = database.engine
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
