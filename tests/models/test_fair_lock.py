"""Writers of one process take turns with SQLite."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import Database, DatabaseBusy, sqlite_engine

WRITERS = 8


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'turns.db'}")
    database.create()
    with database.session() as session:
        session.execute(text("CREATE TABLE written (number INTEGER)"))
    return database


def _write(database: Database, number: int) -> None:
    with database.session() as session:
        session.execute(text("INSERT INTO written VALUES (:number)"), {"number": number})


def test_turns_come_in_the_order_in_which_they_are_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to SQLite, who waits sleeps up to 0.1 s at a time, and finds others in front of it again."""
    asked = Semaphore(0)

    class Asking(Event):
        def wait(self, timeout: float | None = None) -> bool:
            asked.release()
            return super().wait(timeout)

    monkeypatch.setattr("models.fair_lock.Event", Asking)
    monkeypatch.setattr(sqlite_engine, "WRITE_LOCK_SECONDS", 60)
    with ThreadPoolExecutor(WRITERS) as threads:
        with database.session() as session:
            session.execute(text("INSERT INTO written VALUES (-1)"))
            writing = []
            for number in range(WRITERS):
                writing.append(threads.submit(_write, database, number))
                assert asked.acquire(timeout=60)
        for each in writing:
            each.result(60)
    with database.snapshot() as session:
        assert session.scalars(text("SELECT number FROM written ORDER BY rowid")).all() == [*range(-1, WRITERS)]


def test_whoever_gets_no_turn_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engine, "WRITE_LOCK_SECONDS", 0.2)
    holding, done = Event(), Event()

    def hold() -> None:
        with database.session() as session:
            session.execute(text("INSERT INTO written VALUES (1)"))
            holding.set()
            done.wait(60)

    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(hold)
        assert holding.wait(60)
        with pytest.raises(DatabaseBusy, match="No turn to write"):
            _write(database, 2)
        with database.snapshot() as session:  # a reader needs no turn
            assert session.scalar(text("SELECT count(*) FROM written")) == 0
        done.set()
        held.result()
    _write(database, 3)


def _wrong(session: Any) -> None:
    session.execute(text("INSERT INTO nothing VALUES (1)"))


def _raises(session: Any) -> None:
    session.execute(text("INSERT INTO written VALUES (1)"))
    raise OperationalError("", {}, ValueError())


def _is_lost(session: Any) -> None:
    session.execute(text("INSERT INTO written VALUES (1)"))
    session.connection().invalidate()
    session.execute(text("INSERT INTO written VALUES (1)"))


def _closes(session: Any) -> None:
    session.execute(text("INSERT INTO written VALUES (1)"))
    session.close()
    session.execute(text("INSERT INTO written VALUES (1)"))


@pytest.mark.parametrize("ends", [_wrong, _raises, _is_lost, _closes])
def test_a_turn_ends_however_its_transaction_does(
    database: Database, ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "WRITE_LOCK_SECONDS", 0.2)
    for _ in range(3):
        with pytest.raises(Exception, match=r".*"), database.session() as session:  # whichever
            ends(session)
            raise ValueError
    _write(database, 1)


def test_a_writer_elsewhere_is_waited_for(database: Database) -> None:
    """Between processes it is as it was: the database's own lock."""
    other = Database(str(database.engine.url))
    with other.session() as session, ThreadPoolExecutor(1) as threads:
        session.execute(text("INSERT INTO written VALUES (1)"))
        writing = threads.submit(_write, database, 2)
        with pytest.raises(TimeoutError):
            writing.result(0.2)
        session.commit()
        writing.result(60)
    other.dispose()
