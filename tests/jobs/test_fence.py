from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from jobs import lifecycle, recording, requests
from jobs.errors import AttemptFenced
from jobs.fence import Claim
from models import Database, DatabaseUnavailable, Job, JobStatus, Request
from models.outages import kind_of
from tests.jobs.conftest import (
    BROKEN,
    LOST,
    checkpoint_of,
    drop,
    epoch_metrics,
    events_of,
    everything,
    expire,
    job_of,
    publish,
    step_metrics,
    take,
    weights_of,
)
from tests.stage import FACTS

Write: TypeAlias = Callable[[Session, Claim], object]

LETTING_GO: dict[str, Write] = {
    "heartbeat": lambda session, claim: lifecycle.heartbeat(session, claim, 30),
    "release_job": lifecycle.release_job,
    "lose_attempt": lambda session, claim: lifecycle.lose_attempt(session, claim, LOST),
}
RESULTS: dict[str, Write] = {
    "start": lambda session, claim: recording.record_start(session, claim, FACTS),
    "facts": lambda session, claim: recording.record_facts(session, claim, FACTS),
    "steps": lambda session, claim: recording.record_steps(session, claim, [step_metrics(0, 0)]),
    "epoch": lambda session, claim: recording.record_epoch(session, claim, epoch_metrics(0)),
    "loading": lambda session, claim: recording.record_loading(session, claim, checkpoint_of(claim, 1).file.name),
    "unusable": lambda session, claim: recording.record_unusable(
        session, claim, checkpoint_of(claim, 1).file.name, "torn"
    ),
    "checkpoint": lambda session, claim: recording.record_checkpoint(session, claim, checkpoint_of(claim, 2)),
    "trouble": lambda session, claim: recording.record_trouble(session, claim, "checkpoint_failed", "No space."),
    "success": lambda session, claim: lifecycle.settle_success(session, claim, weights_of(claim)),
    "failure": lambda session, claim: lifecycle.settle_failure(session, claim, BROKEN),
    "timeout": lambda session, claim: lifecycle.settle_timeout(session, claim, weights_of(claim), 1, 0),
    "stop": lambda session, claim: lifecycle.settle_stop(session, claim, weights_of(claim), 1, 0),
}
WRITES = LETTING_GO | RESULTS


def refused(database: Database, claim: Claim, writes: Mapping[str, Write]) -> None:
    """Each of the writes is, and has changed nothing."""
    before = everything(database)
    for name, write in writes.items():
        with pytest.raises(AttemptFenced), database.session() as session:
            write(session, claim)
            pytest.fail(f"{name} was accepted")
        assert everything(database) == before, name


def test_no_write_of_an_attempt_lands_once_another_has_the_job(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    expire(database, running.job_id)
    with database.session() as session:
        assert lifecycle.expire_lease(session, running.job_id)
    take(database, running.job_id)
    refused(database, running, WRITES)
    with pytest.raises(AttemptFenced), database.snapshot() as session:
        lifecycle.requested(session, running)


def test_nor_while_the_job_waits_for_another(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    drop(database, running)
    refused(database, running, WRITES)


def test_nor_once_it_is_paused_or_has_ended(database: Database, running: Claim, submitted: Callable[..., Job]) -> None:
    paused = take(database, submitted().id)
    with database.session() as session:
        requests.request_pause(session, paused.job_id)
        lifecycle.release_job(session, paused)
        lifecycle.settle_success(session, running, weights_of(running))
    refused(database, paused, WRITES)
    refused(database, running, WRITES)


def test_after_an_acknowledged_cancel_nothing_more_is_stored(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    with database.session() as session:
        requests.request_cancel(session, running.job_id)
    refused(database, running, RESULTS)


@pytest.mark.parametrize(
    "release_job", [LETTING_GO["release_job"], LETTING_GO["lose_attempt"]], ids=["release_job", "lose_attempt"]
)
def test_but_its_worker_can_still_let_go_of_it(database: Database, running: Claim, release_job: Write) -> None:
    with database.session() as session:
        requests.request_cancel(session, running.job_id)
        assert lifecycle.heartbeat(session, running, 30) is Request.CANCEL
        assert lifecycle.requested(session, running) is Request.CANCEL
        assert release_job(session, running) is False
    job = job_of(database, running.job_id)
    assert (job.status, job.requested) == (JobStatus.CANCELLED, None)
    assert events_of(database, running.job_id)[2:] == ["running", "cancel_requested", "cancelled"]


@pytest.mark.parametrize("request_it", [requests.request_stop, requests.request_pause], ids=["stop", "pause"])
def test_a_stop_or_a_pause_keeps_out_nothing(
    database: Database, running: Claim, request_it: Callable[[Session, str], Job]
) -> None:
    publish(database, running, (1, 0))
    with database.session() as session:
        request_it(session, running.job_id)
        for name in ("facts", "steps", "epoch", "loading", "unusable", "checkpoint", "trouble"):
            WRITES[name](session, running)


@pytest.fixture
def stuck(database: Database, running: Claim) -> Iterator[Connection]:
    """Another process's connection: its lease has run out while it stood still in a transaction on its job."""
    expire(database, running.job_id)
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with other.engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM jobs FOR UPDATE"))
        yield connection
        connection.invalidate()
    other.dispose()


# SQLite is one machine's: nobody can take its lock from a process that stands still.
on_postgresql = pytest.mark.parametrize("_databases", ["postgresql"], indirect=True)


@on_postgresql
def test_a_process_that_stands_still_in_a_transaction_keeps_nobody_from_taking_over(
    database: Database, running: Claim, stuck: Connection
) -> None:
    with database.session() as session:  # waits, until the server gives the other one up
        assert lifecycle.expire_lease(session, running.job_id)
    with pytest.raises(DBAPIError) as gone:  # the process goes on
        stuck.execute(text("UPDATE jobs SET attempt = 7"))
    assert gone.value.connection_invalidated or "terminating connection" in str(gone.value)
    assert job_of(database, running.job_id).attempt == 1
    assert kind_of(gone.value) is DatabaseUnavailable  # so that whoever goes on tries again
