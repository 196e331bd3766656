import threading
from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs import lifecycle, periodic, reconciler, requests
from jobs.fence import Claim
from jobs.periodic import PeriodicTask, running_periodically
from models import Database, DatabaseUnavailable, IdempotencyKey, Job, JobStatus
from models.columns import DatabaseNow
from tests.jobs.conftest import change, ends_of, events_of, expire, job_of, publish, start, take


def cancel(database: Database, job_id: str, seconds_ago: float) -> None:
    with database.session() as session:
        requests.request_cancel(session, job_id)
    change(database, job_id, requested_at=DatabaseNow(-seconds_ago))


def test_what_a_lost_worker_had_is_queued_again(database: Database, running: Claim) -> None:
    reconciler.sweep(database)
    assert job_of(database, running.job_id).status is JobStatus.RUNNING
    expire(database, running.job_id)
    reconciler.sweep(database)
    assert job_of(database, running.job_id).status is JobStatus.QUEUED
    assert ends_of(database, running.job_id) == ["worker_lost"]


def test_a_cancel_that_its_worker_does_not_obey_in_time_is_settled(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    cancel(database, running.job_id, seconds_ago=2)
    reconciler.sweep(database)
    assert job_of(database, running.job_id).status is JobStatus.RUNNING
    change(database, running.job_id, requested_at=DatabaseNow(-4))
    reconciler.sweep(database)
    job = job_of(database, running.job_id)
    assert (job.status, job.requested, job.owner, job.losses) == (JobStatus.CANCELLED, None, None, 0)
    assert ends_of(database, running.job_id) == ["cancelled"]
    assert events_of(database, running.job_id)[-2:] == ["cancel_requested", "cancelled"]


@pytest.mark.parametrize("verb", [requests.request_stop, requests.request_pause])
def test_a_stop_and_a_pause_have_all_the_time_that_they_need(
    database: Database, running: Claim, verb: Callable[..., Job]
) -> None:
    with database.session() as session:
        verb(session, running.job_id)
    change(database, running.job_id, requested_at=DatabaseNow(-3600))
    reconciler.sweep(database)
    assert job_of(database, running.job_id).status is JobStatus.RUNNING


def test_a_lost_worker_s_job_that_is_to_be_cancelled_is_cancelled(database: Database, running: Claim) -> None:
    for seconds_ago in (0, 10):
        cancel(database, running.job_id, seconds_ago)
        expire(database, running.job_id)
        reconciler.sweep(database)
        assert job_of(database, running.job_id).status is JobStatus.CANCELLED


def test_all_that_is_due_is_settled_in_one_sweep_and_nothing_else(
    database: Database, running: Claim, submitted: Callable[..., Job]
) -> None:
    jobs = [running.job_id, *(submitted().id for _ in range(3))]
    for job_id in jobs[1:]:
        start(database, take(database, job_id))
    expire(database, jobs[0])
    cancel(database, jobs[1], seconds_ago=10)
    cancel(database, jobs[2], seconds_ago=10)
    expire(database, jobs[2])
    reconciler.sweep(database)
    assert [job_of(database, job_id).status for job_id in jobs] == ["queued", "cancelled", "cancelled", "running"]


def test_a_worker_that_is_back_in_time_keeps_its_job(
    database: Database, running: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a sweep's look and its move, the lease is renewed."""
    expire_lease = lifecycle.expire_lease

    def late(session: Session, job_id: str) -> bool:
        lifecycle.heartbeat(session, running, 30)
        return expire_lease(session, job_id)

    monkeypatch.setattr(lifecycle, "expire_lease", late)
    expire(database, running.job_id)
    reconciler.sweep(database)
    assert job_of(database, running.job_id).status is JobStatus.RUNNING


def test_several_sweeps_at_once_settle_a_job_once(database: Database, running: Claim) -> None:
    expire(database, running.job_id)
    barrier = Barrier(4)

    def sweep() -> None:
        barrier.wait()
        reconciler.sweep(database)

    threads = [Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert job_of(database, running.job_id).losses == 1
    assert events_of(database, running.job_id).count("requeued") == 1


@pytest.fixture
def names() -> set[str]:
    """Of the threads that were there before."""
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [DatabaseUnavailable("gone"), RuntimeError("a mistake")])
def test_periodic_tasks_go_on_whatever_one_of_them_raises(
    error: Exception, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "LEAVE_WITHIN_SECONDS", 60)  # a traceback takes its time on a busy machine
    again, other = Event(), Event()
    calls = list[int]()

    def fail() -> None:
        calls.append(1)
        if len(calls) > 2:
            again.set()
        raise error

    with running_periodically([PeriodicTask(0.01, fail), PeriodicTask(0.02, other.set)]):
        assert again.wait(60)
        assert other.wait(60)
    assert {thread.name for thread in threading.enumerate()} <= names


def test_who_stops_does_not_wait_for_the_next_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "LEAVE_WITHIN_SECONDS", 60)
    with running_periodically([PeriodicTask(3600, lambda: None)]):
        [thread] = [thread for thread in threading.enumerate() if thread.name == "periodic tasks"]
    assert not thread.is_alive()


def test_a_periodic_task_is_run_when_its_time_has_come_and_not_before(database: Database) -> None:
    done, never = Event(), Event()
    with running_periodically([PeriodicTask(3600, never.set), PeriodicTask(0.01, done.set)]):
        assert done.wait(60)
    assert not never.is_set()


def test_the_service_s_periodic_tasks_are_the_sweep_and_old_keys(database: Database, running: Claim) -> None:
    expire(database, running.job_id)
    reconciler.sweeping(database, lambda _job_id: True).run()
    assert job_of(database, running.job_id).status is JobStatus.QUEUED
    with database.session() as session:
        session.add(IdempotencyKey(key="old", request="", job_id="", answer=""))
        session.flush()
        session.execute(update(IdempotencyKey).values(created_at=DatabaseNow(-8 * 24 * 3600)))
    reconciler.deleting_old_keys(database).run()
    with database.snapshot() as session:
        assert session.scalars(select(IdempotencyKey)).all() == []
