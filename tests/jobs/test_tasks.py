"""Work that is no job: who has it, who has lost it, and whose turn it is."""

from collections.abc import Callable, Mapping
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs import tasks
from jobs.tasks import MOST_LOSSES, VALIDATE, TaskClaim, TaskFenced
from models import DEFAULT_PROJECT, Database, Task, TaskStatus
from models.columns import DatabaseNow

LEASE_SECONDS = 30.0


@pytest.fixture
def added(database: Database) -> Callable[..., str]:
    """Adds a task, by default of the default project."""

    def add(project: str = "default", dataset: str = "pets", version: int = 1, **arguments: Any) -> str:
        with database.session() as session:
            return tasks.add(session, VALIDATE, project, dataset, version, arguments).id

    return add


def claim(database: Database, worker: str = "worker") -> TaskClaim | None:
    with database.session() as session:
        return tasks.claim_next(session, worker, LEASE_SECONDS)


def taken(database: Database, worker: str = "worker") -> TaskClaim:
    """The next one, without waiting where it backs off."""
    change(database, not_before=None)
    found = claim(database, worker)
    assert found
    return found


def change(database: Database, **values: Any) -> None:
    """Columns of all tasks, past every rule."""
    with database.session() as session:
        session.execute(update(Task).values(values))


def task_of(database: Database, task_id: str) -> Task:
    with database.snapshot() as session:
        return session.get_one(Task, task_id)


def heartbeat(database: Database, held: TaskClaim, progress: Mapping[str, Any] | None = None) -> None:
    with database.session() as session:
        tasks.heartbeat(session, held, LEASE_SECONDS, progress or {})


def lose(database: Database, held: TaskClaim) -> bool:
    with database.session() as session:
        return tasks.lose(tasks.lock_held(session, held))


def test_a_task_from_its_addition_to_its_end(database: Database, added: Callable[..., str]) -> None:
    task_id = added(dataset="pets", version=3, upload="upl_1")
    held = claim(database, "first")
    assert held == TaskClaim(task_id, 1, VALIDATE, "default", "pets", 3, {"upload": "upl_1"})
    running = task_of(database, task_id)
    assert (running.status, running.owner, running.losses) == (TaskStatus.RUNNING, "first", 0)
    assert running.started_at
    assert running.lease_until
    heartbeat(database, held, {"stage": "decoding", "done": 3})
    renewed = task_of(database, task_id)
    assert renewed.progress == {"stage": "decoding", "done": 3}
    assert renewed.lease_until
    assert renewed.lease_until >= running.lease_until
    with database.session() as session:
        tasks.end(session, held, TaskStatus.SUCCEEDED)
    over = task_of(database, task_id)
    assert (over.status, over.owner, over.lease_until) == (TaskStatus.SUCCEEDED, None, None)
    assert over.finished_at
    assert claim(database) is None


def test_who_has_lost_a_task_writes_nothing_more(database: Database, added: Callable[..., str]) -> None:
    task_id = added()
    first = taken(database, "first")
    assert lose(database, first)
    second = taken(database, "second")
    assert second.attempt == 2
    with pytest.raises(TaskFenced), database.session() as session:
        tasks.end(session, first, TaskStatus.SUCCEEDED)
    with pytest.raises(TaskFenced), database.session() as session:
        tasks.release(session, first)
    with pytest.raises(TaskFenced):
        heartbeat(database, first, {"done": 1})
    with pytest.raises(TaskFenced):
        lose(database, first)
    now = task_of(database, task_id)
    assert (now.status, now.owner, now.progress) == (TaskStatus.RUNNING, "second", None)


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.FAILED])
def test_a_task_ends_once(database: Database, added: Callable[..., str], status: TaskStatus) -> None:
    added()
    held = taken(database)
    with database.session() as session:
        tasks.end(session, held, status)
    with pytest.raises(TaskFenced), database.session() as session:
        tasks.end(session, held, TaskStatus.FAILED)


def test_who_drains_gives_it_back_at_no_cost(database: Database, added: Callable[..., str]) -> None:
    task_id = added()
    for attempt in range(1, MOST_LOSSES + 3):
        held = claim(database)
        assert held
        assert held.attempt == attempt
        with database.session() as session:
            tasks.release(session, held)
    waits = task_of(database, task_id)
    assert (waits.status, waits.losses, waits.not_before, waits.owner) == (TaskStatus.QUEUED, 0, None, None)


def test_it_is_lost_so_often_and_no_more(database: Database, added: Callable[..., str]) -> None:
    task_id = added()
    for loss in range(1, MOST_LOSSES + 1):
        assert lose(database, taken(database))
        waits = task_of(database, task_id)
        assert (waits.status, waits.losses, waits.owner, waits.lease_until) == (TaskStatus.QUEUED, loss, None, None)
        assert (waits.not_before is None) == (loss == 1)  # the second time it may be the task's own fault
    last = taken(database)
    assert not lose(database, last)
    assert task_of(database, task_id).status == TaskStatus.RUNNING  # its caller must end it


def test_a_task_that_backs_off_is_passed_over(database: Database, added: Callable[..., str]) -> None:
    first = added()
    change(database, not_before=DatabaseNow(60))
    assert claim(database) is None
    second = added()
    assert taken_ids(database) == [second]
    change(database, not_before=DatabaseNow(-1))
    assert taken_ids(database) == [first]


def test_a_lease_that_runs_out_is_found_and_one_that_is_renewed_is_not(
    database: Database, added: Callable[..., str]
) -> None:
    task_id = added()
    held = taken(database)
    assert expired(database) == []
    change(database, lease_until=DatabaseNow(-1))
    assert expired(database) == [task_id]
    heartbeat(database, held)  # it was only slow
    assert expired(database) == []
    with database.session() as session:
        assert tasks.lock_expired(session, task_id) is None


def expired(database: Database) -> list[str]:
    with database.autocommit_read() as session:
        return list(tasks.expired(session, 10))


def taken_ids(database: Database) -> list[str]:
    """All that can be claimed now, in order."""
    found = []
    while held := claim(database):
        found.append(held.task_id)
    return found


def test_the_oldest_goes_first(database: Database, added: Callable[..., str]) -> None:
    ids = [added(version=number) for number in (1, 2, 3)]
    assert taken_ids(database) == ids


def test_projects_take_turns(database: Database, added: Callable[..., str]) -> None:
    """Who has the fewest under way goes first: a hundred uploads of one project do not hold up another's first."""
    many = [added("many") for _ in range(5)]
    few = [added("few") for _ in range(2)]
    assert taken_ids(database) == [many[0], few[0], many[1], few[1], *many[2:]]


def test_projects_take_turns_where_one_worker_does_one_after_the_other(
    database: Database, added: Callable[..., str]
) -> None:
    many = [added("many") for _ in range(4)]
    few = [added("few") for _ in range(2)]
    taken = []
    while held := claim(database):
        taken.append(held.task_id)
        with database.session() as session:
            tasks.end(session, held, TaskStatus.SUCCEEDED)
    assert taken == [many[0], few[0], many[1], few[1], *many[2:]]


def test_of_many_that_claim_at_once_each_gets_another(database: Database, added: Callable[..., str]) -> None:
    ids = {added(version=number) for number in range(1, 5)}
    barrier, found = Barrier(6), list[TaskClaim | None]()

    def take() -> None:
        barrier.wait()
        found.append(claim(database))

    threads = [Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [held.task_id for held in found if held]
    assert len(got) == len(set(got))
    assert {*got, *taken_ids(database)} == ids


def test_what_waits_and_what_is_open(database: Database, added: Callable[..., str]) -> None:
    assert not queued(database)
    first, second = added(version=1), added(version=2)
    assert queued(database)
    with database.snapshot() as session:
        assert (tasks.waiting(session, "default"), tasks.waiting(session, "other")) == (2, 0)
        found = tasks.open_task(session, "default", "pets", 2)
        assert found
        assert found.id == second
        assert tasks.open_task(session, "other", "pets", 2) is None
    assert taken_ids(database) == [first, second]
    assert not queued(database)
    with database.session() as session:
        tasks.end(session, TaskClaim(first, 1, VALIDATE, "default", "pets", 1, {}), TaskStatus.FAILED)
        assert [task.id for task in tasks.lock_open(session, "default", "pets")] == [second]
        assert session.scalars(select(Task.id).where(tasks.is_open())).all() == [second]


def queued(database: Database) -> bool:
    with database.autocommit_read() as session:
        return tasks.has_queued(session)


def test_short_tasks_are_claimed_apart(database: Database) -> None:
    def short(*, is_short: bool) -> str | None:
        with database.session() as session:
            found = tasks.claim_next(session, "worker", LEASE_SECONDS, is_short=is_short)
        return found.kind if found else None

    with database.session() as session:
        for kind in (tasks.VALIDATE, tasks.SAMPLES):
            tasks.add(session, kind, DEFAULT_PROJECT, "pets", 1, {})
    assert [short(is_short=True), short(is_short=True)] == [tasks.SAMPLES, None]
    assert [short(is_short=False), short(is_short=False)] == [tasks.VALIDATE, None]
