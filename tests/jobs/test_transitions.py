from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session

from jobs import lifecycle, requests
from jobs.fence import Claim
from jobs.transitions import set_status
from models import ACTIVE, TERMINAL, TRANSITIONS, Database, Job, JobStatus
from tests.jobs.conftest import BROKEN, LOST, change, drop, events_of, expire, job_of, publish, start, take, weights_of

# What each status may turn into, written out a second time.
TABLE = {
    "queued": "starting paused failed cancelled stopped",
    "starting": "running queued paused failed cancelled stopped",
    "running": "succeeded queued paused failed cancelled stopped",
    "paused": "queued cancelled stopped",
    "succeeded": "",
    "failed": "",
    "cancelled": "",
    "stopped": "",
}


def test_the_table_says_what_may_become_of_a_job_and_nothing_leaves_an_end() -> None:
    assert {status.value: set(after) for status, after in TRANSITIONS.items()} == {
        status: {JobStatus(after) for after in line.split()} for status, line in TABLE.items()
    }
    assert {status for status, after in TRANSITIONS.items() if not after} == TERMINAL
    assert {JobStatus.STARTING, JobStatus.RUNNING} == ACTIVE


@pytest.mark.parametrize("status", JobStatus)
def test_a_move_that_the_table_does_not_have_is_a_mistake_of_ours(status: JobStatus) -> None:
    for after in JobStatus:
        job = Job(status=status)
        if after in TRANSITIONS[status]:
            set_status(job, after)
            assert job.status is after
        else:
            with pytest.raises(AssertionError, match=f"{status} -> {after}"):
                set_status(job, after)
            assert job.status is status


MOVES: dict[str, Callable[[Session, Claim], object]] = {
    "succeeded": lambda session, claim: lifecycle.settle_success(session, claim, weights_of(claim)),
    "failed": lambda session, claim: lifecycle.settle_failure(session, claim, BROKEN),
    "stopped": lambda session, claim: lifecycle.settle_stop(session, claim, weights_of(claim), 1, 0),
    "requeued": lifecycle.release_job,
}


@pytest.mark.parametrize("kind", MOVES)
def test_whoever_lets_go_holds_nothing_any_more(database: Database, running: Claim, kind: str) -> None:
    with database.session() as session:
        MOVES[kind](session, running)
    job = job_of(database, running.job_id)
    assert (job.owner, job.lease_until) == (None, None)
    assert events_of(database, running.job_id)[-1] == kind
    assert bool(job.finished_at) is (job.status in TERMINAL)
    assert job.attempts[-1].ended_at


@pytest.fixture
def eventful(database: Database, submitted: Callable[..., Job]) -> str:
    """A job that has been through everything but its end."""
    job_id = submitted(max_retries=9).id
    claim = take(database, job_id)
    start(database, claim)
    drop(database, claim)
    claim = take(database, job_id)
    with database.session() as session:
        lifecycle.lose_attempt(session, claim, LOST)
    take(database, job_id)
    expire(database, job_id)
    with database.session() as session:
        lifecycle.expire_lease(session, job_id)
    claim = take(database, job_id)
    publish(database, claim, (1, 0))
    with database.session() as session:
        requests.request_pause(session, job_id)
        lifecycle.release_job(session, claim)
        requests.resume(session, job_id)
        requests.request_stop(session, job_id)
    return job_id


def statuses(events: list[str]) -> Iterator[str]:
    """That these events tell of."""
    told = {"requeued": "queued", "resumed": "queued"}
    return (told.get(event, event) for event in events if not event.endswith("_requested"))


def test_every_move_has_its_event_and_the_events_tell_of_moves_that_the_table_has(
    database: Database, eventful: str
) -> None:
    claim = take(database, eventful)
    with database.session() as session:
        lifecycle.settle_stop(session, claim, weights_of(claim), 1, 0)
    events = events_of(database, eventful)
    assert " ".join(events) == (
        "queued starting running requeued starting requeued starting requeued starting pause_requested paused resumed "
        "stop_requested starting stopped"
    )
    for before, after in pairwise(statuses(events)):
        assert after in TABLE[before].split()


def test_what_was_never_committed_has_no_event(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    with pytest.raises(RuntimeError), database.session() as session:
        requests.request_cancel(session, job.id)
        raise RuntimeError
    assert events_of(database, job.id) == ["queued"]
    change(database, job.id, name="another")
    assert events_of(database, job.id) == ["queued"]
