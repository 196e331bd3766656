"""Alembic's entry point: runs the migrations in one transaction on the engine of `migrations.migrate`, or of
EPOCHAL_DATABASE_URL where Alembic was called by hand."""

from alembic import context
from sqlalchemy import Connection, text

from models import Base, Database
from settings import Settings

# Any number that nothing else in the database locks.
MIGRATION_LOCK = 1_162_891_336


def _migrate() -> None:
    engine = context.config.attributes.get("engine") or Database(Settings().database_url.get_secret_value()).engine
    with engine.connect() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        if on_sqlite:
            _set_foreign_keys(connection, "OFF")
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,  # SQLite alters a table by copying it
            compare_type=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            if not on_sqlite:
                # A migration of large tables may take longer than anything that the service itself asks for.
                for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                    connection.execute(text(f"SET LOCAL {limit} = 0"))
                # Two migrations at once wait for each other. SQLite's transactions do so by themselves.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            context.run_migrations()
            if on_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                raise RuntimeError(f"The migration would leave rows that point to nothing: {broken[:10]}")
        connection.commit()
        if on_sqlite:
            _set_foreign_keys(connection, "ON")


def _set_foreign_keys(connection: Connection, state: str) -> None:
    """SQLite alters a table by copying it and dropping the first, which references to it forbid; and only outside of a
    transaction, which SQLAlchemy would begin, can they be set aside."""
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA foreign_keys={state}")
    cursor.close()


_migrate()
