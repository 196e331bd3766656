"""An append-only history of writes: triggers on the tables, which the product knows nothing of.

Each write is kept with the job's attempt, status and request at that very moment, in the transaction that made it: one
that is rolled back leaves no trace. `writer` is the process that wrote: on SQLite, `signed` makes each process say it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from models import Database
from tests.chaos import signed

Operation = Literal["insert", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Write:
    """One row's change. What a table does not have is None."""

    id: int
    at: float  # seconds since 1970 by the database's clock
    writer: str | None
    relation: str  # the table
    operation: Operation
    job_id: str  # of a worker, its own id
    attempt: int | None  # of the row; of a job, its attempt afterwards
    old_attempt: int | None  # of a job, before
    epoch: int | None
    step: int | None
    status: str | None  # of a job; of an attempt, why it ended
    old_status: str | None
    requested: str | None  # of a job
    owner: str | None  # of a job: the worker that has it; of a worker, its id
    lease_until: float | None  # of a job, in seconds since 1970
    old_lease_until: float | None
    not_before: float | None  # of a job: its next attempt waits until then
    project: str | None  # of a job
    job_attempt: int | None  # of the job that the row belongs to, at that moment
    job_status: str | None
    job_requested: str | None


@dataclass(frozen=True, slots=True)
class Watched:
    """A table, and what of a row of it goes into the history: `{row}` is NEW or OLD, `{time}` converts a time."""

    table: str
    job_id: str
    values: dict[str, str]
    only_when: str | None = None  # of updates, others than which are of no interest


WATCHED = (
    Watched(
        "jobs",
        "id",
        {
            "attempt": "{row}.attempt",
            "old_attempt": "{old}.attempt",
            "status": "{row}.status",
            "old_status": "{old}.status",
            "requested": "{row}.requested",
            "owner": "{row}.owner",
            "lease_until": "{row}.lease_until",
            "old_lease_until": "{old}.lease_until",
            "not_before": "{row}.not_before",
            "project": "{row}.project",
        },
        " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in ("status", "attempt", "requested", "owner"))
        + " OR NEW.lease_until IS DISTINCT FROM OLD.lease_until",
    ),
    Watched(
        "attempts",
        "job_id",
        {
            "attempt": "{row}.number",
            "epoch": "{row}.step_epoch",
            "step": "{row}.step",
            "status": "{row}.end_reason",
            "old_status": "{old}.end_reason",
        },
    ),
    Watched("epochs", "job_id", {"attempt": "{row}.attempt", "epoch": "{row}.epoch"}),
    Watched("steps", "job_id", {"attempt": "{row}.attempt", "epoch": "{row}.epoch", "step": "{row}.step"}),
    Watched(
        "workers",
        "id",
        {"owner": "{row}.id"},
        "NEW.draining_at IS DISTINCT FROM OLD.draining_at OR NEW.ended_at IS DISTINCT FROM OLD.ended_at",
    ),
    Watched("checkpoints", "job_id", {"attempt": "{row}.attempt", "epoch": "{row}.epoch", "step": "{row}.step"}),
)
TIMES = ("lease_until", "old_lease_until", "not_before")


def install(database: Database) -> None:
    """Into a database that has every table. What happens from now on is kept. On SQLite, only processes that sign their
    writes can make any from now on."""
    is_postgresql = database.engine.dialect.name == "postgresql"
    statements = _postgresql() if is_postgresql else _sqlite()
    signed.sign(database.engine)
    database.dispose()  # connections that cannot sign
    with database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def read(session: Session) -> list[Write]:
    """All of it, in the order in which it happened to each job."""
    columns = ", ".join(field.name for field in fields(Write))
    return [Write(*row) for row in session.execute(text(f"SELECT {columns} FROM chaos_history ORDER BY id"))]


def _table(identity: str, number: str) -> str:
    types = {"id": identity, "at": f"{number} NOT NULL", **dict.fromkeys(TIMES, number)}
    integers = {"attempt", "old_attempt", "epoch", "step", "job_attempt"}
    columns = (
        f"{field.name} {types.get(field.name, 'INTEGER' if field.name in integers else 'TEXT')}"
        for field in fields(Write)
    )
    return f"CREATE TABLE chaos_history ({', '.join(columns)})"


def _insert(watched: Watched, operation: Operation, *, writer: str, now: str, time: str) -> str:
    """One write as an INSERT into the history, of the rows NEW and OLD."""
    row = "OLD" if operation == "delete" else "NEW"
    values = {name: value for name, value in watched.values.items() if operation == "update" or "{old}" not in value}
    filled = {name: value.format(row=row, old="OLD") for name, value in values.items()}
    filled |= {name: time.format(filled[name]) for name in TIMES if name in filled}
    job = f"(SELECT {{}} FROM jobs WHERE jobs.id = {row}.{watched.job_id})"
    filled |= {f"job_{name}": job.format(name) for name in ("attempt", "status", "requested")}
    fixed = {
        "at": now,
        "writer": writer,
        "relation": f"'{watched.table}'",
        "operation": f"'{operation}'",
        "job_id": f"{row}.{watched.job_id}",
    }
    columns = {**fixed, **filled}
    return f"INSERT INTO chaos_history ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"


def _sqlite() -> Iterator[str]:
    seconds = "(julianday({}) - 2440587.5) * 86400.0"
    yield _table("INTEGER PRIMARY KEY AUTOINCREMENT", "REAL")
    for watched, operation in _each():
        insert = _insert(watched, operation, writer=f"{signed.FUNCTION}()", now=seconds.format("'now'"), time=seconds)
        when = f" WHEN {watched.only_when}" if watched.only_when and operation == "update" else ""
        yield (
            f"CREATE TRIGGER chaos_{watched.table}_{operation} AFTER {operation.upper()} ON {watched.table}"
            f" FOR EACH ROW{when} BEGIN {insert}; END"
        )


def _postgresql() -> Iterator[str]:
    seconds = "extract(epoch FROM {})"
    yield _table("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "DOUBLE PRECISION")
    for watched, operation in _each():
        name = f"chaos_{watched.table}_{operation}"
        writer = "current_setting('application_name')"
        insert = _insert(watched, operation, writer=writer, now=seconds.format("clock_timestamp()"), time=seconds)
        when = f" WHEN ({watched.only_when})" if watched.only_when and operation == "update" else ""
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            f" $$ BEGIN {insert}; RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER {name} AFTER {operation.upper()} ON {watched.table}"
            f" FOR EACH ROW{when} EXECUTE FUNCTION {name}()"
        )


def _each() -> Iterator[tuple[Watched, Operation]]:
    operations: tuple[Operation, ...] = ("insert", "update", "delete")
    for watched in WATCHED:
        for operation in operations:
            yield watched, operation
