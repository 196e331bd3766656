from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import select, update

from jobs import idempotency
from jobs.errors import IdempotencyKeyReused
from models import DEFAULT_PROJECT, Database, IdempotencyKey
from models.columns import DatabaseNow

KEY, OPERATION, BODY = "a key", "POST /v1/jobs", b'{"spec": {}}'


def reserve(database: Database, operation: str = OPERATION, body: bytes = BODY) -> str | None:
    """The answer that the key has been given; None where it is new, and left so."""
    with database.session() as session:
        found = idempotency.reserve(session, DEFAULT_PROJECT, KEY, operation, body)
        if found is None:
            session.rollback()
        return found.answer if found else None


@pytest.fixture
def answered(database: Database) -> None:
    with database.session() as session:
        assert idempotency.reserve(session, DEFAULT_PROJECT, KEY, OPERATION, BODY) is None
        idempotency.answer(session, DEFAULT_PROJECT, KEY, "job_1", "the answer")


@pytest.mark.usefixtures("answered")
def test_the_same_request_gets_the_first_answer(database: Database) -> None:
    assert [reserve(database) for _ in range(2)] == ["the answer"] * 2
    with database.snapshot() as session:
        assert session.scalars(select(IdempotencyKey.job_id)).all() == ["job_1"]


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize(("operation", "body"), [(OPERATION, b"{}"), ("POST /v1/jobs/job_1/rerun", BODY)])
def test_another_request_under_the_key_is_refused(database: Database, operation: str, body: bytes) -> None:
    with pytest.raises(IdempotencyKeyReused, match="'a key'"):
        reserve(database, operation, body)


@pytest.mark.usefixtures("answered")
def test_operation_and_body_do_not_run_into_each_other(database: Database) -> None:
    with pytest.raises(IdempotencyKeyReused):
        reserve(database, OPERATION + BODY[:1].decode(), BODY[1:])


def test_a_first_request_that_came_to_nothing_leaves_the_key_free(database: Database) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        idempotency.reserve(session, DEFAULT_PROJECT, KEY, OPERATION, BODY)
        raise RuntimeError
    assert reserve(database) is None


@pytest.mark.parametrize(("commits", "expected"), [(True, "the answer"), (False, None)])
def test_a_second_request_waits_for_the_first(database: Database, commits: bool, expected: str | None) -> None:
    reserved, may_end = Event(), Event()

    def first() -> None:
        with database.session() as session:
            assert idempotency.reserve(session, DEFAULT_PROJECT, KEY, OPERATION, BODY) is None
            reserved.set()
            assert may_end.wait(30)
            idempotency.answer(session, DEFAULT_PROJECT, KEY, "job_1", "the answer")
            if not commits:
                session.rollback()

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(first)
        assert reserved.wait(30)
        other: Future[str | None] = threads.submit(reserve, database)
        with pytest.raises(TimeoutError):  # it waits
            other.result(timeout=0.3)
        may_end.set()
        one.result()
        assert other.result() == expected


def test_of_a_storm_of_one_key_one_request_does_something(database: Database) -> None:
    def request(number: int) -> str:
        with database.session() as session:
            found = idempotency.reserve(session, DEFAULT_PROJECT, KEY, OPERATION, BODY)
            if found:
                return found.answer
            idempotency.answer(session, DEFAULT_PROJECT, KEY, f"job_{number}", f"job_{number}")
            return f"job_{number}"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(request, range(16)))
    assert len(set(answers)) == 1


@pytest.fixture
def aged(database: Database, answered: None) -> Callable[[float], None]:
    def age(days: float) -> None:
        with database.session() as session:
            session.execute(update(IdempotencyKey).values(created_at=DatabaseNow(-days * 24 * 3600)))

    return age


def test_keys_are_forgotten_after_a_week(database: Database, aged: Callable[[float], None]) -> None:
    for days, expected in [(6.9, "the answer"), (7.1, None)]:
        aged(days)
        with database.session() as session:
            idempotency.delete_old(session)
        assert reserve(database) == expected


def test_a_busy_week_is_forgotten_bit_by_bit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.idempotency.AT_ONCE", 2)
    with database.session() as session:
        for number in range(5):
            idempotency.reserve(session, DEFAULT_PROJECT, f"key {number}", OPERATION, BODY)
        session.execute(update(IdempotencyKey).values(created_at=DatabaseNow(-8 * 24 * 3600)))
        assert [idempotency.delete_old(session) for _ in range(3)] == [True, True, False]
        assert not session.scalars(select(IdempotencyKey.key)).all()
