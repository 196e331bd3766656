"""Bring the database of EPOCHAL_DATABASE_URL up to date."""

from environment.startup import CannotStart, exit_with_one_line
from migrations import migrate
from models import Database, DatabaseUnavailable
from settings import read_settings


def main() -> None:
    """Returns when it is up to date. Ends with one line and exit code 1 where that cannot be done."""
    with exit_with_one_line():
        database = Database(read_settings().database_url.get_secret_value(), connections=1)
        try:
            migrate(database)
            schema = database.schema()
        except DatabaseUnavailable as error:
            raise CannotStart(error.one_line) from error
        finally:
            database.dispose()
    if schema.is_newer:
        print(  # noqa: T201  # for whoever started it
            f"The database is at revision {schema.revision} of a newer release, with which this one works, too."
        )


if __name__ == "__main__":
    main()
