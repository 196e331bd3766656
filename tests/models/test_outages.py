"""What a database's error is told as, met for real: on SQLite and on PostgreSQL."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from models import (
    REVISION,
    Database,
    DatabaseBusy,
    DatabaseChanged,
    DatabaseConnectionsExhausted,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseMissing,
    DatabaseOutdated,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseUnavailable,
)
from models.outages import kind_of
from tests.conftest import Databases

TOUCH = "UPDATE deployment SET written_at = CURRENT_TIMESTAMP"


def write(database: Database, statement: str = TOUCH) -> None:
    with database.session() as session:
        session.execute(text(statement))


def read(database: Database) -> Any:
    with database.snapshot() as session:
        return session.scalar(text("SELECT id FROM deployment"))


@pytest.fixture
def file(sqlite_databases: Databases) -> Iterator[Path]:
    """Of a migrated SQLite database."""
    with sqlite_databases(migrated=True) as url:
        yield Path(str(make_url(url).database))


@pytest.fixture
def sqlite(file: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{file}", pinned=True)
    read(database)
    yield database
    database.dispose()


@pytest.fixture
def postgresql(postgresql_databases: Databases) -> Iterator[Database]:
    with postgresql_databases(migrated=True) as url:
        database = Database(url, pinned=True)
        yield database
        database.dispose()


def of_role(database: Database, role: str, password: str = "") -> str:
    return database.engine.url.set(username=role, password=password or None).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", DatabaseUnavailable),
        ("25006", DatabaseReadOnly),
        ("28P01", DatabaseRefused),
        ("40P01", DatabaseBusy),
        ("42501", DatabaseRefused),
        ("42P01", DatabaseOutdated),
        ("42703", DatabaseOutdated),
        ("42601", None),  # a syntax error
        ("42804", None),  # a type error
        ("23505", None),
        ("25P02", None),  # the transaction goes on after an error of ours
        ("25P03", DatabaseUnavailable),
        ("53100", DatabaseFull),
        ("53200", DatabaseBusy),
        ("53300", DatabaseConnectionsExhausted),
        ("57014", DatabaseBusy),
        ("57P01", DatabaseUnavailable),
        ("57P04", DatabaseMissing),
        ("58030", DatabaseDamaged),
        ("XX001", DatabaseDamaged),
    ],
)
def test_postgresqls_states(state: str, kind: type[DatabaseUnavailable] | None) -> None:
    error = errors.lookup(state)("as it says")
    assert kind_of(DBAPIError.instance("SELECT", {}, error, errors.Error)) is kind


def test_a_full_disk_is_told_and_passes(sqlite: Database) -> None:
    @event.listens_for(sqlite.engine, "begin")
    def limit(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}")

    pages = [1]  # as many as there are
    columns = "id, slots, devices, torch_version, started_at, seen_at"
    fill = f"INSERT INTO workers ({columns}) SELECT hex(randomblob(40)), 1, 'x' || hex(zeroblob(900000)), '2', 1, 1"
    with pytest.raises(DatabaseFull):
        write(sqlite, fill)
    assert sqlite.seconds_since(DatabaseFull) < 60
    assert read(sqlite)
    pages[0] = 1_000_000
    write(sqlite, fill)


def test_writes_recover_from_a_read_only_spell_under_many_threads(
    sqlite: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was opened meanwhile can only read, for as long as it lives."""
    spell = threading.Event()

    @event.listens_for(sqlite.engine, "do_connect")
    def open_as_it_is(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
        if spell.is_set():  # as SQLite opens a file that the process may not write
            arguments[0] = arguments[0].replace("mode=rw", "mode=ro")

    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not spell.is_set() and real(path, mode))
    sqlite.dispose()
    spell.set()
    barrier = threading.Barrier(16)

    def ask(number: int) -> type[Exception] | None:
        try:
            if number % 2:
                with sqlite.snapshot() as session:
                    barrier.wait(60)  # every thread has a connection of its own
                    session.scalar(text("SELECT id FROM deployment"))
            else:
                barrier.wait(60)
                write(sqlite)
        except DatabaseUnavailable as error:
            return type(error)
        return None

    with ThreadPoolExecutor(16) as threads:
        during = set(threads.map(ask, range(16)))
        assert during == {None, DatabaseReadOnly}
        spell.clear()
        assert set(threads.map(ask, range(16))) == {None}


def test_a_deleted_file_is_missed_at_once_and_none_is_made(sqlite: Database, file: Path) -> None:
    write(sqlite)
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    for use in (read, write):
        with pytest.raises(DatabaseMissing):
            use(sqlite)
    assert not file.exists()


def test_nothing_is_committed_into_a_file_that_is_deleted_within_the_transaction(sqlite: Database, file: Path) -> None:
    with pytest.raises(DatabaseMissing), sqlite.session() as session:
        session.execute(text(TOUCH))
        file.unlink()


def test_a_backup_in_the_files_place_is_worked_with_and_another_database_is_not(
    sqlite: Database, file: Path, tmp_path: Path, sqlite_databases: Databases
) -> None:
    write(sqlite)
    backup = tmp_path / "backup"
    with sqlite.engine.execution_options(no_transaction=True).connect() as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{backup}'")
    for each in file.parent.glob(f"{file.name}-*"):
        each.unlink()
    shutil.copy(backup, tmp_path / "copy")
    backup.replace(file)
    assert read(sqlite)
    write(sqlite)
    other = Database(f"sqlite:///{tmp_path / 'copy'}")
    write(other, "UPDATE deployment SET id = 'another'")
    other.dispose()
    for each in file.parent.glob(f"{file.name}-*"):
        each.unlink()
    (tmp_path / "copy").replace(file)
    with pytest.raises(DatabaseMissing, match="another"):
        write(sqlite)


def test_what_is_no_database_is_damaged(sqlite: Database, file: Path) -> None:
    sqlite.dispose()
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseDamaged):
        read(sqlite)


def test_a_missing_column_is_an_outage_of_an_old_schema_and_else_a_mistake(database: Database) -> None:
    with pytest.raises(DBAPIError):
        write(database, "UPDATE jobs SET colour = 1")
    with pytest.raises(DBAPIError):
        write(database, "SELECT 1 FROM nothing")
    with pytest.raises(DBAPIError):
        write(database, "SELEC 1")
    with pytest.raises(IntegrityError):
        write(database, "INSERT INTO deployment (id) VALUES ('second')")
    write(database, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(DatabaseOutdated):
        write(database, "UPDATE jobs SET colour = 1")


def test_a_schema_says_what_to_do(database: Database) -> None:
    assert database.incompatibility() is None
    for revision, oldest, said in (
        ("0001", REVISION, "python -m migrations"),
        ("9999", REVISION, None),  # a newer release's, with which this one works as well
        ("9999", "9998", "newer release"),
    ):
        write(database, f"UPDATE alembic_version SET version_num = '{revision}'")
        write(database, f"UPDATE deployment SET oldest_revision = '{oldest}'")
        incompatibility = database.incompatibility()
        assert (incompatibility is None) if said is None else (incompatibility and said in incompatibility)


def test_a_server_that_turns_read_only_and_back(postgresql: Database) -> None:
    """As a standby does that is promoted, or a role that may only read: what was set when a session began stays."""
    name = postgresql.engine.url.database
    write(postgresql)
    write(postgresql, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    postgresql.engine.dispose()
    with pytest.raises(DatabaseReadOnly):
        write(postgresql)
    with postgresql.session() as session:
        session.execute(text("SET TRANSACTION READ WRITE"))
        session.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
    with pytest.raises(DatabaseReadOnly):
        write(postgresql)  # the session of before
    write(postgresql)  # the error has ended it


def test_a_role_without_rights_and_one_without_connections(postgresql: Database) -> None:
    write(postgresql, "DROP ROLE IF EXISTS guest")
    write(postgresql, "CREATE ROLE guest LOGIN CONNECTION LIMIT 1")
    guest = Database(of_role(postgresql, "guest"))
    with pytest.raises(DatabaseRefused):
        read(guest)
    with guest.engine.connect(), pytest.raises(DatabaseConnectionsExhausted):
        read(guest)
    guest.dispose()
    write(postgresql, "DROP ROLE guest")
    stranger = Database(of_role(postgresql, "nobody_knows_me"))
    with pytest.raises(DatabaseMissing):
        read(stranger)


def test_a_database_that_was_dropped_and_made_anew_is_another(postgresql: Database) -> None:
    read(postgresql)
    write(postgresql, "UPDATE deployment SET id = 'another'")
    postgresql.engine.dispose()
    with pytest.raises(DatabaseMissing, match="another"):
        read(postgresql)


def test_a_database_that_cannot_be_asked_who_it_is_is_not_another(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a migration has the table: what a new connection is refused there is an outage of its own kind."""
    read(postgresql)
    with postgresql.engine.connect() as migration:
        migration.execute(text("LOCK TABLE deployment IN ACCESS EXCLUSIVE MODE"))
        url = postgresql.engine.url.update_query_dict({"options": "-c lock_timeout=50ms"})
        newcomer = Database(url.render_as_string(hide_password=False), pinned=True)
        newcomer._identity = postgresql._identity
        with pytest.raises(DatabaseBusy):
            read(newcomer)
        migration.rollback()
    assert read(newcomer) == postgresql._identity
    newcomer.dispose()


def test_a_plan_that_a_migration_has_made_stale_is_made_anew(postgresql: Database) -> None:
    write(postgresql, "CREATE TABLE plans (number integer)")
    with pytest.raises(DatabaseChanged), postgresql.engine.connect() as connection, postgresql.translated_errors():
        for _ in range(10):  # prepared from the fifth on
            connection.execute(text("SELECT * FROM plans"))
        connection.commit()
        write(postgresql, "ALTER TABLE plans ADD COLUMN name text")
        connection.execute(text("SELECT * FROM plans"))
    with postgresql.snapshot() as session:
        session.execute(text("SELECT * FROM plans"))


def test_connections_that_a_busy_hour_has_opened_are_given_up(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.snapshot() as session:
        assert session.scalar(text("SHOW idle_session_timeout")) == "5min"
    monkeypatch.setattr("models.postgresql_engine.IDLE_SECONDS", 0.0)
    with postgresql.engine.connect() as kept:
        kept.execute(text("SET idle_session_timeout = '50ms'"))
        kept.commit()
        pid = kept.scalar(text("SELECT pg_backend_pid()"))
        kept.rollback()
    other = Database(postgresql.engine.url.render_as_string(hide_password=False))
    with other.snapshot() as session:
        alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        pause = threading.Event()
        while session.scalar(alive, {"pid": pid}):
            session.rollback()
            pause.wait(0.02)
    other.dispose()
    assert read(postgresql)  # whoever needs one opens another


def test_an_error_without_a_code_is_a_connection_that_failed() -> None:
    assert kind_of(OperationalError("SELECT", {}, Exception("gone"))) is DatabaseUnavailable
    assert kind_of(ValueError("a mistake")) is None
