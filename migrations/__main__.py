"""Bring the database of EPOCHAL_DATABASE_URL up to date."""

import sys

from migrations import DatabaseNewer, migrate
from models import Database, DatabaseUnavailable
from settings import read_settings


def main() -> None:
    """Ends with one line and exit code 1 where that cannot be done."""
    database = Database(read_settings().database_url.get_secret_value(), connections=1)
    try:
        migrate(database)
        schema = database.schema()
    except DatabaseUnavailable as error:
        sys.exit(f"{error.title()} {error}")
    except DatabaseNewer as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"The database's file cannot be made: {error}.")
    if schema.is_newer:
        print(  # noqa: T201  # for whoever started it
            f"The database is at revision {schema.revision} of a newer release, with which this one works, too."
        )


if __name__ == "__main__":
    main()
