"""Alembic's entry point: runs the migrations in one transaction on the engine of `migrations.migrate`, or of
EPOCHAL_DATABASE_URL where Alembic was called by hand."""

from alembic import context
from sqlalchemy import text

from models import Base, Database
from settings import Settings

# Any number that nothing else in the database locks.
MIGRATION_LOCK = 1_162_891_336


def _migrate() -> None:
    engine = context.config.attributes.get("engine") or Database(Settings().database_url.get_secret_value()).engine
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,  # SQLite alters a table by copying it
            compare_type=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                # Two migrations at once wait for each other. SQLite's transactions do so by themselves.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            context.run_migrations()
        connection.commit()


_migrate()
