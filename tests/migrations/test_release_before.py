"""The release before goes on working while the next one has migrated the database: expand first, contract later."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.types.json import Json
from sqlalchemy import inspect

from migrations import migrate
from models import REVISION, Database

RELEASED = Path(__file__).parent / "released"
RELEASE_BEFORE = "0003"  # the last revision of release 0.2.0


def decoded(value: Any) -> Any:
    match value:
        case {"mapping": pairs}:
            return {name: decoded(each) for name, each in pairs.items()}
        case {"time": time}:
            return datetime.fromisoformat(time)
        case {"json": content}:
            return Json(content)
        case list():
            return tuple(map(decoded, value))
    return value


def test_every_statement_of_the_release_before_does_on_the_new_schema_what_it_did(database: Database) -> None:
    """As record_release.py has taken them down. A column that the release does not know, and that must have a value,
    would end its first INSERT."""
    file = RELEASED / f"0.2.0-{database.engine.dialect.name}.json"
    said = json.loads(file.read_text())
    assert len(said) > 150
    with database.engine.begin() as connection:
        for each in said:
            result = connection.exec_driver_sql(each["statement"], decoded(each["parameters"]))
            if each["rows"] is not None:
                assert result.rowcount == each["rows"], each["statement"]
            result.close()
    assert database.schema().incompatibility is None


def shapes(database: Database) -> dict[str, Any]:
    seen = inspect(database.engine)
    return {
        table: {column["name"]: column for column in seen.get_columns(table)}
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_above_the_release_before_only_add(empty_database_url: str) -> None:
    """Each on its own: a later one cannot make good what one before has broken, since both releases run meanwhile."""
    database = Database(empty_database_url)
    migrate(database, RELEASE_BEFORE)
    script = ScriptDirectory.from_config(Config("alembic.ini"))
    above = [each.revision for each in script.walk_revisions() if each.revision > RELEASE_BEFORE]
    assert above
    before = shapes(database)
    for revision in reversed(above):
        migrate(database, revision)
        after = shapes(database)
        for table, columns in before.items():
            assert table in after, f"{revision} drops {table}"
            for name, column in columns.items():
                assert name in after[table], f"{revision} drops {table}.{name}"
                now = after[table][name]
                assert str(now["type"]) == str(column["type"]), f"{revision} changes the type of {table}.{name}"
                assert now["nullable"] >= column["nullable"], f"{revision} lets {table}.{name} be null no more"
            for name in after[table].keys() - columns.keys():
                added = after[table][name]
                assert added["nullable"] or added["default"], f"{revision} adds {table}.{name} without a default"
        before = after
    database.dispose()


def test_the_release_knows_its_own_revision() -> None:
    script = ScriptDirectory.from_config(Config("alembic.ini"))
    assert script.get_heads() == [REVISION]
    revisions = [each.revision for each in script.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)  # so that later ones compare as greater
