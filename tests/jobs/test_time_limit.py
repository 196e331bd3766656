from collections.abc import Callable

import pytest
from sqlalchemy import update

from jobs import lifecycle, requests
from jobs.fence import Claim
from models import Attempt, Database, Job, JobStatus
from models.columns import DatabaseNow
from tests.jobs.conftest import change, drop, ends_of, events_of, job_of, publish, spec, start, stored, take


@pytest.fixture
def limited(submitted: Callable[..., Job]) -> Job:
    """A job that may take two minutes."""
    return submitted(spec(time_limit_minutes=2))


def has_taken(database: Database, claim: Claim, seconds: float) -> None:
    """Its attempt has been at work for so long."""
    started = update(Attempt).where(Attempt.job_id == claim.job_id, Attempt.number == claim.attempt)
    with database.session() as session:
        session.execute(started.values(started_at=DatabaseNow(-seconds)))


def test_without_a_limit_there_is_none(running: Claim) -> None:
    assert running.seconds_left is None


def test_every_attempt_has_what_those_before_it_have_left(database: Database, limited: Job) -> None:
    left = []
    for seconds in (30, 60, 20):
        claim = take(database, limited.id)
        left.append(claim.seconds_left)
        has_taken(database, claim, seconds)
        drop(database, claim)
    assert left == [pytest.approx(seconds, abs=2) for seconds in (120, 90, 30)]


def test_time_in_the_queue_and_in_a_pause_does_not_count(database: Database, limited: Job) -> None:
    claim = take(database, limited.id)
    has_taken(database, claim, 30)
    with database.session() as session:
        requests.request_pause(session, limited.id)
        lifecycle.release_job(session, claim)
        ended = update(Attempt).values(started_at=DatabaseNow(-10_030), ended_at=DatabaseNow(-10_000))
        session.execute(ended)
    change(database, limited.id, created_at=DatabaseNow(-20_000), started_at=DatabaseNow(-10_030))
    with database.session() as session:
        requests.resume(session, limited.id)
    assert take(database, limited.id).seconds_left == pytest.approx(90, abs=2)


def test_where_nothing_is_left_no_attempt_begins(database: Database, limited: Job) -> None:
    claim = take(database, limited.id)
    has_taken(database, claim, 121)
    drop(database, claim)
    with database.session() as session:
        assert lifecycle.claim(session, limited.id, "first", 30) is None
    job = job_of(database, limited.id)
    assert (job.status, job.error and job.error["code"]) == (JobStatus.FAILED, "timeout")
    assert ends_of(database, limited.id) == ["drained"]
    assert events_of(database, limited.id)[-2:] == ["requeued", "failed"]


def test_but_one_that_is_to_be_stopped_still_gets_its_weights(database: Database, limited: Job) -> None:
    claim = take(database, limited.id)
    start(database, claim)
    publish(database, claim, (1, 0))
    has_taken(database, claim, 121)
    drop(database, claim)
    with database.session() as session:
        requests.request_stop(session, limited.id)
    last = take(database, limited.id)
    assert (last.finish_at_once, last.seconds_left) == (True, None)


def test_a_job_whose_time_is_up_keeps_the_weights_that_it_has(database: Database, limited: Job) -> None:
    claim = take(database, limited.id)
    start(database, claim)
    weights = stored(claim, "weights")
    with database.session() as session:
        lifecycle.settle_timeout(session, claim, weights, 0, 1)
    job = job_of(database, limited.id)
    assert (job.status, job.error and job.error["code"]) == (JobStatus.FAILED, "timeout")
    assert job.weights
    assert job.weights["name"] == weights.name
    assert ends_of(database, limited.id) == ["timeout"]


def test_nor_loses_them_where_it_was_up_between_two_attempts(database: Database, limited: Job) -> None:
    claim = take(database, limited.id)
    start(database, claim)
    publish(database, claim, (1, 0))
    has_taken(database, claim, 121)
    drop(database, claim)
    last = take(database, limited.id)
    assert (last.finish_at_once, last.seconds_left) == (True, 0.0)
