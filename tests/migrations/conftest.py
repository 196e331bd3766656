"""A database between two revisions, and what it looks like there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from models import Database


@dataclass(frozen=True, slots=True)
class TableShape:
    """What of a table a migration must keep, whatever the order that its columns come in."""

    columns: Sequence[tuple[str, str, bool]]  # name, type, whether it may be NULL
    primary_key: tuple[str | None, Sequence[str]]
    foreign_keys: Sequence[tuple[str, Sequence[str], str]]
    indexes: Mapping[str, str]  # each as the database would make it: what reflects it misses a DESC


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.dispose()


def downgrade(database: Database, revision: str) -> None:
    config = Config(Path("alembic.ini"))
    config.attributes["engine"] = database.engine
    command.downgrade(config, revision)


def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.snapshot() as session:
        return [tuple(row) for row in session.execute(text(statement))]


def execute(database: Database, *statements: str) -> None:
    with database.session() as session:
        for statement in statements:
            session.execute(text(statement))


DEFINITIONS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = '{table}'",
}


def described(database: Database, tables: Iterable[str]) -> dict[str, TableShape]:
    """The shape of each table."""
    seen = inspect(database.engine)
    found = {}
    for table in tables:
        key = seen.get_pk_constraint(table)
        found[table] = TableShape(
            columns=sorted((each["name"], str(each["type"]), each["nullable"]) for each in seen.get_columns(table)),
            primary_key=(key["name"], key["constrained_columns"]),
            foreign_keys=sorted(
                (str(each["name"]), each["constrained_columns"], each["referred_table"])
                for each in seen.get_foreign_keys(table)
            ),
            indexes=dict(rows(database, DEFINITIONS[database.engine.dialect.name].format(table=table))),
        )
    return found
