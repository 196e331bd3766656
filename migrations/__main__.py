"""Bring the database of EPOCHAL_DATABASE_URL up to date."""

from migrations import migrate
from models import Database
from settings import Settings

if __name__ == "__main__":
    migrate(Database(Settings().database_url.get_secret_value()))
