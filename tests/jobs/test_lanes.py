"""The queue by lanes: who looks at once finds another job each, whatever else waits."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import text, update

from jobs import lanes, lifecycle, placement, workers
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Database, Job, Project, ProjectSession
from tests.conftest import Databases
from tests.jobs.conftest import change, spec, take

CPU = ["cpu"]


@pytest.fixture
def server(postgresql_databases: Databases) -> Iterator[Database]:
    """SQLite lets one write at a time, and so has nothing to skip."""
    with postgresql_databases(migrated=True) as url:
        database = Database(url)
        with database.session() as session:
            workers.sign_on(session, "first", slots=1, devices=CPU, torch_version="2")
        yield database
        database.dispose()


def submit(database: Database, count: int, project: str = DEFAULT_PROJECT, **asked: Any) -> list[str]:
    with database.session() as session:
        return [lifecycle.submit(session, Submission(spec(), **asked), project=project).id for _ in range(count)]


@contextmanager
def patient(database: Database) -> Iterator[ProjectSession]:
    """A transaction that a busy machine may keep waiting."""
    with database.session() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield session


def all_at_once(database: Database, count: int) -> list[str | None]:
    """What so many find of whom none has ended its transaction."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(patient(database)) for _ in range(count)]
        found = [placement.next_job(session, CPU, lock=True) for session in sessions]
    return [each.job_id if each else None for each in found]


def test_whoever_looks_at_once_finds_another_job_each_in_order(server: Database) -> None:
    later, urgent = submit(server, 4), submit(server, 2, priority=9, accelerator="cpu")
    assert all_at_once(server, 7) == [*urgent, *later, None]


def test_more_may_be_locked_than_are_looked_at_first(server: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "FIRST_OF_LANE", (1, 8))
    jobs = submit(server, 5)
    assert all_at_once(server, 5) == jobs


def test_so_it_is_where_a_project_that_may_begin_nothing_stands_in_front(server: Database) -> None:
    with server.session() as session:
        session.add(Project(id="used-up", max_running_jobs=0))
    submit(server, 3, project="used-up", priority=9)
    jobs = submit(server, 3)
    assert all_at_once(server, 4) == [*jobs, None]


def test_what_was_claimed_while_another_looked_is_not_found(server: Database) -> None:
    first, second = submit(server, 2)
    with patient(server) as holder, patient(server) as looking:
        found = placement.next_job(holder, CPU, lock=True)
        assert found
        assert found.job_id == first
        assert lifecycle.claim(holder, first, "first", 30)
        assert placement.next_job(looking, CPU, lock=True) == placement.Candidate(second, placement.Needs())


def test_of_very_many_kinds_a_worker_finds_those_that_it_could_serve(
    database: Database, submitted: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_LANES", 2)
    lanes._all_lanes.cache_clear()
    try:
        for kind in ("a100", "h100", "l4", "mi300"):
            submitted(accelerator=kind)
        ours = submitted(spec(devices=2), accelerator="z9")
        with database.snapshot() as session:
            assert placement.next_job(session, CPU) is None
            assert placement.next_job(session, ["Some Z9"]) is None
            found = placement.next_job(session, ["Some Z9", "Some Z9"])
        assert found
        assert found.job_id == ours.id
    finally:
        lanes._all_lanes.cache_clear()


def test_what_waits_for_its_time_is_in_no_lane(database: Database, submitted: Callable[..., Job]) -> None:
    first, second = submitted(), submitted()
    take(database, first.id)
    with database.session() as session:
        session.execute(update(Job).where(Job.id == first.id).values(status="queued"))
    change(database, first.id, not_before=first.created_at)
    with database.snapshot() as session:
        found = placement.next_job(session, CPU)
    assert found
    assert found.job_id == second.id
