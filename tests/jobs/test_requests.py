from collections.abc import Callable, Iterator
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import lifecycle, placement, recording, requests
from jobs.errors import JobError, JobFinished, JobNotFound, JobNotPaused, RequestPending
from jobs.fence import Claim
from models import ACTIVE, TERMINAL, Checkpoint, Database, Job, JobStatus, Request
from tests.jobs.conftest import (
    change,
    checkpoints_of,
    drop,
    ends_of,
    epoch_metrics,
    events_of,
    everything,
    job_of,
    lose,
    publish,
    start,
    take,
    weights_of,
)

VERBS: dict[str, Callable[[Session, str], Job]] = {
    "cancel": requests.request_cancel,
    "stop": requests.request_stop,
    "pause": requests.request_pause,
    "resume": requests.resume,
}

Outcome = tuple[JobStatus, Request | None] | type[JobError]


def outcome(verb: str, status: JobStatus, pending: Request | None, has_checkpoint: bool) -> Outcome:
    """What a verb does, as the documentation says it."""
    if status in TERMINAL:
        repeated = {"cancel": JobStatus.CANCELLED, "stop": JobStatus.STOPPED}.get(verb) is status
        return (status, None) if repeated else JobFinished
    match verb, pending:
        case "cancel", _:
            return (status, Request.CANCEL) if status in ACTIVE else (JobStatus.CANCELLED, None)
        case (("stop" | "pause"), Request.CANCEL):
            return RequestPending
        case "stop", _ if status in ACTIVE or pending is Request.STOP:
            return (status, Request.STOP)
        case "stop", _:
            return (JobStatus.QUEUED, Request.STOP) if has_checkpoint else (JobStatus.STOPPED, None)
        case "pause", Request.STOP:
            return RequestPending
        case "pause", _:
            return (status, Request.PAUSE) if status in ACTIVE else (JobStatus.PAUSED, None)
        case "resume", Request.PAUSE:
            return (status, None)
        case _:
            return (JobStatus.QUEUED, None) if status is JobStatus.PAUSED else JobNotPaused


def states() -> Iterator[tuple[JobStatus, Request | None, bool]]:
    """Every status with every request that may be pending in it, without a checkpoint and with one."""
    for status, has_checkpoint in product(JobStatus, [False, True]):
        yield status, None, has_checkpoint
        if status in ACTIVE:
            yield from ((status, pending, has_checkpoint) for pending in Request)
    yield JobStatus.QUEUED, Request.STOP, True


@pytest.fixture
def job_in(database: Database, submitted: Callable[..., Job]) -> Callable[[JobStatus, Request | None, bool], str]:
    """Makes a job of one attempt that is in such a state."""

    def make(status: JobStatus, pending: Request | None, has_checkpoint: bool) -> str:
        claim = take(database, submitted().id)
        if has_checkpoint:
            publish(database, claim, (1, 0))
        if status not in ACTIVE:
            drop(database, claim)
        change(database, claim.job_id, status=status, requested=pending)
        return claim.job_id

    return make


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_verb_does_in_every_state(
    database: Database, job_in: Callable[[JobStatus, Request | None, bool], str], verb: str
) -> None:
    for state in states():
        status, pending, _ = state
        job_id, expected = job_in(*state), outcome(verb, *state)
        before, events = everything(database), events_of(database, job_id)
        if isinstance(expected, type):
            with pytest.raises(expected) as refused, database.session() as session:
                VERBS[verb](session, job_id)
            assert job_id in str(refused.value)
            assert str(pending if expected is RequestPending else status) in str(refused.value)
            assert everything(database) == before, (verb, *state)
            continue
        with database.session() as session:
            VERBS[verb](session, job_id)
        job = job_of(database, job_id)
        assert (job.status, job.requested) == expected, (verb, *state)
        said = events_of(database, job_id)[len(events) :]
        if expected == (status, pending):
            assert everything(database) == before, (verb, *state)  # asking twice is asking once
        elif verb == "resume":
            assert said == ["resumed"]
        else:
            assert said == [f"{verb}_requested" if job.requested else job.status], (verb, *state)


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_asked_of_a_job_that_never_was_is_refused(database: Database, verb: str) -> None:
    with pytest.raises(JobNotFound, match="job_unknown"), database.session() as session:
        VERBS[verb](session, "job_unknown")


@pytest.mark.parametrize("earlier", ["stop", "pause"])
def test_a_cancel_goes_before_everything(database: Database, running: Claim, earlier: str) -> None:
    publish(database, running, (1, 0))
    with database.session() as session:
        VERBS[earlier](session, running.job_id)
        asked_at = job_of(database, running.job_id).requested_at
        VERBS["cancel"](session, running.job_id)
    assert job_of(database, running.job_id).requested is Request.CANCEL
    assert job_of(database, running.job_id).requested_at != asked_at
    assert drop(database, running) is False
    assert job_of(database, running.job_id).status is JobStatus.CANCELLED
    assert ends_of(database, running.job_id) == ["cancelled"]
    assert checkpoints_of(database, running.job_id) == []


def test_a_success_that_was_there_before_the_request_was_seen_remains_one(database: Database, running: Claim) -> None:
    with database.session() as session:
        requests.request_pause(session, running.job_id)
        lifecycle.settle_success(session, running, weights_of(running))
    job = job_of(database, running.job_id)
    assert (job.status, job.requested, job.requested_at) == (JobStatus.SUCCEEDED, None, None)


@pytest.mark.parametrize("paused", [False, True], ids=["queued", "paused"])
def test_a_stop_of_what_no_worker_has_sends_it_to_one_for_its_weights(
    database: Database, running: Claim, paused: bool
) -> None:
    publish(database, running, (1, 0))
    with database.session() as session:
        if paused:
            requests.request_pause(session, running.job_id)
        lifecycle.release_job(session, running)
        requests.request_stop(session, running.job_id)
    with database.snapshot() as session:
        candidate = placement.next_job(session, ["cpu"])
    assert candidate
    last = take(database, candidate.job_id)
    assert (last.job_id, last.attempt, last.finish_at_once) == (running.job_id, 2, True)
    with database.session() as session:
        lifecycle.settle_stop(session, last, weights_of(last), epoch=1, step=0)
    job = job_of(database, running.job_id)
    assert (job.status, job.requested) == (JobStatus.STOPPED, None)
    assert job.weights
    assert job.weights["name"] == weights_of(last).name
    assert events_of(database, running.job_id)[-3:] == ["stop_requested", "starting", "stopped"]


def test_a_worker_that_leaves_or_is_lost_on_a_stop_leaves_it_to_another(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    with database.session() as session:
        requests.request_stop(session, running.job_id)
    assert lose(database, running) is True
    second = take(database, running.job_id)
    assert second.finish_at_once
    assert drop(database, second) is True
    assert take(database, running.job_id).finish_at_once


@pytest.mark.parametrize(("lost", "end"), [(False, "stopped"), (True, "worker_lost")])
def test_without_a_checkpoint_such_a_job_is_stopped_as_it_is(
    database: Database, running: Claim, lost: bool, end: str
) -> None:
    with database.session() as session:
        requests.request_stop(session, running.job_id)
    assert (lose if lost else drop)(database, running) is False
    job = job_of(database, running.job_id)
    assert (job.status, job.weights, job.error) == (JobStatus.STOPPED, None, None)
    assert ends_of(database, running.job_id) == [end]


def test_so_it_is_where_none_can_be_used(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    drop(database, running)
    second = take(database, running.job_id)
    with database.session() as session:
        recording.record_unusable(session, second, second.checkpoints[0].file.name, "torn")
        lifecycle.release_job(session, second)
        requests.request_stop(session, running.job_id)
    assert job_of(database, running.job_id).status is JobStatus.STOPPED


def test_a_pause_frees_the_worker_and_a_resumption_goes_on_from_the_checkpoint(
    database: Database, running: Claim
) -> None:
    with database.session() as session:
        requests.request_pause(session, running.job_id)
        recording.record_epoch(session, running, epoch_metrics(0))
    publish(database, running, (1, 0))
    assert drop(database, running) is False
    job = job_of(database, running.job_id)
    assert (job.status, job.owner, job.lease_until, job.requested) == (JobStatus.PAUSED, None, None, None)
    with database.session() as session:
        assert lifecycle.claim(session, running.job_id, "second", 30) is None
        requests.resume(session, running.job_id)
    assert job_of(database, running.job_id).queued_at > job.queued_at
    again = take(database, running.job_id)
    assert [(each.epoch, each.step) for each in again.checkpoints] == [(1, 0)]
    assert ends_of(database, running.job_id) == ["paused", None]
    assert events_of(database, running.job_id)[3:] == ["pause_requested", "paused", "resumed", "starting"]


def test_resumed_before_the_pause_has_happened_it_goes_on(database: Database, running: Claim) -> None:
    with database.session() as session:
        requests.request_pause(session, running.job_id)
        requests.resume(session, running.job_id)
        assert lifecycle.heartbeat(session, running, 30) is None
    job = job_of(database, running.job_id)
    assert (job.status, job.attempt, job.requested_at) == (JobStatus.RUNNING, 1, None)
    assert drop(database, running) is True  # a worker that saw the pause and no more: another goes on


def test_a_worker_that_is_lost_on_a_pause_leaves_the_job_paused(database: Database, running: Claim) -> None:
    with database.session() as session:
        requests.request_pause(session, running.job_id)
    assert lose(database, running) is False
    assert job_of(database, running.job_id).status is JobStatus.PAUSED
    assert ends_of(database, running.job_id) == ["worker_lost"]


def test_a_cancel_takes_the_checkpoints_of_this_job_alone(
    database: Database, running: Claim, submitted: Callable[..., Job]
) -> None:
    other = take(database, submitted().id)
    start(database, other)
    for claim in (running, other):
        publish(database, claim, (1, 0))
        drop(database, claim)
    with database.session() as session:
        requests.request_cancel(session, running.job_id)
    with database.snapshot() as session:
        assert session.scalars(select(Checkpoint.job_id)).all() == [other.job_id]
