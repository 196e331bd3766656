"""Alembic's entry point: runs the migrations in one transaction on the engine of `migrations.migrate`, or of
EPOCHAL_DATABASE_URL where Alembic was called by hand."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, Engine, text

from models import Base, Database
from settings import read_settings

# The advisory lock of migrations: any number that nothing else in the database locks.
MIGRATION_LOCK = 1_162_891_336


def _migrate() -> None:
    engine = context.config.attributes.get("engine") or _of_the_environment()
    with engine.connect() as connection, _tables_may_be_copied(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,  # SQLite alters a table by copying it
            compare_type=True,
            transaction_per_migration=False,
            # Alembic takes SQLite for a database whose tables are not made in transactions, and would commit each
            # migration by itself: another process that migrates at the same time would find some of them done.
            transactional_ddl=True,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                # A migration of a large table may take longer than any statement of the service.
                for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                    connection.execute(text(f"SET LOCAL {limit} = 0"))
                # Two migrations at once wait for each other. SQLite's transactions do so by themselves.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            with warnings.catch_warnings():
                # SQLAlchemy does not read SQLite's indexes of expressions, so they are not compared. It warns of each.
                warnings.filterwarnings("ignore", "(Skipped|autogenerate skipping) .*expression-based index")
                context.run_migrations()
            if connection.dialect.name == "sqlite":
                _require_references(connection)
        connection.commit()


def _of_the_environment() -> Engine:
    database = Database(read_settings().database_url.get_secret_value())
    database.create()
    return database.engine


@contextmanager
def _tables_may_be_copied(connection: Connection) -> Iterator[None]:
    """Copying a table ends in dropping the first, which references to it forbid. SQLite can set them aside only outside
    of a transaction, which SQLAlchemy would begin."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _require_references(connection: Connection) -> None:
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise RuntimeError(f"The migration would leave rows that point to nothing: {broken[:10]}")


_migrate()
