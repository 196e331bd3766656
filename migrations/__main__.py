"""Bring the database of EPOCHAL_DATABASE_URL up to date."""

from environment.startup import told_in_one_line
from migrations import migrate
from models import Database
from models.answering import require_answer
from settings import read_settings


def main() -> None:
    """Returns when it is up to date."""
    with told_in_one_line():
        database = Database(read_settings().database_url.get_secret_value(), pool_size=1)
        database.make_file()
        require_answer(database)
        migrate(database)
    database.dispose()


if __name__ == "__main__":
    main()
