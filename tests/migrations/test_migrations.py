import os
import sys
from pathlib import Path
from subprocess import Popen

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from migrations import migrate
from models import Base, Database


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_up_down_and_up_again_without_drift(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate(database)
    assert tables(database) == {*Base.metadata.tables, "alembic_version"}
    migrate(database, "base")
    assert tables(database) == {"alembic_version"}
    migrate(database)
    config = Config(Path("alembic.ini"))
    config.attributes["engine"] = database.engine
    command.check(config)  # raises where the tables differ from the models
    database.dispose()


def test_constraints_and_indexes_are_named_by_convention(database: Database) -> None:
    seen = inspect(database.engine)
    for table in Base.metadata.tables:
        assert seen.get_pk_constraint(table)["name"] == f"pk_{table}"
        for key in seen.get_foreign_keys(table):
            assert key["name"] == f"fk_{table}_{key['constrained_columns'][0]}"
    assert {check["name"] for check in seen.get_check_constraints("jobs")} == {"ck_jobs_status", "ck_jobs_requested"}


def test_several_at_once_do_no_harm(empty_database_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "EPOCHAL_DATABASE_URL": empty_database_url, "EPOCHAL_DATA_DIR": str(tmp_path)}
    processes = [Popen([sys.executable, "-m", "migrations"], env=environment) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    database = Database(empty_database_url)
    assert tables(database) == {*Base.metadata.tables, "alembic_version"}
    database.dispose()
