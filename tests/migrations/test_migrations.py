import os
import re
import sys
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, inspect, text

from environment.startup import CannotStart
from migrations import migrate
from models import Base, Database, DatabaseRefused, JobStatus, Request
from tests.conftest import Databases


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def columns_of(database: Database) -> set[str]:
    return {column["name"] for column in inspect(database.engine).get_columns("epochs")}


def config_of(database: Database) -> Config:
    config = Config(Path("alembic.ini"))
    config.attributes["engine"] = database.engine
    return config


JOB = """
    INSERT INTO jobs (id, tags, spec, status, attempt, losses, dispatched_at, created_at)
    VALUES ('job_1', '[]', '{}', 'queued', 1, 0, '2026-01-01 00:00:00', '2026-01-01 00:00:00')
"""
EPOCH = """
    INSERT INTO epochs (job_id, epoch, attempt, train_loss, train_accuracy, learning_rate, seconds, images_per_second,
                        recorded_at, test_loss, test_accuracy{columns})
    VALUES ('job_1', {epoch}, 1, 0.75, 0.5, 0.1, 2.0, 700.0, '2026-01-01 00:00:00', {test}{values})
"""


def figures(database: Database, *more: str) -> list[str]:
    """A line an epoch: its number, train loss, test loss, test accuracy and `more`. SQLite's NaN is text."""
    columns = ", ".join(["epoch", "train_loss", "test_loss", "test_accuracy", *more])
    with database.snapshot() as session:
        rows = session.execute(text(f"SELECT {columns} FROM epochs ORDER BY epoch")).all()
    return [" ".join([str(row[0]), *(str(value and float(value)) for value in row[1:])]) for row in rows]


def test_up_down_and_up_again_without_drift(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate(database)
    assert tables(database) == {*Base.metadata.tables, "alembic_version"}
    migrate(database, "base")
    assert tables(database) == {"alembic_version"}
    migrate(database)
    command.check(config_of(database))  # raises where the tables differ from the models
    database.dispose()


def test_epochs_survive_the_way_to_unevaluated_ones_and_back(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate(database, "0001")
    with database.session() as session:
        session.execute(text(JOB))
        session.execute(text(EPOCH.format(columns="", epoch=0, test="1.5, 0.25", values="")))
        session.execute(text(EPOCH.format(columns="", epoch=1, test="'NaN', 0.5", values="")))
    migrate(database, "0002")
    assert figures(database, "validation_loss") == ["0 0.75 1.5 0.25 None", "1 0.75 nan 0.5 None"]
    with database.session() as session:
        columns = ", validation_loss, validation_accuracy"
        session.execute(text(EPOCH.format(columns=columns, epoch=2, test="NULL, NULL", values=", NULL, NULL")))
        session.execute(text(EPOCH.format(columns=columns, epoch=3, test="1.0, 0.5", values=", 2.0, 0.4")))
    command.downgrade(config_of(database), "0001")
    assert figures(database) == ["0 0.75 1.5 0.25", "1 0.75 nan 0.5", "2 0.75 nan nan", "3 0.75 1.0 0.5"]
    assert not {"validation_loss", "validation_accuracy"} & columns_of(database)
    migrate(database)
    assert {"validation_loss", "validation_accuracy"} <= columns_of(database)
    database.dispose()


def test_constraints_and_indexes_are_named_by_convention(database: Database) -> None:
    seen = inspect(database.engine)
    for table in Base.metadata.tables:
        assert seen.get_pk_constraint(table)["name"] == f"pk_{table}"
        for key in seen.get_foreign_keys(table):
            assert key["name"] == f"fk_{table}_{key['constrained_columns'][0]}"
    assert {check["name"] for check in seen.get_check_constraints("jobs")} == {"ck_jobs_status", "ck_jobs_requested"}


def test_the_database_takes_every_status_and_every_request(database: Database) -> None:
    """Alembic does not compare CHECK constraints with the models."""
    checks = {check["name"]: check["sqltext"] for check in inspect(database.engine).get_check_constraints("jobs")}
    assert set(re.findall(r"'(\w+)'", checks["ck_jobs_status"])) == set(JobStatus)
    assert set(re.findall(r"'(\w+)'", checks["ck_jobs_requested"])) == set(Request)


REVISIONS = "CREATE TABLE alembic_version (version_num VARCHAR(32))"


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (["CREATE TABLE jobs (id INTEGER)"], "tables called jobs that no migration"),
        ([REVISIONS, "CREATE TABLE epochs (id INTEGER)"], "tables called epochs that no migration"),
        ([REVISIONS, "INSERT INTO alembic_version VALUES ('0001a')"], "none of this release's"),
    ],
)
def test_what_another_program_has_made_is_left_alone(empty_database_url: str, done: list[str], said: str) -> None:
    database = Database(empty_database_url)
    database.create()
    with database.session() as session:
        for statement in done:
            session.execute(text(statement))
    before = tables(database)
    with pytest.raises(CannotStart, match=said) as told:
        migrate(database)
    assert "\n" not in str(told.value)
    assert tables(database) == before
    database.dispose()


def test_who_may_make_no_table_is_told_so(postgresql_databases: Databases) -> None:
    with postgresql_databases(migrated=False) as url:
        owner, newcomer = Database(url), Database(url.replace("postgres:", "newcomer:", 1))
        with owner.session() as session:
            for statement in ("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE ROLE newcomer LOGIN"):
                session.execute(text(statement))
        with pytest.raises(DatabaseRefused, match="permission denied"):
            migrate(newcomer)
        newcomer.dispose()
        with owner.session() as session:
            session.execute(text("DROP ROLE newcomer"))
        owner.dispose()


def test_a_migration_that_breaks_off_leaves_nothing_of_those_before(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    database.create()

    @event.listens_for(database.engine, "before_cursor_execute")
    def break_off(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if "CREATE TABLE model_tasks" in statement:
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        migrate(database)
    event.remove(database.engine, "before_cursor_execute", break_off)
    assert tables(database) == set()
    migrate(database)
    assert tables(database) == {*Base.metadata.tables, "alembic_version"}
    database.dispose()


def test_several_at_once_do_no_harm(empty_database_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "EPOCHAL_DATABASE_URL": empty_database_url, "EPOCHAL_DATA_DIR": str(tmp_path)}
    processes = [Popen([sys.executable, "-m", "migrations"], env=environment) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    database = Database(empty_database_url)
    assert tables(database) == {*Base.metadata.tables, "alembic_version"}
    database.dispose()
