"""Whether there is a database behind an address: asked by programs that cannot start without."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, ProgrammingError

from environment.startup import CannotStart
from models.database import OUTAGES, Database

MIGRATE = "`python -m migrations`"


def require_answer(database: Database) -> None:
    """Raises CannotStart where the database does not answer, lets nobody in, or is none."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise CannotStart(f"There is no database yet: {MIGRATE} makes it.")
    try:
        with database.glance() as session:
            session.execute(text("SELECT 1"))
    except (*OUTAGES, DatabaseError) as error:  # the latter for a file that is no database, or a damaged one
        raise CannotStart(f"The database of EPOCHAL_DATABASE_URL does not answer: {reason(error)}") from error


@contextmanager
def expecting_tables() -> Iterator[None]:
    """Raises CannotStart where the database stops answering inside, or has not what the release asks it for."""
    try:
        yield
    except (*OUTAGES, ProgrammingError) as error:
        raise CannotStart(
            f"The database cannot be used, perhaps because {MIGRATE} has not run: {reason(error)}"
        ) from error


def reason(error: Exception) -> str:
    """The driver's own words, on one line, without the statement that SQLAlchemy puts below."""
    return " ".join(str(getattr(error, "orig", None) or error).split("\n[SQL:")[0].split())
