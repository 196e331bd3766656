"""Bring the database of EPOCHAL_DATABASE_URL up to date."""

from migrations import migrate
from models import Database
from settings import read_settings

if __name__ == "__main__":
    migrate(Database(read_settings().database_url.get_secret_value()))
